"""`scenarios new` and `scenarios schema`: the beginning of a scenario of one's own."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Command = Callable[..., CompletedProcess[str]]

pytestmark = pytest.mark.usefixtures("quick_devboxes")

_TYPES = ("test_based_scorer", "bash_script_scorer", "python_script_scorer", "command_scorer")


def test_what_is_made_is_valid_at_once(runloop: Command, tmp_path: Path) -> None:
    """For every kind of scorer the new scenario is proven as it stands, without a warning, and has a boundary."""
    pack = tmp_path / "mine"
    for kind in _TYPES:
        made = runloop("scenarios", "new", f"of-{kind}", "--dir", str(pack), "--scorer", kind, "--json")
        assert made.returncode == 0, made.stderr
        told = json.loads(made.stdout)
        assert Path(told["folder"]) == pack / f"of-{kind}"
        found = {str(each.relative_to(told["folder"])) for each in Path(told["folder"]).rglob("*") if each.is_file()}
        assert found == set(told["files"])
        judge = next((pack / f"of-{kind}" / "scoring").iterdir()).read_text()
        assert judge.count("# --- boundary") == judge.count("# --- end of the boundary") == 1
        assert "@" not in judge + (pack / f"of-{kind}" / "scenario.yaml").read_text()
    result = runloop(
        "validate", "--repeat", "1", "--no-cheats", "--json", *(str(pack / f"of-{kind}") for kind in _TYPES)
    )
    validated = json.loads(result.stdout)["scenarios"]
    assert [(each["verdict"], each["reference"], each["warnings"]) for each in validated] == [("valid", [1.0], [])] * 4
    assert {each["name"] for each in validated} == {f"of-{kind}" for kind in _TYPES}


def test_says_what_to_do_next(runloop: Command, tmp_path: Path) -> None:
    """It names the folder, what is in it, and the command that proves it."""
    shown = runloop("scenarios", "new", "first", "--dir", str(tmp_path)).stdout
    assert f"Made {tmp_path / 'first'}" in shown
    assert f"validate {tmp_path / 'first'}\n" in shown
    assert f"serve --scenarios {tmp_path}\n" in shown


@pytest.mark.proof
def test_nothing_is_overwritten(runloop: Command, tmp_path: Path) -> None:
    """What stands in the way stays as it is, and is named: a folder of that name, a schema, a file for a directory."""
    (tmp_path / "there").mkdir()
    (tmp_path / "scenario.schema.json").write_text("{}")
    again = runloop("scenarios", "new", "there", "--dir", str(tmp_path))
    assert (again.returncode, again.stdout) == (1, "")
    assert f"{tmp_path / 'there'} is there already" in again.stderr
    assert list((tmp_path / "there").iterdir()) == []
    assert runloop("scenarios", "new", "other", "--dir", str(tmp_path)).returncode == 0
    assert (tmp_path / "scenario.schema.json").read_text() == "{}"
    inside = runloop("scenarios", "new", "third", "--dir", str(tmp_path / "other"))
    assert "is the folder of a scenario itself" in inside.stderr
    assert not (tmp_path / "other" / "third").exists()
    a_file = runloop("scenarios", "new", "third", "--dir", str(tmp_path / "other" / "problem.md"))
    assert "is no directory" in a_file.stderr


@pytest.mark.proof
@pytest.mark.parametrize("name", ["Upper", "../up", ".hidden", "a/b", "scorers", ""])
def test_names_that_no_folder_should_have(runloop: Command, tmp_path: Path, name: str) -> None:
    """Such a name is refused with what is valid, and nothing is made."""
    result = runloop("scenarios", "new", name, "--dir", str(tmp_path / "pack"))
    assert result.returncode == 1
    assert "Use small letters, digits" in result.stderr
    assert not (tmp_path / "pack").exists()


@pytest.mark.proof
def test_schema_is_printed(runloop: Command, tmp_path: Path) -> None:
    """The schema for editors is what a new scenario's first line points at."""
    runloop("scenarios", "new", "first", "--dir", str(tmp_path))
    printed = runloop("scenarios", "schema").stdout
    assert json.loads(printed)["properties"]["format"] == {"const": 1, "description": "The version of this format."}
    first = (tmp_path / "first" / "scenario.yaml").read_text().splitlines()[0]
    _, _, path = first.partition("# yaml-language-server: $schema=")
    assert (tmp_path / "first" / path).read_text() == printed
