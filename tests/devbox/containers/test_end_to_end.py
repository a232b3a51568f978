"""A whole scenario in containers: solved over MCP, and scored in a fresh one."""

import os
import subprocess
import sys
from pathlib import Path

import engines
import pytest
from boxes import child_environment


@pytest.mark.proof
@pytest.mark.parametrize("engine", ["docker", "podman"])
def test_a_bundled_scenario_is_solved_and_scored_in_containers(engine: str, tmp_path: Path) -> None:
    """The recorded agent of `demo` gets its full score over a real server that has containers for devboxes."""
    variables = {
        "DOCKER_HOST": engines.engine(engine).address,
        "RUNLOOP_MCP_STATE_DIR": str(tmp_path / "state"),
        "RUNLOOP_MCP_DEVBOX": "docker",
        "RUNLOOP_MCP_DOCKER_IMAGE": engines.IMAGE,
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
    }
    shown = subprocess.run(
        [sys.executable, "-m", "runloop_mcp", "demo"],
        env=child_environment(variables),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "score ████████████████████ 1" in shown.stdout
    assert "scored from a clean devbox" in shown.stdout
