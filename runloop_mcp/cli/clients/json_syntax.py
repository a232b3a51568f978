"""JSON as configuration files have it, with comments and trailing commas: read with the place of everything in it."""

import json
import re
from dataclasses import dataclass
from typing import Any

_DEEPEST = 200
_BLANK = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_SCALAR = re.compile(r"-?[0-9][0-9.eE+-]*|true|false|null")


class NotJson(ValueError):
    """A text is not JSON.

    Args:
        what: What is wrong, as the end of a sentence.
        at: Where, in characters.
    """

    def __init__(self, what: str, at: int) -> None:
        super().__init__(what)
        self.what = what
        self.at = at


@dataclass
class Member:
    """A key of an object, with its value; or an item of an array, which has no key."""

    key: str | None
    start: int
    value: "Value"


@dataclass
class Value:
    """A value and where it stands: from `start` up to `end`.

    Args:
        start: Its first character.
        end: Behind its last.
        plain: As `json.loads` would have it.
        members: Of an object, in their order; None of everything else.
        trailing_comma: Behind the comma after the last member or item, where there is one.
        items: Of an array, in their order; None of everything else.
    """

    start: int
    end: int
    plain: Any
    members: list[Member] | None = None
    trailing_comma: int | None = None
    items: list[Member] | None = None

    @property
    def parts(self) -> list[Member]:
        """What an object or an array holds."""
        return self.members or self.items or []

    def member(self, key: str) -> Member | None:
        """The member that counts for a key: the last one, as every reader of JSON has it."""
        return next((found for found in reversed(self.members or []) if found.key == key), None)


def parse(text: str) -> Value | None:
    """The value that a text holds; None where there is nothing but blanks and comments.

    Raises:
        NotJson: It holds something else, or more.
    """
    start = _blank(text, 0)
    if start == len(text):
        return None
    value = _value(text, start, 0)
    end = _blank(text, value.end)
    if end != len(text):
        raise NotJson("something follows the end of the configuration", end)
    return value


def line_and_column(text: str, at: int) -> tuple[int, int]:
    """Where a place is for a person: both count from one."""
    return text.count("\n", 0, at) + 1, at - (text.rfind("\n", 0, at) + 1) + 1


def _blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    end = match.end() if match else at
    if text.startswith("/*", end):
        raise NotJson("a comment that begins here does not end", end)
    return end


def _value(text: str, at: int, depth: int) -> Value:
    if depth > _DEEPEST:
        raise NotJson("it is nested too deeply", at)
    if text.startswith("{", at):
        return _object(text, at, depth)
    if text.startswith("[", at):
        return _array(text, at, depth)
    match = _STRING.match(text, at) or _SCALAR.match(text, at)
    if match is None:
        raise NotJson(_wanted(text, at, "a value"), at)
    return Value(at, match.end(), _scalar(match.group(), at))


def _scalar(literal: str, at: int) -> Any:
    try:
        return json.loads(literal)
    except ValueError:
        raise NotJson("this is no value of JSON", at) from None


def _object(text: str, start: int, depth: int) -> Value:
    found = Value(start, start, {}, members=[])
    assert found.members is not None  # noqa: S101 - just set
    at = _blank(text, start + 1)
    while not text.startswith("}", at):
        key = _STRING.match(text, at)
        if key is None:
            raise NotJson(_wanted(text, at, 'a name in quotes or "}"'), at)
        colon = _blank(text, key.end())
        if not text.startswith(":", colon):
            raise NotJson(_wanted(text, colon, '":"'), colon)
        value = _value(text, _blank(text, colon + 1), depth + 1)
        name = _scalar(key.group(), at)
        found.members.append(Member(name, at, value))
        found.plain[name] = value.plain
        at, found.trailing_comma = _after_item(text, value.end, "}")
    found.end = at + 1
    return found


def _array(text: str, start: int, depth: int) -> Value:
    found = Value(start, start, [], items=[])
    assert found.items is not None  # noqa: S101 - just set
    at = _blank(text, start + 1)
    while not text.startswith("]", at):
        value = _value(text, at, depth + 1)
        found.items.append(Member(None, at, value))
        found.plain.append(value.plain)
        at, found.trailing_comma = _after_item(text, value.end, "]")
    found.end = at + 1
    return found


def _after_item(text: str, end: int, closing: str) -> tuple[int, int | None]:
    """Where the next item or the closing bracket is, and the end of a comma before it."""
    at = _blank(text, end)
    if text.startswith(",", at):
        return _blank(text, at + 1), at + 1
    if not text.startswith(closing, at):
        raise NotJson(_wanted(text, at, f'"," or "{closing}"'), at)
    return at, None


def _wanted(text: str, at: int, what: str) -> str:
    return f"{what} is missing" + (" at the end of the file" if at >= len(text) else "")
