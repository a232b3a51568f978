"""How results are shown: tables for people, aligned text for pipes, JSON for scripts."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
from pydantic import BaseModel

if TYPE_CHECKING:
    from rich.console import Console


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


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a table: drawn on a terminal, else aligned text with nothing cut off."""
    drawn = console()
    if not drawn.is_terminal:
        widths = [max(len(row[at]) for row in [columns, *rows]) for at in range(len(columns))]
        for row in [columns, *rows]:
            click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        return
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for column in columns:
        # The first names the thing, so it stays in one piece.
        table.add_column(column, no_wrap=column == columns[0], overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    drawn.print(table)
