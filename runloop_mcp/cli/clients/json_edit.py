"""Changes one key or item of a JSON text and leaves every other character as it is: comments, order, blanks."""

import json
import re
from collections.abc import Sequence
from typing import Any

from runloop_mcp.cli.clients.json_syntax import Member, NotJson, Value, parse

_SAME_LINE_COMMENT = re.compile(r"[ \t]*(?://[^\n\r]*|/\*[^\n\r]*?\*/[ \t]*(?=[\r\n]))")


def read(text: str) -> Any:
    """What a text holds; an empty object where it holds nothing.

    Raises:
        NotJson: It is broken.
    """
    value = parse(text)
    return {} if value is None else value.plain


def with_key(text: str, path: Sequence[str], value: Any) -> str:
    """The text with a value at a path of keys, and with the objects that lead there.

    Raises:
        NotJson: The text is broken, or something on the way is no object.
    """
    root = parse(text)
    if root is None:
        lead = text if not text or text.endswith("\n") else f"{text}\n"
        return lead + _rendered(_nested(path, value), "", "  ", "\n") + "\n"
    newline = "\r\n" if "\r\n" in text else "\n"
    unit = _unit(text)
    holder = root
    for depth, key in enumerate(path):
        if holder.members is None:
            raise NotJson(_no_object(path[:depth]), holder.start)
        member = holder.member(key)
        if member is None:
            return _inserted(text, holder, key, _nested(path[depth + 1 :], value), unit, newline)
        holder = member.value
    if holder.plain == value:
        return text
    rendered = _rendered(value, _indentation(text, member.start), unit, newline)  # type: ignore[union-attr]  # a path has keys
    return text[: holder.start] + rendered + text[holder.end :]


def without_key(text: str, path: Sequence[str]) -> str:
    """The text without what stands at a path of keys; as it is where nothing stands there.

    Raises:
        NotJson: The text is broken.
    """
    while (found := _found(text, path)) is not None:  # a key may be there twice
        text = _removed(text, *found)
    return text


def with_item(text: str, path: Sequence[str], value: Any) -> str:
    """The text with a value at the end of the array at a path of keys, which is made where there is none.

    Raises:
        NotJson: The text is broken, or something else stands there.
    """
    found = _found(text, path)
    if found is None:
        return with_key(text, path, [value])
    holder = found[1].value
    if holder.items is None:
        raise NotJson(f"{'.'.join(path)} is no array", holder.start)
    return _inserted(text, holder, None, value, _unit(text), "\r\n" if "\r\n" in text else "\n")


def without_item(text: str, path: Sequence[str], at: int) -> str:
    """The text without an item of the array at a path of keys; an array that had no other goes with it.

    Raises:
        NotJson: The text is broken.
    """
    found = _found(text, path)
    items = (found[1].value.items or []) if found else []
    if found is None or not 0 <= at < len(items):
        return text
    return without_key(text, path) if len(items) == 1 else _removed(text, found[1].value, items[at])


def _found(text: str, path: Sequence[str]) -> tuple[Value, Member] | None:
    """The object that holds what stands at a path, and that member of it."""
    holder, member = parse(text), None
    for key in path:
        if member is not None:
            holder = member.value
        member = holder.member(key) if holder is not None else None
        if member is None:
            return None
    return (holder, member) if holder is not None and member is not None else None


def _nested(path: Sequence[str], value: Any) -> Any:
    for key in reversed(path):
        value = {key: value}
    return value


def _no_object(path: Sequence[str]) -> str:
    return f"{'.'.join(path)} is no object" if path else "the configuration is no object"


def _rendered(value: Any, indentation: str, unit: str, newline: str) -> str:
    lines = json.dumps(value, indent=unit, ensure_ascii=False).split("\n")
    return f"{newline}{indentation}".join(lines)


def _unit(text: str) -> str:
    found = re.search(r"\n([ \t]+)\S", text)
    return found.group(1) if found else "  "


def _indentation(text: str, at: int) -> str:
    """The blanks with which the line of a place begins."""
    start = text.rfind("\n", 0, at) + 1
    match = re.compile(r"[ \t]*").match(text, start)
    return match.group() if match else ""


def _inserted(text: str, holder: Value, key: str | None, value: Any, unit: str, newline: str) -> str:
    """With a member of an object, or an item of an array, which has no key."""
    label = "" if key is None else f"{json.dumps(key, ensure_ascii=False)}: "
    base = _indentation(text, holder.start)
    close = holder.end - 1
    indentation = base + unit
    if not holder.parts:
        inside = text[holder.start : close].rstrip()
        new = f"{inside}{newline}{indentation}{label}{_rendered(value, indentation, unit, newline)}{newline}{base}"
        return text[: holder.start] + new + text[close:]
    last = holder.parts[-1]
    if text[text.rfind("\n", 0, last.start) + 1 : last.start].strip() == "":
        indentation = _indentation(text, last.start)
    member = f"{label}{_rendered(value, indentation, unit, newline)}"
    after = holder.trailing_comma or last.value.end
    comment = _SAME_LINE_COMMENT.match(text, after)
    behind = comment.end() if comment and comment.end() <= close else after
    comma = "" if holder.trailing_comma else ","
    own_comma = "," if holder.trailing_comma else ""
    rest = text[behind:close]
    ending = rest if "\n" in rest else f"{rest.rstrip()}{newline}{base}"
    before = text[:after] + comma + text[after:behind]
    return f"{before}{newline}{indentation}{member}{own_comma}{ending}{text[close:]}"


def _removed(text: str, holder: Value, member: Member) -> str:
    """Without a member and the comma that it needs; with the blanks before it, not with comments around it."""
    parts = holder.parts
    at = next(place for place, found in enumerate(parts) if found is member)
    start = len(text[: member.start].rstrip(" \t\r\n"))
    if text.rfind("//", text.rfind("\n", 0, start) + 1, start) >= 0:
        start = member.start  # a comment ends with its line
    is_last = at == len(parts) - 1
    if not is_last or holder.trailing_comma:
        end = _comma_after(text, member.value.end) + 1
        return _closed_up(text, start, end)
    end = member.value.end
    if at == 0:
        return _closed_up(text, start, end)
    previous = parts[at - 1].value.end
    comma = _comma_after(text, previous)
    return _closed_up(text[:comma] + text[comma + 1 :], start - 1, end - 1)


def _closed_up(text: str, start: int, end: int) -> str:
    """Without what is between two places; a line that this empties goes with it."""
    line = text.rfind("\n", 0, start) + 1
    rest = re.compile(r"[ \t]*\r?\n").match(text, end)
    if line and rest and text[line:start].strip() == "":
        return text[:line] + text[rest.end() :]
    return text[:start] + text[end:]


def _comma_after(text: str, at: int) -> int:
    """Where the comma after a value is, over blanks and comments."""
    match = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)*,", re.DOTALL).match(text, at)
    return match.end() - 1 if match else -1
