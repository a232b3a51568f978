"""What somebody is typing, and how it is matched."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Self

from runloop_mcp.api.access import Principal
from runloop_mcp.api.backend import Backend

LOOKED_AT: Final = 500
"""Things among which values are found, newest first."""


@dataclass(frozen=True, slots=True)
class Typing:
    """What somebody is typing."""

    argument: str
    """Whose value it is to become."""
    begun: str
    """What is typed so far."""
    given: Mapping[str, str] = field(default_factory=dict)
    """The values of other arguments."""
    in_uri: bool = False
    """Whether it becomes a part of a URI."""

    def of_part(self, part: str) -> Self:
        """The same, where only a part of what is typed is looked at."""
        return replace(self, begun=part)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Values that match, the likeliest first."""

    values: Sequence[str]
    is_cut: bool = False
    """Whether there are things that were not looked at."""


Source = Callable[[Backend, Principal, Typing], Awaitable[Candidates]]
"""Gives the values of an argument that match what is typed."""


def matching(values: Iterable[str], begun: str) -> list[str]:
    """The values that begin so in any case, then those that hold it further on; each group in the order given."""
    typed = begun.casefold()
    values = list(values)
    first = [value for value in values if value.casefold().startswith(typed)]
    return first + [value for value in values if typed in value.casefold() and not value.casefold().startswith(typed)]


def fixed(values: Sequence[str]) -> Source:
    """A source of values that are always the same."""

    async def source(_: Backend, __: Principal, typing: Typing) -> Candidates:
        return Candidates(matching(values, typing.begun))

    return source
