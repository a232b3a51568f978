"""Searching output with a deadline, the same wherever it is kept. Needs no I/O; takes a thread for what is long."""

import re
import time
from math import prod
from typing import Any, Final

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.models.devbox import OutputMatch, OutputMatches
from runloop_mcp.api.terminal import displayed

_SEARCH_SECONDS: Final = 2.0
"""Of computing time: a machine that is busy with other things must not fail a search that is cheap."""
_LINE_CHARACTERS: Final = 500
_BRIEF_SECONDS: Final = 0.02
"""How long a search in a short line may hold up everything else in this process."""
_SHORT_CHARACTERS: Final = 1000
_PIECE_CHARACTERS: Final = 1_000_000
"""Of a longer line so much is searched at once: a search can take a hundred bytes for each character."""
_LARGEST: Final = 400_000
"""Nodes, at the very most, that a pattern may become: it is compiled in one go, which takes 0.3 ms and 0.3 MB for each
thousand, and nothing ends it."""
_LONGEST: Final = 5000
_LEAST_TIMES: Final = re.compile(r"\{(\d+)")
_VERBOSE: Final = re.compile(r"\(\?[A-Za-z0-9-]*x")
"""A flag with which blanks and comments may stand between the digits of a number."""


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
    compiled = _compiled(pattern)
    matches: list[OutputMatch] = []
    total = offset = 0
    end = time.thread_time() + _SEARCH_SECONDS
    lines = data.removesuffix(b"\n").split(b"\n")
    for number, line in enumerate(lines, start=1):
        # Time that is used up becomes the shortest time-out there is, so that running out has one way.
        left = max(end - time.thread_time(), 1e-6)
        try:
            text = _shown(line)
            if _is_in(compiled, text, left):
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


def _compiled(pattern: str) -> Any:
    """The pattern, ready for use.

    Raises:
        InvalidRequest: It is no regular expression, or would become too large.
    """
    import regex  # noqa: PLC0415 - 15 ms that only a search needs

    # What has to be found 1,000 times over is compiled 1,000 times over, and so for each number around it.
    size = len(pattern) * prod(max(int(times[:10]), 1) for times in _LEAST_TIMES.findall(pattern))
    if len(pattern) > _LONGEST or size > _LARGEST or _VERBOSE.search(pattern):
        raise InvalidRequest(
            "The pattern is too large. Numbers in braces say how often something has to be found, and multiply.",
            hint="Use smaller numbers, + or *, and leave the flag x out.",
        )
    try:
        # The standard library's engine can't be stopped: a hostile pattern would hang the server for ever.
        return regex.compile(pattern, cache_pattern=False)
    except (regex.error, RecursionError) as error:
        raise InvalidRequest(
            f"The pattern is no regular expression: {error}.", hint="Escape special characters to find them literally."
        ) from error


def _is_in(compiled: Any, text: str, seconds: float) -> bool:
    """Whether a pattern is found in a text.

    Raises:
        TimeoutError: That took longer.
    """
    if len(text) <= _SHORT_CHARACTERS:
        # To let others run meanwhile takes longer than most of these searches do.
        try:
            return bool(compiled.search(text, timeout=min(seconds, _BRIEF_SECONDS)))
        except TimeoutError:
            if seconds <= _BRIEF_SECONDS:
                raise
    end = time.thread_time() + seconds
    for start in range(0, len(text), _PIECE_CHARACTERS):
        left = max(end - time.thread_time(), 1e-6)
        if compiled.search(text, start, start + _PIECE_CHARACTERS, timeout=left, concurrent=True):
            return True
    return False


def _shown(line: bytes) -> str:
    text = decode(line)
    return displayed(text) if b"\x1b" in line or b"\r" in line or b"\b" in line else text


def _excerpt(lines: list[bytes]) -> list[str]:
    return [_shown(line)[:_LINE_CHARACTERS] for line in lines]
