"""Servers for others to judge: one over HTTP for all tests here, and the command that starts one over stdio."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from client_environments import environment_of, node
from forked_python import forked_command
from served_command import PATIENCE, Server, serving_command

HERE = Path(__file__).parent
FLAGS = ["--scenarios", str(HERE / "pack"), "--toolsets", "all"]

Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, built_tools: Path) -> Iterator[Server]:
    """A server over HTTP with a key, which has every tool and a scenario that is quickly solved."""
    with serving_command(tmp_path_factory.mktemp("judged"), *FLAGS, tools=built_tools) as server:
        yield server


@pytest.fixture(scope="session")
def stdio_command(tmp_path_factory: pytest.TempPathFactory, built_tools: Path) -> list[str]:
    """The command line of a server over stdio, which has the same."""
    state = tmp_path_factory.mktemp("started")
    shutil.copytree(built_tools, state / "sandbox" / "tools", symlinks=True, copy_function=os.link)
    return forked_command("-m", "runloop_mcp", "serve", "--state-dir", str(state), *FLAGS)


@pytest.fixture
def run(server: Server, stdio_command: list[str], tmp_path: Path) -> Run:
    """Runs a client in its environment over a transport (`stdio`, `mcp` or `sse`), and gives what it told."""

    def start(environment: str, program: str, transport: str, era: str = "") -> dict[str, Any]:
        if environment.startswith("python"):
            command = [str(environment_of(environment) / "bin" / "python"), str(HERE / "programs" / f"{program}.py")]
        else:
            # Beside the modules that it imports, as a user's program would lie.
            for source in (HERE / "programs").glob("*.mjs"):
                shutil.copy(source, tmp_path)
            (tmp_path / "node_modules").symlink_to(environment_of(environment) / "node_modules")
            command = [node(), str(tmp_path / f"{program}.mjs")]
        way = {"MCP_URL": f"{server.url}/{transport}", "MCP_KEY": server.key}
        done = subprocess.run(
            command,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "PYTHONPATH": str(HERE),
                "MCP_ERA": era,
                **({"MCP_COMMAND": json.dumps(stdio_command)} if transport == "stdio" else way),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr
        assert server.key not in done.stdout + done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    return start
