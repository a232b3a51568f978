"""`runloop-mcp serve --transport http` with a key, as a process of its own."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio

from runloop_mcp.access.keyring import open_keyring

PATIENCE = 100.0
"""Seconds that a start may take, on a machine that has much else to do; it takes one."""


@dataclass(frozen=True)
class Server:
    """A server that serves over HTTP."""

    url: str
    key: str


@contextmanager
def serving_http(state: Path, built_tools: Path, *flags: str) -> Iterator[Server]:
    """A server with its state in a folder, over the sandbox; ends it, and looks at how it ended and what it said.

    Args:
        state: The folder, which is there.
        built_tools: What devboxes share.
        flags: Further words on its command line.
    """
    shutil.copytree(built_tools, state / "sandbox" / "tools", symlinks=True, copy_function=os.link)
    key = anyio.run(_new_key, state)
    command = [sys.executable, "-m", "runloop_mcp", "serve", "--transport", "http", "--port", "0", *flags]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RUNLOOP")}
    environment = {**inherited, "RUNLOOP_MCP_STATE_DIR": str(state)}
    log = state / "server.log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=environment
        ) as process,
    ):
        try:
            yield Server(_address(process, log), key)
        finally:
            process.terminate()
            assert process.wait(30) == 0
    said = log.read_text()
    assert key not in said
    assert "failed unexpectedly" not in said, said


async def _new_key(state: Path) -> str:
    return (await (await open_keyring(state)).create("tests")).key


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    due = time.monotonic() + PATIENCE
    while not (found := re.search(r"RUNLOOP_BASE_URL=(\S+)\n[\s\S]*Ctrl-C", said := log.read_text())):
        assert process.poll() is None, said
        assert time.monotonic() < due, said
        time.sleep(0.02)
    return found.group(1)
