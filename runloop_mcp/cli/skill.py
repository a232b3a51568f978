"""`runloop-mcp skill`: what coding agents that prefer the command line are told."""

from pathlib import Path

import click

NAME = "runloop-mcp"
"""What the skill is called: its folder too."""

_FILE = Path(__file__).parents[1] / "skills" / NAME / "SKILL.md"


def text() -> str:
    """The skill, as a file that agents load."""
    return _FILE.read_text(encoding="utf-8")


@click.command(short_help="What coding agents that prefer the command line are told.")
def skill() -> None:
    """Print the skill file: how an agent works with scenarios and runs from the command line.

    `runloop-mcp install CLIENT --skill` places it where a client looks for it.
    """
    click.echo(text(), nl=False)
