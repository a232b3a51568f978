"""Runloop's own SDKs, untouched, as clients of the real server: each in the environment that `make setup` made."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

import anyio
import pytest

from runloop_mcp.access.keyring import open_keyring

PROGRAMS = Path(__file__).parent / "programs"
ENVIRONMENTS = Path(__file__).parents[2] / ".sdks"
PATIENCE = 100.0
"""Seconds that a program may take, on a machine that has much else to do; each takes a few."""

Told = dict[str, Any]
Ask = Callable[..., Told]


@dataclass(frozen=True)
class Server:
    """A server that serves over HTTP."""

    url: str
    key: str


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All programs talk to one server."""
    for item in items:
        if item.path.parent == PROGRAMS.parent:
            item.add_marker(pytest.mark.xdist_group("sdk"))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, built_tools: Path) -> Iterator[Server]:
    """`runloop-mcp serve --transport http` with a key, over the sandbox, for all tests here."""
    state = tmp_path_factory.mktemp("served")
    shutil.copytree(built_tools, state / "sandbox" / "tools", symlinks=True, copy_function=os.link)
    key = anyio.run(_new_key, state)
    command = [
        sys.executable,
        "-m",
        "runloop_mcp",
        "serve",
        "--transport",
        "http",
        "--port",
        "0",
        "--max-devboxes",
        "9",
    ]
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
    return (await (await open_keyring(state)).create("sdk")).key


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    due = time.monotonic() + PATIENCE
    while not (found := re.search(r"RUNLOOP_BASE_URL=(\S+)\n[\s\S]*Ctrl-C", said := log.read_text())):
        assert process.poll() is None, said
        assert time.monotonic() < due, said
        time.sleep(0.02)
    return found.group(1)


@pytest.fixture
def ask(server: Server, tmp_path: Path) -> Ask:
    """Runs a program in an SDK's environment, such as `python-1.4.0`, and gives what it told.

    Its first argument is a word that nobody else has; its second one a file that it may make. It finds the server at
    `url`, where that is not the server's own address.
    """

    def run(environment: str, program: str, url: str = server.url) -> Told:
        folder = ENVIRONMENTS / environment
        assert (folder / ".made-from").is_file(), f"There is no {folder}; run: make setup"
        if environment.startswith("python"):
            command = [str(folder / "bin" / "python"), str(PROGRAMS / f"{program}.py")]
        else:
            # Beside the modules that it imports, as a user's program would lie.
            for source in PROGRAMS.glob("*.mjs"):
                shutil.copy(source, tmp_path)
            (tmp_path / "node_modules").symlink_to(folder / "node_modules")
            command = [_node(), str(tmp_path / f"{program}.mjs")]
        done = subprocess.run(
            [*command, f"t{token_hex(4)}", str(tmp_path / "file")],
            env={"PATH": os.environ["PATH"], "RUNLOOP_BASE_URL": url, "RUNLOOP_API_KEY": server.key},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr
        told: Told = json.loads(done.stdout)
        return told

    return run


def _node() -> str:
    """The Node that the environments were made with."""
    own = ENVIRONMENTS / "node" / "bin" / "node"
    return str(own) if own.exists() else str(shutil.which("node"))
