"""Makes any text fit to send: valid UTF-8, no control characters, no terminal escapes, no numbers that JSON lacks."""

import math
import re

from pydantic import JsonValue

from runloop_mcp.api.terminal import displayed

_UNSENDABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_QUICK = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    """The text as a terminal would show it, with a replacement character for all that no client can be sent."""
    if not _QUICK.search(text):
        return text
    return sendable(displayed(text))


def sendable(text: str) -> str:
    """The text with a replacement character for all that no client can be sent, and otherwise as it is."""
    return _UNSENDABLE.sub("\ufffd", text)


def sendable_json(value: JsonValue) -> JsonValue:
    """The value with every text in it sendable; NaN and infinity, which JSON lacks, become null."""
    match value:
        case str():
            return sendable(value)
        case float() if not math.isfinite(value):
            return None
        case list():
            return [sendable_json(item) for item in value]
        case dict():
            return {sendable(key): sendable_json(item) for key, item in value.items()}
        case _:
            return value


def shortened(text: str, limit: int) -> str:
    """The text in at most `limit` characters: its head and its tail, and between them how much is left out."""
    if len(text) <= limit:
        return text
    marker = f"\n[… {len(text) - limit:,} characters left out …]\n"
    head = max(0, (limit - len(marker)) // 3)
    tail = max(0, limit - len(marker) - head)
    return text[:head] + marker + text[len(text) - tail :]
