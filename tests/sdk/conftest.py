"""Runloop's own SDKs, untouched, as clients of the real server: each in the environment that `make setup` made."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import forked_python
import pytest
from client_environments import environment_of, node
from served_command import PATIENCE, Server, serving_command

PROGRAMS = Path(__file__).parent / "programs"

Told = dict[str, Any]
Ask = Callable[..., Told]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All programs talk to one server."""
    for item in items:
        if item.path.parent == PROGRAMS.parent:
            item.add_marker(pytest.mark.xdist_group("sdk"))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, built_tools: Path) -> Iterator[Server]:
    """`runloop-mcp serve --transport http` with a key, over the sandbox, for all tests here."""
    with serving_command(tmp_path_factory.mktemp("served"), "--max-devboxes", "9", tools=built_tools) as server:
        yield server


@pytest.fixture
def ask(server: Server, tmp_path: Path) -> Ask:
    """Runs a program in an SDK's environment, such as `python-1.4.0`, and gives what it told.

    Its first argument is a word that nobody else has; its second one a file that it may make. It finds the server at
    `url`, where that is not the server's own address.
    """

    def run(environment: str, program: str, url: str = server.url) -> Told:
        folder = environment_of(environment)
        env = {"PATH": os.environ["PATH"], "RUNLOOP_BASE_URL": url, "RUNLOOP_API_KEY": server.key}
        arguments = [f"t{token_hex(4)}", str(tmp_path / "file")]
        if environment.startswith("python"):
            done = forked_python.run(
                [str(PROGRAMS / f"{program}.py"), *arguments],
                env=env,
                timeout=PATIENCE,
                imported=(str(folder / "bin" / "python"), "runloop_api_client"),
            )
        else:
            # Beside the modules that it imports, as a user's program would lie.
            for source in PROGRAMS.glob("*.mjs"):
                shutil.copy(source, tmp_path)
            (tmp_path / "node_modules").symlink_to(folder / "node_modules")
            command = [node(), str(tmp_path / f"{program}.mjs"), *arguments]
            done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        told: Told = json.loads(done.stdout)
        return told

    return run
