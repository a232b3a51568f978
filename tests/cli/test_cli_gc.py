"""`runloop-mcp gc`: says what goes, how much and why."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

Command = Callable[..., CompletedProcess[str]]


def test_what_goes_is_said_before_and_after(runloop: Command, tmp_path: Path) -> None:
    """A dry run leaves everything; what then goes is what it said; a second time there is nothing to remove."""
    outputs = tmp_path / "state" / "outputs" / "dbx_of_no_run"
    outputs.mkdir(parents=True)
    (outputs / "exe_one.stdout").write_text("x" * 20_000)
    told = json.loads(runloop("gc", "--dry-run", "--json").stdout)
    assert told["dry_run"] is True
    (removal,) = told["removed"]
    assert (removal["what"], removal["id"], removal["run_id"]) == ("output", "dbx_of_no_run", None)
    assert told["bytes"] == removal["size"] >= 20_000
    assert outputs.exists()
    done = runloop("gc", "--retention-days", "1")
    assert "outputs of commands" in done.stdout
    assert "no run or scenario needs it" in done.stdout
    assert "Freed 20.5 kB." in done.stderr
    assert not outputs.exists()
    assert runloop("gc").stderr == "There is nothing to remove.\n"


def test_limits_that_are_none_are_refused(runloop: Command) -> None:
    """A negative number of days is no limit, and the error names the flag."""
    refused = runloop("gc", "--retention-days=-1")
    assert refused.returncode == 1
    assert "--retention-days is not valid" in refused.stderr
