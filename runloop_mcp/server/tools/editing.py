"""Exact replacement in a text, with errors that show where the text differs from what was expected."""

import difflib
from dataclasses import dataclass

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.server.rendering.files import numbered, split_lines

_PLACES = 10
_COMPARED_LINES = 20_000
"""Lines searched for one that is nearly what was looked for."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A text after an edit."""

    text: str
    replacements: int
    first_line: int
    """The line, from 1, where the first replacement begins."""


def replace(text: str, old: str, new: str, *, everywhere: bool) -> Edit:
    """Replaces `old` by `new`, which must be unambiguous unless `everywhere`.

    In a text whose lines all end in carriage return and line feed, plain line feeds in `old` and `new` stand for both.

    Raises:
        InvalidRequest: There is no such place, or there are several; the message says where.
    """
    if not old:
        raise InvalidRequest("`old_string` is empty.", hint="To write a whole file, use write_file.")
    if old == new:
        raise InvalidRequest("`old_string` and `new_string` are the same.", hint="Nothing would change.")
    if old not in text and "\r\n" in text and text.count("\n") == text.count("\r\n"):
        old, new = _with_carriage_returns(old), _with_carriage_returns(new)
    count = text.count(old)
    if count == 0:
        raise InvalidRequest("`old_string` does not occur in the file.", hint=_nearest(text, old))
    if count > 1 and not everywhere:
        raise InvalidRequest(
            f"`old_string` occurs {count} times, at lines {_places(text, old)}.",
            hint="Give more of the lines around the one meant, or replace_all=true.",
        )
    return Edit(text.replace(old, new), count, text.count("\n", 0, text.index(old)) + 1)


def _with_carriage_returns(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\n", "\r\n")


def _places(text: str, old: str) -> str:
    lines: list[int] = []
    at = text.find(old)
    while at >= 0 and len(lines) < _PLACES:
        lines.append(text.count("\n", 0, at) + 1)
        at = text.find(old, at + len(old))
    return ", ".join(map(str, lines)) + (", …" if at >= 0 else "")


def _nearest(text: str, old: str) -> str:
    """Where the file has something like it: the usual reason is white space, or a file that has changed since."""
    lines = split_lines(text)[:_COMPARED_LINES]
    wanted = next((line for line in split_lines(old) if line.strip()), "")
    stripped = [line.strip() for line in lines]
    if wanted.strip() in stripped:
        at = stripped.index(wanted.strip())
        reason = (
            "Its first line is there, so the lines after it differ"
            if lines[at].rstrip("\r") == wanted
            else "Its first line is there with other white space"
        )
    else:
        near = difflib.get_close_matches(wanted.strip(), list(dict.fromkeys(stripped)), n=1, cutoff=0.6)
        if not near:
            return "Nothing in it is similar. Read the file again: the text must match to the character."
        at, reason = stripped.index(near[0]), "The nearest there is"
    return f"{reason}:\n{numbered(lines[at : at + 5], at + 1)}"
