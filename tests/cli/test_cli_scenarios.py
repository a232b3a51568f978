"""`scenarios list` and `scenarios show`: a person at the command line sees all."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

from runloop_mcp.engine.scenarios.pack import bundled_pack

Command = Callable[..., CompletedProcess[str]]


def test_bundled_scenarios_are_listed(runloop: Command) -> None:
    """The bundled scenarios are there without any setting, one line each."""
    result = runloop("scenarios", "list")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["name", "difficulty", "tags", "summary"]
    listed = json.loads(runloop("scenarios", "list", "--json").stdout)
    assert {line.split()[0] for line in lines[1:]} == {each["name"] for each in listed}
    assert "overnight-gap" in {each["name"] for each in listed}


def test_scenario_that_cannot_be_started_here_is_marked(runloop: Command, tmp_path: Path) -> None:
    """The list and the scenario itself name the programs that are missing on this machine."""
    shutil.copytree(bundled_pack() / "overnight-gap", tmp_path / "pack" / "lacking")
    document = tmp_path / "pack" / "lacking" / "scenario.yaml"
    document.write_text(document.read_text().replace("requires: []", "requires: [no-such-program]"))
    flags = ("--scenarios", str(tmp_path / "pack"), "--json")
    marks = {
        each["id"]: each.get("x_missing_programs") for each in json.loads(runloop("scenarios", "list", *flags).stdout)
    }
    (lacking,) = (scenario for scenario, missing in marks.items() if missing == ["no-such-program"])
    drawn = runloop("scenarios", "list", *flags[:2]).stdout
    assert drawn.count("Unavailable:") == sum(bool(missing) for missing in marks.values())
    assert "no-such-program" in runloop("scenarios", "show", lacking, *flags[:2]).stdout


def test_list_is_filtered(runloop: Command) -> None:
    """Words and tags narrow the list."""
    assert [each["name"] for each in json.loads(runloop("scenarios", "list", "--tag", "dates", "--json").stdout)] == [
        "overnight-gap"
    ]
    assert json.loads(runloop("scenarios", "list", "--query", "no such words", "--json").stdout) == []
    none = runloop("scenarios", "list", "--query", "no such words")
    assert (none.returncode, none.stdout, none.stderr) == (0, "", "No scenario matches.\n")


def test_scenario_is_shown_whole(runloop: Command) -> None:
    """By name or id the same scenario is shown: the problem and the contract; with its reference in JSON."""
    by_name = runloop("scenarios", "show", "overnight-gap", "--json")
    scenario = json.loads(by_name.stdout)
    assert scenario["reference_output"]
    assert runloop("scenarios", "show", scenario["id"], "--json").stdout == by_name.stdout
    drawn = runloop("scenarios", "show", "overnight-gap").stdout
    assert scenario["input_context"]["problem_statement"].strip() in drawn
    for function in scenario["scoring_contract"]["scoring_function_parameters"]:
        assert function["name"] in drawn
