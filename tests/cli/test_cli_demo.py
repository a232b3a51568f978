"""`demo`: an agent's way through a scenario, over a real server on stdio."""

import shlex
import sys
from pathlib import Path

import forked_python
from forked_python import forked_command

_WITH_INTERPRETER = """
import runpy, sys
sys.executable = sys.argv.pop(1)
runpy.run_module("runloop_mcp", run_name="__main__", alter_sys=True)
"""
"""The program, which takes what it is told for the interpreter that it starts the server with."""


def test_demo_solves_its_scenario(environment: dict[str, str], tmp_path: Path, full_size: bool) -> None:
    """It walks from the list to a score of 1.0 and a completed run, a line for each call, and leaves nothing behind."""
    interpreter = tmp_path / "interpreter"
    start = [sys.executable] if full_size else forked_command()
    interpreter.write_text(f'#!/bin/sh\nexec {shlex.join(start)} "$@"\n')
    interpreter.chmod(0o755)
    result = forked_python.run(["-c", _WITH_INTERPRETER, str(interpreter), "demo"], env=environment, timeout=110)
    assert result.returncode == 0, result.stdout + result.stderr
    calls = [line.split()[1].rstrip(":") for line in result.stdout.splitlines() if line[:3].strip(" .").isdigit()]
    assert calls[:3] == ["list_scenarios", "get_scenario", "start_run"]
    assert "exec_on_devbox" in calls
    assert calls[-2:] == ["score_run", "complete_run"]
    assert "score ████████████████████ 1" in result.stdout
    assert "\x1b" not in result.stdout
    assert result.stderr == ""
    assert list((tmp_path / "state").iterdir()) == []
