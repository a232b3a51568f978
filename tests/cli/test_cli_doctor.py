"""`doctor`: what works here, found by trying."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Command = Callable[..., CompletedProcess[str]]


def test_machine_that_can_run_devboxes(quick_devboxes: None, runloop: Command) -> None:
    """Where devboxes can run it says so, names the isolation, finds the scenarios, and exits with 0."""
    result = runloop("doctor", "--json")
    assert result.returncode == 0, result.stdout + result.stderr
    seen = json.loads(result.stdout)
    assert seen["devboxes"] is True
    assert seen["tier"] == "namespaces"
    findings = {finding["name"]: finding for finding in seen["findings"]}
    assert findings["scenarios"]["ok"], findings["scenarios"]
    assert findings["ast-grep"]["ok"], "the extra `scorers` is installed for the tests"
    assert findings["uv"]["ok"]
    assert "Devboxes can run here" in runloop("doctor").stdout


def test_state_that_cannot_be_kept(runloop: Command, tmp_path: Path) -> None:
    """Where the state can't be written it says so, names the remedy, and exits with 1."""
    (tmp_path / "state").write_text("a file")
    result = runloop("doctor")
    assert result.returncode == 1
    assert "can't be written" in result.stdout
    assert "--state-dir" in result.stdout
    assert result.stderr == ""


@pytest.mark.proof
def test_program_that_is_missing_is_a_note(runloop: Command, tmp_path: Path) -> None:
    """A missing optional program is named with how to get it, and is no failure."""
    for name in ("git", "make"):
        Path(tmp_path, name).symlink_to(f"/usr/bin/{name}")
    seen = json.loads(runloop("doctor", "--json", PATH=f"{tmp_path}{os.pathsep}{tmp_path}").stdout)
    findings = {finding["name"]: finding for finding in seen["findings"]}
    assert findings["git"]["ok"]
    assert not findings["sqlite3"]["ok"]
    assert not findings["sqlite3"]["required"]
    assert "apt-get install sqlite3" in findings["sqlite3"]["remedy"]


@pytest.mark.proof
def test_folder_that_does_not_load_is_a_note(runloop: Command, tmp_path: Path) -> None:
    """A scenario folder with a mistake is named, with its file."""
    folder = tmp_path / "pack" / "broken"
    folder.mkdir(parents=True)
    (folder / "scenario.yaml").write_text("format: 1\nname: broken\n")
    seen = json.loads(runloop("doctor", "--json", "--scenarios", str(tmp_path / "pack")).stdout)
    finding = next(finding for finding in seen["findings"] if finding["name"] == "scenarios")
    assert not finding["ok"]
    assert "broken" in finding["detail"]
    assert "scenario.yaml" in finding["detail"]
