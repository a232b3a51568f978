"""Takes values of secrets out of what is shown and kept of a run.

What a value was encoded to (base 64, a URL) is not found, and what is shorter than four characters is no secret.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

SHORTEST = 4
"""Characters of a value that is masked: shorter ones would blot out words that have nothing to do with it."""

_SHORTEST_LINE = 8


class Mask:
    """Covers the values of some secrets.

    Args:
        values: Name → value. Of a value of several lines each line is covered too, as tools print lines.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._names: dict[bytes, str] = {}
        for name, value in values.items():
            for part in _parts(value):
                self._names.setdefault(part.encode("utf-8", "surrogateescape"), name)
        # The longest first: where one value begins with another, all of it is covered.
        alternatives = [re.escape(part) for part in sorted(self._names, key=len, reverse=True)]
        self._pattern = re.compile(b"|".join(alternatives)) if alternatives else None
        self.reach = max((len(part) - 1 for part in self._names), default=0)
        """How many bytes before and after a range have to be seen to know what in it is to be covered."""

    def __bool__(self) -> bool:
        return self._pattern is not None

    def text(self, text: str) -> str:
        """A message with each value replaced by the name of its secret."""
        if self._pattern is None:
            return text
        masked = self._pattern.sub(lambda found: self._label(found[0]), text.encode("utf-8", "surrogatepass"))
        return masked.decode("utf-8", "surrogatepass")

    def output(self, data: bytes) -> bytes:
        """Output with each value covered by just as many bytes, so that every other byte stays where it is."""
        return data if self._pattern is None else self._pattern.sub(self._cover, data)

    def unfinished(self, data: bytes) -> int:
        """How many bytes at the end may be the beginning of a value whose rest is still to come."""
        most = 0
        for part in self._names:
            start = data.find(part[:1], max(len(data) - len(part) + 1, 0))
            while start >= 0 and not part.startswith(data[start:]):
                start = data.find(part[:1], start + 1)
            if start >= 0:
                most = max(most, len(data) - start)
        return most

    def within(self, value: Any) -> Any:
        """Something made of JSON's values, with every text in it masked as a message; keys stay as they are."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.within(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.within(inner) for inner in value]
        return value

    def _label(self, found: bytes) -> bytes:
        return f"[secret {self._names[found]}]".encode()

    def _cover(self, found: re.Match[bytes]) -> bytes:
        label, room = self._label(found[0]), len(found[0])
        short = b"[" + label.removeprefix(b"[secret ")
        fits = next((each for each in (label, short) if len(each) <= room), b"")
        return fits[:-1] + b"*" * (room - len(fits)) + fits[-1:]


def _parts(value: str) -> Iterator[str]:
    if len(value) >= SHORTEST:
        yield value
    lines = value.splitlines()
    if len(lines) > 1:
        # The frame of a key is the same in everybody's.
        yield from (line for line in lines if len(line) >= _SHORTEST_LINE and not line.startswith("-----"))


NOTHING = Mask({})
"""The mask of a run without secrets."""
