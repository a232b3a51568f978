"""`eval`: an agent's command over scenarios, from the start of each run to the table, and after an interruption."""

import json
import os
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from forked_python import forked_command

Command = Callable[..., CompletedProcess[str]]

pytestmark = pytest.mark.usefixtures("quick_devboxes")

_SCENARIO = """\
format: 1
name: {name}
input_context: {{problem_statement: Write 42 into answer.txt.}}
metadata: {{max_attempts: "1"}}
environment: {{launch_parameters: {{keep_alive_time_seconds: {seconds}}}}}
scoring_contract:
  scoring_function_parameters:
    - {{name: right, weight: 1, scorer: {{type: command_scorer, command: grep -qx 42 answer.txt}}}}
"""
_AGENT = shlex.join([sys.executable, "-S", str(Path(__file__).parent / "little_agent.py")])


def _pack(folder: Path, *names: str, seconds: int = 600) -> Path:
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "scenario.yaml").write_text(_SCENARIO.format(name=name, seconds=seconds))
    return folder


def _results(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.read_text().splitlines()]


def _by_attempt(output: Path) -> dict[tuple[str, int], dict[str, Any]]:
    results = _results(output)
    found = {(each["scenario"], each["attempt"]): each for each in results}
    assert len(found) == len(results), "an attempt has two results"
    return found


def _living(mark: str) -> list[str]:
    found = []
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in cmdline.read_bytes():
                found.append(cmdline.parent.name)
        except OSError:
            continue  # it ended between the listing and the look
    return found


def test_agents_solve_fail_give_up_and_run_out_of_time(tmp_path: Path, runloop: Command) -> None:
    """Each attempt has a run of its own that is scored whatever became of its agent; nothing of an agent is left."""
    pack = _pack(tmp_path / "pack", "solve", "fail", "cancel")
    _pack(pack, "sleep", seconds=12)  # which leaves its agent one or two, as scoring has to be asked for in time
    output = tmp_path / "results.jsonl"
    agent = f'{_AGENT} "$RUNLOOP_SCENARIO" {shlex.join(forked_command())}'
    evaluated = runloop(
        *("eval", "--scenarios", str(pack), "--agent", agent, "-n", "4", "--max-devboxes", "3"),
        *("--model", "little-1", "--output", str(output), "--json"),
        RUNLOOP_API_KEY="the operator's own",
    )
    assert evaluated.returncode == 0, evaluated.stderr
    found = {name: result for (name, _), result in _by_attempt(output).items()}
    seen = {
        name: (each["state"], each["score"], each["agent_exit_status"], each["agent_timed_out"])
        for name, each in found.items()
    }
    assert seen == {
        "solve": ("completed", 1.0, 0, False),
        "fail": ("completed", 0.0, 3, False),
        "cancel": ("canceled", None, 0, False),
        "sleep": ("completed", 0.0, None, True),
    }
    assert all(each["counted"] and each["model"] == "little-1" and each["seconds"] > 0 for each in found.values())
    assert Path(found["fail"]["logs"], "stdout.txt").read_text() == "fail: little-1, attempt 1\n"
    assert _living("4242.5") == []
    summary = json.loads(evaluated.stdout)
    assert (summary["mean_score"]["value"], summary["pass_at_1"]["value"]) == (0.25, 0.25)
    assert evaluated.stderr.count("\n4/4 ") == 1


@pytest.mark.proof
def test_an_interrupted_evaluation_is_carried_on(tmp_path: Path, runloop: Command, environment: dict[str, str]) -> None:
    """Its agents end with it; what has a result keeps it, and what was interrupted is made anew, and counts once."""
    pack, seen, goes_on = _pack(tmp_path / "pack", "answer"), tmp_path / "seen", tmp_path / "goes-on"
    output = tmp_path / "results.jsonl"
    agent = (
        f"if [ $RUNLOOP_ATTEMPT = 1 ] || [ -e {goes_on} ]; then exit 0; fi; (setsid sleep 4343.5 &); "
        f'echo "$RUNLOOP_RUN_ID" >> {seen}; sleep 4343.5'
    )
    environment["TMPDIR"] = str(tmp_path / "temporary")
    Path(environment["TMPDIR"]).mkdir()
    begin = ["--scenarios", str(pack), "--agent", agent, "-k", "3"]
    for number, (arguments, end) in enumerate([(begin, signal.SIGKILL), ([], signal.SIGINT)], start=1):
        command = [sys.executable, "-m", "runloop_mcp", "eval", *arguments, "-n", "2", "--output", str(output)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment) as evaluation:
            assert evaluation.stderr is not None
            _until(lambda at_work=2 * number: _words(seen) == at_work and len(_results(output)) == 1)
            evaluation.send_signal(end)
            said = evaluation.stderr.read().decode()
            assert evaluation.wait(30) == (130 if end is signal.SIGINT else -9)
        _until(lambda: not _living("4343.5") and not list(Path(environment["TMPDIR"]).iterdir()))
    assert f"Interrupted; 1 of 3 attempts are done. Go on: {_own(said)} eval --jobs 2 --output {output}" in said
    (first,) = _results(output)
    goes_on.touch()
    went_on = runloop("eval", "--output", str(output), "-n", "2")
    assert went_on.returncode == 0, went_on.stderr
    found = _by_attempt(output)
    assert [found["answer", number]["score"] for number in (1, 2, 3)] == [0.0] * 3
    assert found["answer", 1] == first
    interrupted = set(seen.read_text().split())
    assert not interrupted & {each["run_id"] for each in found.values()}
    with closing(sqlite3.connect(Path(environment["RUNLOOP_MCP_STATE_DIR"]) / "store.db")) as store:
        states = dict(store.execute("SELECT id, state FROM runs").fetchall())
    assert {states.pop(run_id) for run_id in interrupted} == {"canceled"}
    assert list(states.values()) == ["completed"] * 3


def _words(path: Path) -> int:
    return len(path.read_text().split()) if path.exists() else 0


def _own(said: str) -> str:
    return said.partition("Go on: ")[2].partition(" eval ")[0]


def _until(met: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "No agent is given"),
        (["--agent", "true", "--output", "foreign.txt"], "is no result of an evaluation"),
    ],
)
def test_what_cannot_be_evaluated_is_told(
    tmp_path: Path, runloop: Command, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    """Nothing is started, and no file of somebody else's is touched."""
    monkeypatch.chdir(tmp_path)
    Path("foreign.txt").write_text("a note without an end of line")
    environment = {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    refused = runloop("eval", *arguments, **environment)
    assert refused.returncode == 1
    assert said in refused.stderr
    assert Path("foreign.txt").read_text() == "a note without an end of line"
