"""`runs log` and `runs export`: what a person reads of a run, and what a script takes away."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Command = Callable[..., CompletedProcess[str]]

_SCENARIO = """\
format: 1
name: hello
input_context: {problem_statement: Write hello.}
scoring_contract:
  scoring_function_parameters:
    - {name: says, weight: 1, scorer: {type: command_scorer, command: grep -qx hello said}}
reference_output: "echo hello > said; echo written"
"""


@pytest.fixture
def run_id(runloop: Command, tmp_path: Path) -> str:
    """A run that has been solved and completed."""
    (tmp_path / "pack" / "hello").mkdir(parents=True)
    (tmp_path / "pack" / "hello" / "scenario.yaml").write_text(_SCENARIO)
    result = runloop("validate", "--repeat", "1", str(tmp_path / "pack" / "hello"))
    assert result.returncode == 0, result.stderr
    runs = json.loads(runloop("runs", "list", "--all", "--json").stdout)
    return str(next(run["id"] for run in runs if run["score"] == 1.0))


def test_log_of_a_run(runloop: Command, run_id: str, tmp_path: Path) -> None:
    """A line for each event, all of it as JSON lines, and everything there is in a zip file."""
    lines = runloop("runs", "log", run_id).stdout.splitlines()
    events = [json.loads(line) for line in runloop("runs", "log", run_id, "--json").stdout.splitlines()]
    assert len(lines) == len(events)
    assert [event["data"]["state"] for event in events if event["kind"] == "state"] == [
        "running", "scoring", "scored", "completed",
    ]  # fmt: skip
    assert any("echo hello" in line for line in lines), lines
    followed = runloop("runs", "log", run_id, "--follow")
    assert followed.stdout.splitlines() == lines
    written = runloop("runs", "log", run_id, "--zip", str(tmp_path / "log.zip"))
    assert written.returncode == 0, written.stderr
    with zipfile.ZipFile(tmp_path / "log.zip") as archive:
        names = archive.namelist()
        assert {"trace.jsonl", "score.json", "run.json", "problem.md"} <= set(names)
        outputs = [archive.read(name) for name in names if name.startswith("outputs/")]
        assert len(archive.read("trace.jsonl").splitlines()) == len(events)
    assert any(b"written" in output for output in outputs)
    unknown = runloop("runs", "log", "scr_missing")
    assert unknown.returncode == 1
    assert "Traceback" not in unknown.stderr


def test_export_of_results(runloop: Command, run_id: str, tmp_path: Path) -> None:
    """One JSON line for each run, with what it takes to compare them; to a file, if one is named."""
    results = [json.loads(line) for line in runloop("runs", "export", "--all").stdout.splitlines()]
    (result,) = [each for each in results if each["run_id"] == run_id]
    assert (result["scenario"], result["state"], result["score"], result["attempt"]) == ("hello", "completed", 1.0, 1)
    assert result["environment_hash"]
    assert [(each["name"], each["score"]) for each in result["functions"]] == [("says", 1.0)]
    assert runloop("runs", "export").stdout == "", "runs of validation are nobody's attempts"
    runloop("runs", "export", "--all", "--output", str(tmp_path / "results.jsonl"))
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == len(results)
