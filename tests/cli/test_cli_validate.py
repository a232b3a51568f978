"""`validate`: proves scenarios by running them."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from forked_python import ForkedProcess

Command = Callable[..., CompletedProcess[str]]

pytestmark = pytest.mark.usefixtures("quick_devboxes")

_SCENARIO = """\
format: 1
name: {name}
input_context:
  problem_statement: Make the file `done` hold the word yes.
scoring_contract:
  scoring_function_parameters:
    - name: done
      weight: 1.0
      scorer: {{type: command_scorer, command: {command}}}
reference_output: |
  {reference}
validation_type: {kind}
metadata: {{summary: A file}}
"""
_QUICK = ("three-depots", "paid-twice", "turned-away", "next-please", "wet-joints", "tide-board")
"""Bundled scenarios that take a second each; with the others it would be half a minute."""

_ASKS = "grep -qx yes done"
_OWN_JUDGE = "printf '#!/bin/sh\\n' > check; chmod +x check"
"""A solution that is what judges it."""
_WARNING = "done: ./check is a program of the solver's"


def _scenario(
    pack: Path, name: str, *, command: str = _ASKS, reference: str = "echo yes > done", kind: str = "FORWARD"
) -> None:
    (pack / name).mkdir(parents=True)
    text = _SCENARIO.format(name=name, command=json.dumps(command), reference=reference, kind=kind)
    (pack / name / "scenario.yaml").write_text(text)


def _verdicts(result: CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    assert result.stdout, result.stderr
    return {each["name"]: each for each in json.loads(result.stdout)["scenarios"]}


@pytest.mark.proof
@pytest.mark.timeout(600)
def test_bundled_scenarios_are_valid_each_time(runloop: Command, full_size: bool) -> None:
    """They score below 1.0 untouched and exactly 1.0 with their reference: at full size all of them, three times."""
    times, chosen = (3, ()) if full_size else (1, _QUICK)
    result = runloop("validate", *chosen, "--repeat", str(times), "--no-cheats", "--json", seconds=590)
    found = _verdicts(result)
    assert [each for each in found.values() if each["verdict"] != "valid"] == []
    assert result.returncode == 0
    assert len(found) >= 18 if full_size else set(found) == set(chosen)
    for each in found.values():
        assert len(each["untouched"]) == times
        assert max(each["untouched"]) < 1.0
        assert each["reference"] == [1.0] * times
        assert each["attempts"] == [], "cheats were left out"
    listed = json.loads(runloop("runs", "list", "--json").stdout)
    assert listed == [], "runs of validation are nobody's attempts"
    everyones = json.loads(runloop("runs", "list", "--all", "--limit", "100", "--json").stdout)
    assert {run["state"] for run in everyones} == {"completed"}


def test_each_fault_has_its_verdict_and_reason(runloop: Command, tmp_path: Path) -> None:
    """A scenario that is not right is told apart from one that could not be tried, and from one that took too long.

    One whose solution could decide its own score stays valid, and is warned of.
    """
    pack = tmp_path / "pack"
    _scenario(pack, "right")
    _scenario(pack, "nothing-to-do", command="true")
    _scenario(pack, "unsolved", reference="echo no > done")
    _scenario(pack, "failing-reference", reference="echo yes > done; exit 3")
    _scenario(pack, "no-patch", reference="--- a/done")
    _scenario(pack, "taken-away", kind="REVERSE", command="test ! -e done")
    _scenario(pack, "chance", command="test -e done || exit 1; echo $RANDOM >> done", reference="touch done")
    _scenario(pack, "no-pass-mark", kind="EVALUATION", command="true")
    _scenario(pack, "doubtful", command="./check", reference=_OWN_JUDGE)
    (pack / "unreadable").mkdir()
    (pack / "unreadable" / "scenario.yaml").write_text("format: 1\n")
    folders = [str(folder) for folder in sorted(pack.iterdir())]
    result = runloop("validate", "--repeat", "1", "--no-cheats", "--json", *folders, seconds=110)
    found = _verdicts(result)
    assert result.returncode == 1
    verdicts = {name: each["verdict"] for name, each in found.items()}
    assert verdicts == {
        "right": "valid",
        "nothing-to-do": "invalid",
        "unsolved": "invalid",
        "failing-reference": "invalid",
        "no-patch": "invalid",
        "taken-away": "valid",
        "chance": "valid",
        "no-pass-mark": "valid",
        "doubtful": "valid",
        "unreadable": "invalid",
    }, found
    assert "nothing to solve" in found["nothing-to-do"]["reason"]
    assert "exit status 3" in found["failing-reference"]["reason"]
    assert "does not apply" in found["no-patch"]["reason"]
    assert "done" in found["unsolved"]["reason"]
    assert "scenario.yaml" in found["unreadable"]["reason"]
    (warning,) = found["doubtful"]["warnings"]
    assert warning.startswith(_WARNING)
    assert found["right"]["warnings"] == []


@pytest.mark.proof
def test_scenario_that_takes_too_long(runloop: Command, tmp_path: Path) -> None:
    """The time for one scenario is bounded; what it started is ended."""
    _scenario(tmp_path / "pack", "endless", command="sleep 1000")
    result = runloop("validate", "--timeout", "2", "--json", str(tmp_path / "pack" / "endless"))
    assert _verdicts(result)["endless"]["verdict"] == "timeout"
    states = [run["state"] for run in json.loads(runloop("runs", "list", "--all", "--json").stdout)]
    assert states == ["canceled"]


def test_verdicts_are_a_table(runloop: Command, tmp_path: Path) -> None:
    """Without --json the verdicts are a table on stdout, and progress and warnings go to stderr."""
    _scenario(tmp_path / "pack", "doubtful", command="./check", reference=_OWN_JUDGE)
    result = runloop("validate", "--repeat", "1", "--no-cheats", str(tmp_path / "pack" / "doubtful"))
    assert result.returncode == 0, result.stderr
    heading, line = result.stdout.splitlines()
    assert heading.split()[:4] == ["scenario", "verdict", "untouched", "reference"]
    assert line.split()[:4] == ["doubtful", "valid", "0", "1"]
    assert "doubtful: valid" in result.stderr
    assert any(line.startswith(f"Warning: doubtful, {_WARNING}") for line in result.stderr.splitlines())


def test_interrupt_is_quiet_and_cleans_up(environment: dict[str, str], runloop: Command, tmp_path: Path) -> None:
    """Ctrl-C ends validation with 130 and no traceback; its runs are canceled."""
    _scenario(tmp_path / "pack", "endless", reference="sleep 1000", command="grep -qx yes done")
    command = ["-m", "runloop_mcp", "validate", str(tmp_path / "pack" / "endless")]
    ours, theirs = os.openpty()
    with ForkedProcess(command, stdout=subprocess.PIPE, stderr=theirs, env={**environment, "TERM": "xterm"}) as process:
        said = b""
        while b"reference 1/3" not in said:
            said += os.read(ours, 4096)
        os.close(theirs)
        process.send_signal(signal.SIGINT)
        # Read to the end: a terminal that nobody reads holds up who writes to it.
        with contextlib.suppress(OSError):  # how a terminal ends
            while more := os.read(ours, 4096):
                said += more
        assert process.wait(30) == 130
    os.close(ours)
    assert b"Traceback" not in said
    states = {run["state"] for run in json.loads(runloop("runs", "list", "--all", "--json").stdout)}
    assert states <= {"canceled", "completed"}
    assert "canceled" in states


def test_custom_scorer_of_a_pack(runloop: Command, tmp_path: Path) -> None:
    """A script in `scorers/` of the pack is the scorer of that type; other types are refused."""
    pack = tmp_path / "pack"
    for name, kind in (("right", "says-yes"), ("misspelt", "say-yes")):
        _scenario(pack, name)
        document = pack / name / "scenario.yaml"
        scorer = f"{{type: custom_scorer, custom_scorer_type: {kind}, scorer_params: {{file: done}}}}"
        document.write_text(
            document.read_text().replace(f"{{type: command_scorer, command: {json.dumps(_ASKS)}}}", scorer)
        )
    (pack / "scorers").mkdir()
    reads = '/usr/bin/python3 -I -c \'import json, os; print(json.loads(os.environ["RL_SCORER_CONTEXT"])["file"])\''
    (pack / "scorers" / "say-yes.sh").touch()
    (pack / "scorers" / "says-yes.sh").write_text(f'grep -sqx yes "$({reads})" && echo 1 || echo 0\n')
    found = _verdicts(
        runloop("validate", "--repeat", "1", "--no-cheats", "--json", str(pack / "right"), str(pack / "misspelt"))
    )
    assert found["right"]["verdict"] == "valid", found
    assert found["misspelt"]["verdict"] != "valid"
    assert "says-yes." in found["misspelt"]["reason"]
    assert f"{pack / 'scorers' / 'say-yes.sh'}: It is empty" in found["misspelt"]["reason"]


@pytest.mark.proof
def test_cheats_are_told_in_json_and_in_words(runloop: Command, tmp_path: Path) -> None:
    """What fooled a scenario stands in its reason and in `fooled_by`; the table counts, and so does the last line."""
    _scenario(tmp_path / "pack", "fooled", command="grep -qx PASS report.txt", reference="echo PASS > report.txt")
    _scenario(tmp_path / "pack", "fair")
    folders = [str(tmp_path / "pack" / name) for name in ("fooled", "fair")]
    asked = ["--repeat", "1"]
    for cheat in ("empty-submission", "planted-result", "edited-tests"):
        asked += ["--cheat", cheat]
    result = runloop("validate", *asked, "--json", *folders)
    found = _verdicts(result)
    assert result.returncode == 1
    assert (found["fooled"]["verdict"], found["fooled"]["fooled_by"]) == ("invalid", ["planted-result"])
    assert (found["fair"]["verdict"], found["fair"]["fooled_by"]) == ("valid", [])
    outcomes = {each["cheat"]: (each["outcome"], each["score"]) for each in found["fooled"]["attempts"]}
    assert outcomes == {
        "empty-submission": ("held", 0.0),
        "planted-result": ("won", 1.0),
        "edited-tests": ("not applicable", None),
    }
    shown = runloop("validate", *asked, folders[0])
    assert "It is fooled by planted-result" in " ".join(shown.stdout.split())
    last = shown.stderr.splitlines()[-1]
    assert last.startswith("3 cheats, 1 scenario: 1 won, 0 earned a part, 1 earned nothing, 1 could not be done")


def test_unknown_cheat_is_named_beside_those_that_there_are(runloop: Command) -> None:
    """A misspelt cheat is an error that lists the right names; naming one and wanting none is another."""
    result = runloop("validate", "--cheat", "planted-results", "three-depots")
    assert result.returncode == 1
    assert "planted-results" in result.stderr
    assert "planted-result," in result.stderr
    assert "exclude each other" in runloop("validate", "--no-cheats", "--cheat", "search", "three-depots").stderr


@pytest.mark.proof
def test_validation_goes_on_where_it_was_broken_off(runloop: Command, tmp_path: Path) -> None:
    """Verdicts in the file hold until the scenario, a file of its environment or what is asked for changes."""
    pack, kept = tmp_path / "pack", tmp_path / "verdicts.jsonl"
    for name in ("first", "second"):
        _scenario(pack, name)
    _scenario(pack, "lacks")
    with (pack / "lacks" / "scenario.yaml").open("a") as document:
        document.write("required_environment_variables: [NOBODY_SETS_THIS]\n")
    folders = [str(pack / name) for name in ("first", "second", "lacks")]
    asked = ("--repeat", "1", "--no-cheats", "--results", str(kept), "--json")

    def proven_anew(*options: str) -> set[str]:
        before = kept.read_text().count("\n") if kept.exists() else 0
        result = runloop("validate", *asked, *options, *folders)
        assert {each["name"] for each in json.loads(result.stdout)["scenarios"]} == {"first", "second", "lacks"}
        return {json.loads(line)["validation"]["name"] for line in kept.read_text().splitlines()[before:]}

    assert proven_anew() == {"first", "second", "lacks"}
    (pack / "second" / "files").mkdir()
    (pack / "second" / "files" / "note").write_text("a file of the environment")
    with kept.open("a") as file:
        file.write('{"content_hash":"torn by a ki')
    assert proven_anew() == {"second", "lacks"}, "changed; could not be found out before; and no other"
    assert proven_anew("--repeat", "2") == {"first", "second", "lacks"}, "more is asked for"
    kept.write_text("my notes")
    result = runloop("validate", *asked, *folders)
    assert result.returncode == 1
    assert "Line 1" in result.stderr
    assert kept.read_text() == "my notes"
