"""What a benchmark gives, and how it is shown."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table."""

    name: str
    measured: str
    floor: str
    result: str
    target: str
    met: bool


def table(figures: Sequence[Figure]) -> str:
    """The figures in columns."""
    heads = ("figure", "measured", "floor", "ratio", "target", "")
    rows = [heads, *((f.name, f.measured, f.floor, f.result, f.target, "met" if f.met else "MISSED") for f in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
