"""`runs log` and `runs export`: what a person reads of a run, and what a script takes away."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import anyio
import pytest

from runloop_mcp.api.models.devbox import ExecuteParams
from runloop_mcp.api.models.run import VALIDATION, RunProfile, StartRunParams
from runloop_mcp.api.models.scenario import InputContext, ScenarioCreateParams
from runloop_mcp.api.models.scoring import ScoringContract
from runloop_mcp.devbox.sandbox.driver import SandboxDriver
from runloop_mcp.engine.backend import EmbeddedEngine

Command = Callable[..., CompletedProcess[str]]

_CONTRACT = {
    "scoring_function_parameters": [
        {"name": "says", "weight": 1, "scorer": {"type": "command_scorer", "command": "grep -qx hello said"}}
    ]
}


@pytest.fixture
def run_id(tmp_path: Path, with_tools: Callable[[Path], Path]) -> str:
    """A run that has been solved and completed, and another of validation."""
    state = tmp_path / "state"
    with_tools(state)

    async def play() -> str:
        async with EmbeddedEngine(state, SandboxDriver(state)) as engine:
            params = ScenarioCreateParams(
                name="hello",
                input_context=InputContext(problem_statement="Write hello."),
                scoring_contract=ScoringContract.model_validate(_CONTRACT),
            )
            scenario = await engine.scenarios.create(params)
            start = StartRunParams(scenario_id=scenario.id, metadata={"model": "m-1"})
            run = await engine.scenarios.start_run(start)
            command = ExecuteParams(command="echo hello > said; echo x > ~/.bashrc; printf 'written\\033[2J\\n'")
            await engine.devboxes.execute(run.devbox_id, command)
            await engine.runs.score(run.id)
            await engine.runs.complete(run.id)
            other = start.model_copy(update={"run_profile": RunProfile(purpose=VALIDATION)})
            await engine.runs.cancel((await engine.scenarios.start_run(other)).id)
            return run.id

    return anyio.run(play)


def test_log_of_a_run(runloop: Command, run_id: str, tmp_path: Path) -> None:
    """A line for each event, all of it as JSON lines, and everything there is in a zip file."""
    lines = runloop("runs", "log", run_id).stdout.splitlines()
    events = [json.loads(line) for line in runloop("runs", "log", run_id, "--follow", "--json").stdout.splitlines()]
    assert len(lines) == len(events), "a run that has ended is followed to its end"
    assert [event["data"]["state"] for event in events if event["kind"] == "state"] == [
        "running", "scoring", "scored", "completed",
    ]  # fmt: skip
    (command,) = [line for line in lines if "echo hello" in line]
    assert "exit status 0" in command
    assert "\033" not in command
    written = runloop("runs", "log", run_id, "--zip", str(tmp_path / "log.zip"))
    assert written.returncode == 0, written.stderr
    with zipfile.ZipFile(tmp_path / "log.zip") as archive:
        names = archive.namelist()
        assert {"trace.jsonl", "score.json", "run.json", "problem.md"} <= set(names)
        (output,) = [archive.read(name) for name in names if name.startswith("outputs/")]
        assert len(archive.read("trace.jsonl").splitlines()) == len(events)
    assert output == b"written\033[2J\n"


def test_log_of_what_there_is_not(runloop: Command, tmp_path: Path) -> None:
    """A run that is not there, and options that exclude each other, are told in a sentence."""
    unknown = runloop("runs", "log", "scr_missing")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "There is no run" in unknown.stderr
    both = runloop("runs", "log", "scr_missing", "--follow", "--zip", str(tmp_path / "log.zip"))
    assert both.returncode == 2


@pytest.mark.proof
def test_rescoring_and_what_was_beside_the_answer(runloop: Command, run_id: str, tmp_path: Path) -> None:
    """By the same contract and another, kept beside the score: in the run and in the results."""
    other = {"name": "shouts", "weight": 1, "scorer": {"type": "command_scorer", "command": "grep HELLO said"}}
    (tmp_path / "contract.yaml").write_text(json.dumps({"scoring_function_parameters": [other]}))
    assert json.loads(runloop("runs", "rescore", run_id, "--json").stdout)["result"]["score"] == 1.0
    card = runloop("runs", "rescore", run_id, "--contract", str(tmp_path / "contract.yaml"))
    assert (card.returncode, "shouts" in card.stdout, "score stays 1" in card.stdout) == (0, True, True), card.stderr
    shown = runloop("runs", "show", run_id).stdout
    assert [line.split()[1:2] for line in shown.splitlines() if line.split()[:1] == ["rescored"]] == [["1.0"], ["0.0"]]
    assert "/home/user/.bashrc" in shown
    result = json.loads(runloop("runs", "export").stdout)
    assert [each["result"]["score"] for each in result["rescorings"]] == [1.0, 0.0]
    assert result["tamper_report"]["changed_outside"] == ["/home/user/.bashrc"]
    assert result["sealed"]["contract"] == result["rescorings"][0]["contract_hash"]
    assert result["score"] == 1.0


def test_a_contract_file_that_is_not_valid(runloop: Command, tmp_path: Path) -> None:
    """The error names file, line and field, before any run is looked at."""
    (tmp_path / "contract.yaml").write_text("scoring_function_parameters:\n  - {name: x, weight: many}\n")
    wrong = runloop("runs", "rescore", "scr_missing", "--contract", str(tmp_path / "contract.yaml"))
    assert wrong.returncode == 1
    assert "contract.yaml:2: scoring_function_parameters[0].weight" in wrong.stderr


def test_export_of_results(runloop: Command, run_id: str, tmp_path: Path) -> None:
    """One JSON line for each run, with what it takes to compare them; to a file, if one is named."""
    (line,) = runloop("runs", "export", "--scenario", "hello").stdout.splitlines()
    result = json.loads(line)
    assert (result["run_id"], result["scenario"], result["state"]) == (run_id, "hello", "completed")
    assert (result["score"], result["attempt"], result["model"]) == (1.0, 1, "m-1")
    assert (result["principal"], result["scoring_mode"]) == ("local", "fork")
    assert result["isolation"].startswith("sandbox")
    assert result["environment_hash"]
    assert result["start_time_ms"] <= result["end_time_ms"] == result["start_time_ms"] + result["duration_ms"]
    assert [(each["name"], each["score"], each["weight"]) for each in result["functions"]] == [("says", 1.0, 1.0)]
    target = tmp_path / "results.jsonl"
    runloop("runs", "export", "--all", "--output", str(target))
    assert [json.loads(line)["state"] for line in target.read_text().splitlines()] == ["canceled", "completed"]
