"""`runs list`: what a person sees before there are runs. With runs it is tested beside what makes them."""

import json
from collections.abc import Callable
from subprocess import CompletedProcess

Command = Callable[..., CompletedProcess[str]]


def test_no_runs_yet(runloop: Command) -> None:
    """Where there are no runs it says so, and where else they could be, instead of an empty table."""
    listed = runloop("runs", "list")
    assert (listed.returncode, listed.stdout) == (0, "")
    assert "There are no runs yet." in listed.stderr
    assert "--all" in listed.stderr
    assert json.loads(runloop("runs", "list", "--json").stdout) == []


def test_state_is_called_as_the_list_calls_it(runloop: Command) -> None:
    """Runs are filtered by a state in the words that the list shows; other words are answered with those."""
    listed = runloop("runs", "list", "--state", "completed")
    assert listed.returncode == 0
    assert "no runs in state completed" in listed.stderr
    other = runloop("runs", "list", "--state", "over")
    assert other.returncode == 2
    assert "'completed'" in other.stderr
