"""A small MCP server, run as a process of its own by the tests of the transports.

Usage: served.py FOLDER (stdio | http | sse) [SECONDS [DRAIN_SECONDS]]

What a test has to know appears as a file in FOLDER: `ended` and `lifespan` when everything was cleaned up, `called` and
`cancelled` for the tool that waits, `url` for the address of an HTTP server. A file `linger`, put there by the test,
makes cleaning up wait until it is taken away.
"""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver import Context

from runloop_mcp.server.transports.signals import stop_on_signals
from runloop_mcp.server.transports.stdio import serve_stdio

FOLDER = Path(sys.argv[1])
TRANSPORT = sys.argv[2]
CALL_SECONDS = float(sys.argv[3]) if len(sys.argv) > 3 else 300.0
DRAIN_SECONDS = float(sys.argv[4]) if len(sys.argv) > 4 else 1.0


async def until(met: bool, path: Path) -> None:
    """Wait until a file is there, or is gone."""
    while path.exists() is not met:  # noqa: ASYNC110  the event is another process's
        await anyio.sleep(0.01)


@asynccontextmanager
async def lifespan(_: MCPServer) -> AsyncIterator[None]:
    """Awaits while it ends, as real cleaning up does."""
    yield
    await anyio.sleep(0.01)
    (FOLDER / "lifespan").touch()


server = MCPServer("served", lifespan=lifespan, log_level="ERROR")


@server.tool(structured_output=False)
async def echo(text: str) -> str:
    """The same text."""
    return text


@server.tool(structured_output=False)
async def surrogate() -> str:
    """Half a character."""
    return "cut \ud83d here"


@server.tool()
async def not_a_number() -> dict[str, object]:
    """Numbers that JSON does not have."""
    return {"nan": float("nan"), "infinite": [float("inf")], "text": "whole"}


@server.tool(structured_output=False)
def stray() -> str:
    """Prints, and has a child print and read."""
    print("stray print", flush=True)  # noqa: T201  this is what it is for
    done = subprocess.run(["sh", "-c", "echo stray child; cat"], check=True)
    return f"child ended with {done.returncode}"


@server.tool(structured_output=False)
async def huge(size: int) -> str:
    """Much text."""
    (FOLDER / "called").touch()
    return "x" * size


@server.tool(structured_output=False)
async def wait_for(name: str) -> str:
    """Waits until the test makes a file."""
    (FOLDER / "called").touch()
    try:
        await until(True, FOLDER / name)
    except anyio.get_cancelled_exc_class():
        (FOLDER / "cancelled").touch()
        raise
    return "it came"


@server.tool(structured_output=False)
async def report(steps: int, ctx: Context) -> str:
    """Sends progress."""
    for step in range(steps):
        await ctx.report_progress(step + 1, steps)
    return "reported"


@asynccontextmanager
async def backend() -> AsyncIterator[None]:
    """What a caller wraps around serving."""
    yield
    (FOLDER / "ending").touch()
    await until(False, FOLDER / "linger")
    (FOLDER / "ended").write_text(str(os.getpid()))


def announce(url: str) -> None:
    """Tell the test where."""
    (FOLDER / "url.new").write_text(url)
    (FOLDER / "url.new").rename(FOLDER / "url")


async def main() -> None:
    """Serve as told."""
    print("printed before serving")  # noqa: T201  so that a test sees where it goes
    with stop_on_signals() as stop:
        async with backend():
            if TRANSPORT == "stdio":
                await serve_stdio(server, stop=stop)
                return
            from runloop_mcp.server.transports.http import serve_http  # noqa: PLC0415  as the command line does

            await serve_http(
                server,
                port=0,
                sse_only=TRANSPORT == "sse",
                stop=stop,
                ready=announce,
                call_seconds=CALL_SECONDS,
                drain_seconds=DRAIN_SECONDS,
            )


if __name__ == "__main__":
    anyio.run(main)
