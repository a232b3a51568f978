"""How results are shown: tables for people, aligned text for pipes, JSON for scripts."""

import json
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from pydantic import BaseModel

if TYPE_CHECKING:
    from rich.console import Console


_LONGEST_WORD = 26
"""Characters of a word that is never broken in a table: the longest ids and variables."""


def print_json(value: object) -> None:
    """Prints a value as JSON on stdout; models as the wire has them, without what is absent."""
    click.echo(json.dumps(_plain(value), indent=2, ensure_ascii=False))


def _plain(value: object) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value


def console(*, stderr: bool = False) -> "Console":
    """A terminal to draw on; plain and 100 columns wide where it is none."""
    from rich.console import Console

    drawn = Console(stderr=stderr, highlight=False)
    return drawn if drawn.is_terminal else Console(stderr=stderr, highlight=False, width=100)


def own_command() -> str:
    """How this program is called here, for a shell: by name where it is on the PATH, else by its place."""
    beside = Path(sys.executable).with_name("runloop-mcp")
    found = shutil.which("runloop-mcp")
    return "runloop-mcp" if found and Path(found).resolve() == beside.resolve() else shlex.quote(str(beside))


def say(text: str) -> None:
    """Tells a person something beside the output proper, on stderr."""
    click.echo(text, err=True)


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, styles: Mapping[str, str] | None = None
) -> None:
    """Prints a table: drawn on a terminal, else aligned text with nothing cut off.

    Args:
        columns: The headings.
        rows: The cells.
        styles: How cells with this text are drawn.
    """
    drawn = console()
    if not drawn.is_terminal:
        widths = [max(len(row[at]) for row in [columns, *rows]) for at in range(len(columns))]
        for row in [columns, *rows]:
            click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        return
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for at, column in enumerate(columns):
        # Words and ids stay in one piece where there is room, so that what is wrapped is prose.
        words = [word for row in [columns, *rows] for word in row[at].split()]
        longest = max(map(len, words), default=1)
        table.add_column(column, no_wrap=at == 0, min_width=min(longest, _LONGEST_WORD), overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, style=(styles or {}).get(cell, "")) for cell in row))
    drawn.print(table)


def counted(number: int, noun: str) -> str:
    """A number with its noun, as in "1 attempt" or "3 attempts"."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def utc_time(time_ms: int | None) -> str:
    """A time to the minute, in UTC; a dash where there is none."""
    return "-" if time_ms is None else datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
