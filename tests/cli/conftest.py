"""The real command, as a person or a script starts it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import forked_python
import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of the command: this one, with a state of its own and nothing else that could set something."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("RUNLOOP", "OTEL_"))}
    return {**inherited, "RUNLOOP_MCP_STATE_DIR": str(tmp_path / "state"), "COLUMNS": "100", "NO_COLOR": "1"}


@pytest.fixture
def quick_devboxes(tmp_path: Path, with_tools: Callable[[Path], Path]) -> None:
    """The state holds what devboxes share, which the first command that needs one would build."""
    with_tools(tmp_path / "state")


@pytest.fixture
def runloop(environment: dict[str, str]) -> Command:
    """Runs `runloop-mcp` with the arguments given, to its end; `given` is its standard input."""

    def run(
        *arguments: str, seconds: float = 60, given: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        command = ["-m", "runloop_mcp", *arguments]
        return forked_python.run(command, env={**environment, **variables}, given=given, timeout=seconds)

    return run


@pytest.fixture
def started(environment: dict[str, str]) -> Command:
    """Likewise, each time by an interpreter that is started for it: for what is about the start."""

    def run(
        *arguments: str, seconds: float = 60, given: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "runloop_mcp", *arguments],
            capture_output=True,
            text=True,
            check=False,
            input=given,
            timeout=seconds,
            env={**environment, **variables},
        )

    return run
