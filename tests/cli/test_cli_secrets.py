"""`runloop-mcp secrets`: values are asked for or piped in, and never seen again."""

import json
import os
import pty
import select
from collections.abc import Callable
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from forked_python import ForkedProcess

Command = Callable[..., CompletedProcess[str]]
_VALUE = "hush-4711-hush"


@pytest.fixture
def secrets(runloop: Command) -> Command:
    """Runs `runloop-mcp secrets`, with something to read from stdin."""
    return partial(runloop, "secrets")


def test_secrets_are_set_listed_replaced_and_deleted(secrets: Command, tmp_path: Path) -> None:
    """A list has names and times; what is kept is the value without the line end that `echo` puts there."""
    assert secrets("set", "DEPLOY_KEY", given=f"{_VALUE}\n").returncode == 0
    kept = tmp_path / "state" / "secrets.json"
    assert [secret["value"] for secret in json.loads(kept.read_text())["secrets"]] == [_VALUE]
    assert "Replaced" in secrets("set", "DEPLOY_KEY", given="another-one\r\n").stderr
    assert [secret["value"] for secret in json.loads(kept.read_text())["secrets"]] == ["another-one"]
    table, listed = secrets("list").stdout, json.loads(secrets("list", "--json").stdout)
    assert "DEPLOY_KEY" in table
    assert set(listed[0]) == {"id", "name", "create_time_ms", "update_time_ms"}
    assert "another-one" not in table
    assert secrets("delete", "DEPLOY_KEY").returncode == 0
    assert "no secrets" in secrets("list").stderr
    assert "another-one" not in kept.read_text()
    assert "no secret of this name" in secrets("delete", "DEPLOY_KEY").stderr


@pytest.mark.parametrize(
    ("arguments", "stdin", "told"),
    [
        (["TOKEN", _VALUE], "", "no argument"),
        ([f"TOKEN={_VALUE}"], "", "no argument"),
        ([_VALUE], "", "letters, digits and underscores"),
        (["TOKEN"], "abc", "at least 4"),
        (["TOKEN"], "", "0 characters"),
    ],
)
def test_what_is_refused_is_not_repeated(
    secrets: Command, tmp_path: Path, arguments: list[str], stdin: str, told: str
) -> None:
    """A value in the place of an argument or of a name is refused with what is valid, and not printed."""
    refused = secrets("set", *arguments, given=stdin)
    assert refused.returncode == 1
    assert told in refused.stderr
    assert _VALUE not in refused.stdout + refused.stderr
    assert not (tmp_path / "state" / "secrets.json").exists()


_WITHOUT_OUR_TERMINAL = """
import os, runpy
os.setsid()
runpy.run_module("runloop_mcp", run_name="__main__", alter_sys=True)
"""
"""The program in a session of its own: it would ask on the terminal of whoever runs the tests."""


def test_a_prompt_does_not_show_what_is_typed(environment: dict[str, str], tmp_path: Path) -> None:
    """On a terminal the value is asked for, and nothing of it appears there."""
    ours, theirs = pty.openpty()
    command = ["-c", _WITHOUT_OUR_TERMINAL, "secrets", "set", "DEPLOY_KEY"]
    with ForkedProcess(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        shown = _until(ours, b"DEPLOY_KEY: ")
        os.write(ours, f"{_VALUE}\n".encode())
        shown += _until(ours, b"Set DEPLOY_KEY")
        assert process.wait(30) == 0
    os.close(ours)
    os.close(theirs)
    assert _VALUE.encode() not in shown
    assert _VALUE in (tmp_path / "state" / "secrets.json").read_text()


def _until(terminal: int, text: bytes) -> bytes:
    seen = b""
    while text not in seen:
        assert select.select([terminal], [], [], 30)[0], seen
        seen += os.read(terminal, 1000)
    return seen
