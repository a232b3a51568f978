"""The help of every command, as golden text."""

import os
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from runloop_mcp import __version__

Command = Callable[..., CompletedProcess[str]]

GOLDEN = Path(__file__).parent / "golden"
UPDATE = "UPDATE_GOLDEN"
"""Set this environment variable to write the golden files anew, and read what changed before you commit it."""

COMMANDS = [
    *["", "serve", "demo", "validate", "eval", "doctor", "scenarios", "scenarios list", "scenarios new"],
    *["runs", "runs list", "runs log", "runs export", "runs rescore", "secrets", "secrets set", "gc", "config"],
    *["snapshots", "snapshots create", "blueprints", "blueprints build", "install", "skill", "call"],
    *["keys", "keys create", "keys mint"],
]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_the_golden_one(runloop: Command, command: str) -> None:
    """The help of a command is what people have come to know, until it is changed on purpose."""
    golden = GOLDEN / f"help-{command.replace(' ', '-') or 'runloop-mcp'}.txt"
    shown = runloop(*command.split(), "--help").stdout
    if UPDATE in os.environ:
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(shown)
    assert shown == golden.read_text(), f"if this change is meant, run the tests with {UPDATE}=1"


def test_version(started: Command) -> None:
    """--version names the program and its version."""
    assert started("--version").stdout == f"runloop-mcp {__version__}\n"


def test_help_imports_nothing_heavy(started: Command) -> None:
    """Help is quick because neither the protocol, nor models, nor anything that draws is imported for it."""
    traced = started("--help", PYTHONPROFILEIMPORTTIME="1").stderr
    imported = {line.rpartition("|")[2].strip() for line in traced.splitlines()}
    assert "click" in imported
    assert not imported & {"mcp", "pydantic", "rich", "anyio", "sqlite3", "yaml", "asyncio"}
