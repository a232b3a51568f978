"""Files of a devbox as text: numbered lines, and what an edit looks like."""

from collections.abc import Sequence

_LONGEST_LINE = 2000
LEAST_OF_LINE = len("     1\t\n")
"""The characters that a numbered line takes at least."""


def split_lines(text: str) -> list[str]:
    """The lines of a text without their ends; only line feeds end lines, as in every editor and compiler."""
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def numbered(lines: Sequence[str], first: int) -> str:
    """Lines with their numbers, as `cat -n` shows them; very long ones are cut, and say so."""
    return "\n".join(f"{number:>6}\t{_cut(line)}" for number, line in enumerate(lines, first))


def _cut(line: str) -> str:
    if len(line) <= _LONGEST_LINE:
        return line
    return f"{line[:_LONGEST_LINE]}[… {len(line) - _LONGEST_LINE:,} characters left out]"
