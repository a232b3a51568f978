"""`demo`: an agent's way through a scenario, over a real server on stdio."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

Command = Callable[..., CompletedProcess[str]]


def test_demo_solves_its_scenario(runloop: Command, tmp_path: Path) -> None:
    """It walks from the list to a score of 1.0 and a completed run, and leaves nothing behind."""
    result = runloop("demo", "--json", seconds=110)
    assert result.returncode == 0, result.stdout + result.stderr
    shown = json.loads(result.stdout)
    assert shown["score"] == 1.0
    tools = [step["tool"] for step in shown["steps"]]
    assert tools[:3] == ["list_scenarios", "get_scenario", "start_run"]
    assert "exec_on_devbox" in tools
    assert "score_run" in tools
    assert tools[-1] == "complete_run"
    assert list((tmp_path / "state").iterdir()) == []


def test_demo_off_a_terminal_is_short(runloop: Command) -> None:
    """Off a terminal each call is a line, followed by the score card."""
    result = runloop("demo", seconds=110)
    assert result.returncode == 0, result.stdout + result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].split()[:2] == ["1.", "list_scenarios:"]
    assert "overnight-gap" in result.stdout
    assert len(lines) < 40
    assert "\x1b" not in result.stdout
