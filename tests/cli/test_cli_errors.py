"""What goes wrong is a sentence on stderr, with what to do next, and an exit code; never a traceback."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from forked_python import ForkedProcess

import runloop_mcp

Command = Callable[..., CompletedProcess[str]]


def _complains(result: CompletedProcess[str], code: int, *parts: str) -> None:
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    assert "did not expect" not in result.stderr
    assert result.stdout == ""
    for part in parts:
        assert part in result.stderr


def test_command_that_is_none(runloop: Command) -> None:
    """An unknown command is a usage error that names it."""
    _complains(runloop("sevre"), 2, "No such command 'sevre'", "--help")


def test_options_that_do_not_go_together(runloop: Command) -> None:
    """A port without HTTP is refused with what it needs."""
    _complains(runloop("serve", "--port", "1"), 2, "--transport http or sse")


def test_http_needs_the_word_that_it_is_open(runloop: Command) -> None:
    """HTTP is served without authentication only when that was asked for."""
    _complains(runloop("serve", "--transport", "http"), 1, "--no-auth")


def test_http_off_loopback_is_refused(runloop: Command) -> None:
    """Without authentication nothing is served to other machines."""
    result = runloop("serve", "--transport", "http", "--no-auth", "--host", "192.0.2.1", "--port", "0")
    _complains(result, 1, "192.0.2.1")


def test_cloud_without_a_key(runloop: Command) -> None:
    """The cloud backend says what sets its key, and how to do without."""
    _complains(runloop("scenarios", "list", "--backend", "cloud"), 1, "RUNLOOP_API_KEY", "--backend")


def test_variable_that_is_not_valid(runloop: Command) -> None:
    """A variable with a value that is none is named."""
    _complains(runloop("config", RUNLOOP_MCP_PORT="many"), 1, "RUNLOOP_MCP_PORT")


def test_folder_that_is_not_there(runloop: Command, tmp_path: Path) -> None:
    """A folder of scenarios that does not exist is named, with the flag that named it."""
    _complains(runloop("scenarios", "list", "--scenarios", str(tmp_path / "gone")), 1, "--scenarios", "gone")


@pytest.mark.proof
def test_state_that_cannot_be_kept(runloop: Command, tmp_path: Path) -> None:
    """A state directory that can't be made is named, with the way to name another."""
    (tmp_path / "state").write_text("a file")
    for command in (("scenarios", "list"), ("demo",)):
        _complains(runloop(*command), 1, str(tmp_path / "state"), "no directory", "--state-dir")


@pytest.mark.parametrize(("variables", "named"), [({}, "state"), ({"RUNLOOP_MCP_PORT": "many"}, "RUNLOOP_MCP_PORT")])
def test_server_that_cannot_work_ends(
    environment: dict[str, str], tmp_path: Path, variables: dict[str, str], named: str
) -> None:
    """A server that can't keep its state or read its settings ends soon and says why, though its client waits."""
    (tmp_path / "state").write_text("a file")
    command = ["-m", "runloop_mcp", "serve"]
    environment = {**environment, **variables}
    pipe = subprocess.PIPE
    with ForkedProcess(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment) as process:
        assert process.wait(60) == 1
        assert process.stdout is not None
        assert process.stderr is not None
        said = subprocess.CompletedProcess(command, 1, process.stdout.read(), process.stderr.read())
    _complains(said, 1, named)


def test_scenario_that_is_not_there(runloop: Command) -> None:
    """A misspelt name is answered with those that come near."""
    _complains(runloop("scenarios", "show", "overnigth-gap"), 1, "overnight-gap")


def test_folders_that_hold_no_scenario(runloop: Command, tmp_path: Path) -> None:
    """A folder that was meant as a scenario is answered with what it lacks; a pack with how to name what is in it."""
    (tmp_path / "pack" / "one").mkdir(parents=True)
    (tmp_path / "pack" / "one" / "scenario.yaml").write_text("format: 1\nname: one\n")
    (tmp_path / "empty").mkdir()
    _complains(runloop("validate", str(tmp_path / "pack")), 1, "no scenario.yaml", "--scenarios", "pack/one", "pack/*/")
    _complains(runloop("validate", str(tmp_path / "empty")), 1, "no scenario.yaml")
    _complains(runloop("validate", str(tmp_path / "gone")), 1, "There is no folder")
    beside = tmp_path / "pack" / "scenario.schema.json"  # which `scenarios new` puts there
    beside.write_text("{}")
    _complains(runloop("validate", str(beside)), 1, "is a file", "pack/*/")


def test_scenario_that_does_not_load(runloop: Command, tmp_path: Path) -> None:
    """A scenario whose folder has a mistake is not said to be missing: the mistake is told, and the list names it."""
    (tmp_path / "pack" / "broken").mkdir(parents=True)
    (tmp_path / "pack" / "broken" / "scenario.yaml").write_text("format: 1\nname: broken\n")
    options = ("--scenarios", str(tmp_path / "pack"))
    _complains(runloop("scenarios", "show", "broken", *options), 1, "can't be loaded", "scoring_contract")
    listed = runloop("scenarios", "list", *options)
    assert listed.returncode == 0
    assert "can't be loaded: broken" in listed.stderr


@pytest.mark.proof
def test_name_that_two_scenarios_have(runloop: Command, tmp_path: Path) -> None:
    """Where a name means two scenarios nothing is guessed: the ids are named, and the list shows them."""
    bundled = Path(runloop_mcp.__file__).parent / "scenarios" / "spare-parts"
    shutil.copytree(bundled, tmp_path / "pack" / "copy")
    options = ("--scenarios", str(tmp_path / "pack"))
    rows = [line.split() for line in runloop("scenarios", "list", *options).stdout.splitlines()]
    ids = [row[1] for row in rows if row[0] == "spare-parts"]
    assert len(set(ids)) == 2
    _complains(runloop("scenarios", "show", "spare-parts", *options), 1, *ids)
    assert runloop("scenarios", "show", ids[0], *options).returncode == 0


def test_run_that_is_not_there(runloop: Command) -> None:
    """An id of no run is named."""
    _complains(runloop("runs", "show", "scr_000000000000000000000"), 1, "scr_000000000000000000000")


@pytest.mark.proof
@pytest.mark.parametrize("arguments", [("scenarios", "list", "--json"), ("demo", "--fast")])
def test_reader_that_has_gone(environment: dict[str, str], arguments: tuple[str, ...]) -> None:
    """When whoever reads the output stops reading, the command ends without a word."""
    command = ["-m", "runloop_mcp", *arguments]
    with ForkedProcess(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(30) == 1


def test_tools_that_are_none(runloop: Command) -> None:
    """A toolset or tool that there is not ends the start, with the nearest and the valid names."""
    _complains(runloop("serve", "--toolsets", "core,cor"), 1, "no toolset 'cor'", "Did you mean core?")
    _complains(runloop("serve", "--read-only", RUNLOOP_MCP_TOOLS="start_run"), 1, "No tool is left", "--read-only")
    _complains(
        runloop("serve", "--transport", "http", "--exclude-tools", "score"), 1, "no tool 'score'", "Did you mean"
    )
