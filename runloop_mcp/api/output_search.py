"""Searching output with a deadline, the same wherever it is kept. Needs no I/O; takes a thread for what is long."""

import time
from typing import Final

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.models.devbox import OutputMatch, OutputMatches

_SEARCH_SECONDS: Final = 2.0
_LINE_CHARACTERS: Final = 500


def decode(data: bytes) -> str:
    """Valid text from any bytes: what is not UTF-8 becomes U+FFFD, and NUL as well, which JSON readers trip over."""
    return data.decode("utf-8", "replace").replace("\0", "\ufffd")


def search_lines(data: bytes, pattern: str, limit: int) -> OutputMatches:
    """The lines in which a regular expression is found, up to a limit.

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
    end = time.monotonic() + _SEARCH_SECONDS
    for number, line in enumerate(data.split(b"\n"), start=1):
        # Time that is used up becomes the shortest time-out there is, so that running out has one way.
        left = max(end - time.monotonic(), 1e-6)
        try:
            text = decode(line)
            if compiled.search(text, timeout=left, concurrent=len(text) > 1000):
                total += 1
                if len(matches) < limit:
                    matches.append(OutputMatch(line_number=number, offset=offset, text=text[:_LINE_CHARACTERS]))
        except TimeoutError as error:
            raise InvalidRequest(
                f"The search took longer than {_SEARCH_SECONDS:g} s.", hint="Use a simpler pattern."
            ) from error
        offset += len(line) + 1
    return OutputMatches(matches=matches, total_matches=total, total_bytes=len(data))
