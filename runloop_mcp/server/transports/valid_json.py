"""Values that every JSON parser accepts.

Tool output is bytes from somewhere: text cut in the middle of a character, numbers that are none. Both kill a
stock transport or its client, so both are made valid before they leave.
"""

import math
from typing import Any


def valid(value: Any) -> Any:
    """The same JSON value with lone surrogates as U+FFFD and NaN or infinity as null.

    Args:
        value: What `json.loads` could have returned: dicts, lists, strings, numbers, booleans, None.

    Returns:
        An equal value where nothing had to change; containers are copied.

    Raises:
        RecursionError: The value is nested deeper than Python can follow.
    """
    if isinstance(value, str):
        return valid_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {valid(key): valid(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [valid(item) for item in value]
    return value


def valid_text(text: str) -> str:
    """The text with each lone surrogate replaced by U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)
    return text
