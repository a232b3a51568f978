"""The skill file: what it says an agent can type works, in the order in which it stands there."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import yaml

from runloop_mcp.server.surface import TOOLSETS

Command = Callable[..., CompletedProcess[str]]

_SECONDS = 60
_SCENARIO = re.compile(r"scn_\w{21}")
_RUN = re.compile(r"scr_\w{21}")


def shown_commands(text: str) -> list[str]:
    """The lines in the blocks of shell."""
    return [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines() if line]


def test_the_front_matter_is_what_agents_look_for(runloop: Command) -> None:
    """Name and description, short enough to be loaded at all times; a name that is its folder's."""
    front = yaml.safe_load(runloop("skill").stdout.split("---\n")[1])
    assert set(front) == {"name", "description"}
    assert front["name"] == "runloop-mcp"
    assert 50 <= len(front["description"]) <= 1024


@pytest.mark.proof
def test_every_command_of_the_skill_works_in_a_shell(
    runloop: Command, environment: dict[str, str], quick_devboxes: None, tmp_path: Path
) -> None:
    """Each line, typed into a shell in the order of the file, ends with 0; ids come from the replies before."""
    programs = tmp_path / "bin"
    programs.mkdir()
    own = programs / "runloop-mcp"
    own.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m runloop_mcp "$@"\n')
    own.chmod(0o755)
    variables = {**environment, "PATH": f"{programs}{os.pathsep}{environment['PATH']}"}
    for line in shown_commands(runloop("skill").stdout):
        done = subprocess.run(
            ["sh", "-c", line],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        _note_ids(variables, done.stdout)


def test_commands_of_the_skill_that_need_no_devbox_work(
    runloop: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Likewise, but for those that need a run, which take seconds together."""
    monkeypatch.chdir(tmp_path)
    ids: dict[str, str] = {}
    for line in shown_commands(runloop("skill").stdout):
        words = shlex.split(line)
        if words[1] in ("validate", "eval") or "start_run" in words or "$RUN" in line:
            continue
        arguments = [re.sub(r"\$(\w+)", lambda match: ids[match[1]], word) for word in words[1:]]
        done = runloop(*arguments)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        _note_ids(ids, done.stdout)


def _note_ids(variables: dict[str, str], shown: str) -> None:
    for name, pattern in (("SCENARIO", _SCENARIO), ("RUN", _RUN)):
        if name not in variables and (found := pattern.search(shown)):
            variables[name] = found[0]


def test_calls_without_a_name_list_the_tools(runloop: Command) -> None:
    """What agents have over MCP, each with its arguments."""
    listed = runloop("call")
    assert listed.returncode == 0, listed.stderr
    assert [line.split()[0] for line in listed.stdout.splitlines()[1:]] == [*TOOLSETS["core"]]


def test_a_call_tells_what_was_wrong(runloop: Command) -> None:
    """What the tool says goes to standard error with exit code 1; a word that is no argument is refused before."""
    failed = runloop("call", "get_run", "run_id=scr_nothing")
    assert failed.returncode == 1
    assert "run" in failed.stderr
    assert failed.stdout == ""
    unknown = runloop("call", "get_runs")
    assert unknown.returncode == 1
    assert "get_run" in unknown.stderr
    assert "Traceback" not in unknown.stderr
    assert "NAME=@FILE" in runloop("call", "get_run", "scr_nothing").stderr
