"""Searching output with a deadline, the same wherever it is kept. Needs no I/O; takes a thread for what is long."""

import time
from typing import Final

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.models.devbox import OutputMatch, OutputMatches
from runloop_mcp.api.terminal import displayed

_SEARCH_SECONDS: Final = 2.0
"""Of computing time: a machine that is busy with other things must not fail a search that is cheap."""
_LINE_CHARACTERS: Final = 500


def decode(data: bytes) -> str:
    """Valid text from any bytes: what is not UTF-8 becomes U+FFFD, and NUL as well, which JSON readers trip over."""
    return data.decode("utf-8", "replace").replace("\0", "\ufffd")


def search_lines(data: bytes, pattern: str, limit: int, around: int = 0) -> OutputMatches:
    """The lines in which a regular expression is found, as a terminal would show them.

    Args:
        data: What is searched.
        pattern: The regular expression.
        limit: The most lines to give.
        around: How many lines before and after each come with it.

    Raises:
        InvalidRequest: The pattern is no regular expression, or takes too long.
    """
    import regex  # noqa: PLC0415 - 15 ms that only a search needs

    try:
        # The standard library's engine can't be stopped: a hostile pattern would hang the server for ever.
        compiled = regex.compile(pattern)
    except regex.error as error:
        raise InvalidRequest(
            f"The pattern is no regular expression: {error}.", hint="Escape special characters to find them literally."
        ) from error
    matches: list[OutputMatch] = []
    total = offset = 0
    end = time.thread_time() + _SEARCH_SECONDS
    lines = data.removesuffix(b"\n").split(b"\n")
    for number, line in enumerate(lines, start=1):
        # Time that is used up becomes the shortest time-out there is, so that running out has one way.
        left = max(end - time.thread_time(), 1e-6)
        try:
            text = _shown(line)
            if compiled.search(text, timeout=left, concurrent=len(text) > 1000):
                total += 1
                if len(matches) < limit:
                    match = OutputMatch(line_number=number, offset=offset, text=text[:_LINE_CHARACTERS])
                    match.before = _excerpt(lines[max(number - 1 - around, 0) : number - 1])
                    match.after = _excerpt(lines[number : number + around])
                    matches.append(match)
        except TimeoutError as error:
            raise InvalidRequest(
                f"The search took longer than {_SEARCH_SECONDS:g} s of computing.", hint="Use a simpler pattern."
            ) from error
        offset += len(line) + 1
    return OutputMatches(matches=matches, total_matches=total, total_bytes=len(data))


def _shown(line: bytes) -> str:
    text = decode(line)
    return displayed(text) if b"\x1b" in line or b"\r" in line or b"\b" in line else text


def _excerpt(lines: list[bytes]) -> list[str]:
    return [_shown(line)[:_LINE_CHARACTERS] for line in lines]
