"""The far end of Runloop devboxes in tests: our own REST face over the sandbox, in a process of its own, over a socket.

It stands in for Runloop's service and has what the API has, and nothing more; `far_end.py FOLDER` is that process.
"""

import atexit
import contextlib
import functools
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import anyio
from forked_python import ForkedProcess

KEY = "a-key-of-the-tests"
"""The far end takes any."""

_AT_ONCE = 500
_END_SECONDS = 30


@functools.cache
def address() -> str:
    """Where it answers; the same one for the whole process."""
    folder = Path(tempfile.mkdtemp(prefix="far-end-"))
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(filter(None, sys.path))}
    process = ForkedProcess([__file__, str(folder)], stdout=subprocess.PIPE, env=environment)
    atexit.register(_end, process, folder)
    assert process.stdout is not None
    url = process.stdout.readline().decode().strip()
    assert url, "the far end did not start"
    return url


def _end(process: ForkedProcess, folder: Path) -> None:
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    subprocess.run(["chmod", "-R", "u+rwX", folder], check=False, capture_output=True)
    shutil.rmtree(folder, ignore_errors=True)


async def serve(folder: str) -> None:
    """Serves until a signal comes."""
    from runloop_mcp.devbox.sandbox.driver import SandboxDriver  # noqa: PLC0415 - in that process alone
    from runloop_mcp.engine.backend import EmbeddedEngine  # noqa: PLC0415 - likewise
    from runloop_mcp.engine.settings import EngineSettings  # noqa: PLC0415 - likewise
    from runloop_mcp.rest.app import rest_app  # noqa: PLC0415 - likewise
    from runloop_mcp.server.transports.http import serve_app  # noqa: PLC0415 - likewise
    from runloop_mcp.server.transports.signals import stop_on_signals  # noqa: PLC0415 - likewise

    state = Path(folder)
    settings = EngineSettings(max_devboxes=_AT_ONCE)
    with stop_on_signals() as stop:
        async with EmbeddedEngine(state, SandboxDriver(state / "sandbox"), settings=settings) as engine:
            await serve_app(rest_app(engine), port=0, ready=_announce, stop=stop)


def _announce(url: str) -> None:
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        anyio.run(serve, sys.argv[1])
