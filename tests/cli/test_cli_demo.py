"""`demo`: an agent's way through a scenario, over a real server on stdio."""

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

Command = Callable[..., CompletedProcess[str]]


def test_demo_solves_its_scenario(runloop: Command, tmp_path: Path) -> None:
    """It walks from the list to a score of 1.0 and a completed run, a line for each call, and leaves nothing behind."""
    result = runloop("demo", seconds=110)
    assert result.returncode == 0, result.stdout + result.stderr
    calls = [line.split()[1].rstrip(":") for line in result.stdout.splitlines() if line[:3].strip(" .").isdigit()]
    assert calls[:3] == ["list_scenarios", "get_scenario", "start_run"]
    assert "exec_on_devbox" in calls
    assert calls[-2:] == ["score_run", "complete_run"]
    assert "score ████████████████████ 1" in result.stdout
    assert "\x1b" not in result.stdout
    assert result.stderr == ""
    assert list((tmp_path / "state").iterdir()) == []
