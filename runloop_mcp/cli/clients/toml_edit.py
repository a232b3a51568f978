"""Changes one key of a TOML text and keeps its comments, order and blanks."""

import re
from collections.abc import Sequence
from typing import Any


class NotToml(ValueError):
    """A text is not TOML, or not what a client reads.

    Args:
        what: What is wrong, as the end of a sentence.
        line: Where; counts from one.
        column: Likewise.
    """

    def __init__(self, what: str, line: int, column: int) -> None:
        super().__init__(what)
        self.what = what
        self.line = line
        self.column = column


def read(text: str) -> dict[str, Any]:
    """What a text holds.

    Raises:
        NotToml: It is broken.
    """
    return dict(_document(text).unwrap())


def with_key(text: str, path: Sequence[str], value: Any) -> str:
    """The text with a value at a path of keys, and with the tables that lead there.

    Raises:
        NotToml: The text is broken, or something on the way is no table.
    """
    import tomlkit
    from tomlkit.items import InlineTable

    document = _document(text)
    holder: Any = document
    for depth, key in enumerate(path[:-1]):
        if key not in holder:
            # Tables that only lead to another are written as that one's name alone.
            inside = isinstance(holder, InlineTable)
            holder[key] = tomlkit.inline_table() if inside else tomlkit.table(is_super_table=depth == 0)
        holder = holder[key]
        if not hasattr(holder, "items"):
            raise NotToml(f"{'.'.join(path[: depth + 1])} is no table", 1, 1)
    if path[-1] in holder and _plain(holder[path[-1]]) == value:
        return text
    holder[path[-1]] = _inline(value) if isinstance(holder, InlineTable) else _item(value)
    return _lines_like(text, tomlkit.dumps(document))


def without_key(text: str, path: Sequence[str]) -> str:
    """The text without what stands at a path of keys; as it is where nothing stands there.

    Raises:
        NotToml: The text is broken.
    """
    import tomlkit

    document = _document(text)
    holder: Any = document
    for key in path[:-1]:
        holder = holder.get(key) if hasattr(holder, "get") else None
    if not hasattr(holder, "items") or path[-1] not in holder:
        return text
    del holder[path[-1]]
    return _lines_like(text, tomlkit.dumps(document))


def _lines_like(text: str, made: str) -> str:
    """With the ends of lines that a text has, where it has but one kind."""
    return re.sub(r"(?<!\r)\n", "\r\n", made) if 0 < text.count("\n") == text.count("\r\n") else made


def _document(text: str) -> Any:
    import tomlkit
    from tomlkit.exceptions import ParseError, TOMLKitError

    try:
        return tomlkit.parse(text)
    except ParseError as error:
        what = str(error).partition(" at line ")[0]
        raise NotToml(what[0].lower() + what[1:], error.line, error.col + 1) from None
    except TOMLKitError as error:
        raise NotToml(str(error), 1, 1) from None


def _plain(item: Any) -> Any:
    return item.unwrap() if hasattr(item, "unwrap") else item


def _item(value: Any) -> Any:
    import tomlkit

    if not isinstance(value, dict):
        return value
    table = tomlkit.table()
    for key, inner in value.items():
        table[key] = _inline(inner)
    return table


def _inline(value: Any) -> Any:
    import tomlkit

    if not isinstance(value, dict):
        return value
    table = tomlkit.inline_table()
    for key, inner in value.items():
        table[key] = _inline(inner)
    return table
