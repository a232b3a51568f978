"""The ordered record of what happened in a run."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sized
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import Field

from runloop_mcp.api.models.base import WireModel

LONGEST_TEXT = 4_000
"""Characters of a text in the record; of a longer one its beginning and its end are kept."""
_MOST_CHARACTERS = 40_000
"""Of all texts of an event together."""
_MOST_ITEMS = 100
_DEEPEST = 4


class EventKind(StrEnum):
    """What an event of a run tells of."""

    STATE = "state"
    """The run moved to another state."""
    DEVBOX = "devbox"
    """The devbox was launched, booted again, suspended, resumed or ended."""
    QUEUE = "queue"
    """The devbox waits for its turn; at place 0, its turn has come."""
    CALL = "call"
    """Someone called a tool on the run."""
    EXECUTION = "execution"
    """A command on the devbox: as it stands while it runs, then as it ended."""
    FILE = "file"
    """A file of the devbox was written."""
    SCORING = "scoring"
    """Scorers began."""
    SCORE = "score"
    """What the scorers gave."""
    RESCORE = "rescore"
    """An operator scored the frozen disk again; a solver never sees this."""
    NOTE = "note"
    """What else there is to know."""


class RunEvent(WireModel):
    """One thing that happened in a run."""

    run_id: str
    sequence: int = 0
    """Its place in the run's record: above that of all before it, with gaps; given when it is recorded."""
    time_ms: int = 0
    """When it was recorded, which is when it was over."""
    kind: EventKind | str
    data: dict[str, object] = Field(default_factory=dict)


@dataclass(slots=True)
class ToolCall:
    """A call of a tool on a run, as its caller made it."""

    tool: str
    arguments: Mapping[str, object]
    """As the caller gave them, without the run's id. Secret values in them are masked when the call is recorded."""
    principal: str
    start_time_ms: int
    run_id: str | None = None
    """The run that it is made on, once that is known."""
    facts: dict[str, object] = field(default_factory=dict)
    """What it came to, beside its outcome: the id of an execution."""
    recorded: bool = False
    """Whether a backend has recorded it with what it did, so that nobody need record it again."""

    def event(self, run_id: str, *, end_time_ms: int, error: str | None = None) -> RunEvent:
        """The call as an event of a run's record; `error` is what its caller was told, where it failed."""
        data: dict[str, object] = {
            "tool": self.tool,
            "arguments": dict(self.arguments),
            "principal": self.principal,
            "start_time_ms": self.start_time_ms,
            "duration_ms": max(end_time_ms - self.start_time_ms, 0),
            "outcome": "ok" if error is None else "error",
        }
        if error is not None:
            data["error"] = error
        return RunEvent(run_id=run_id, time_ms=end_time_ms, kind=EventKind.CALL, data={**data, **self.facts})


class Trace(ABC):
    """The records of runs: each in an order of its own, complete for whoever reads on from where it was."""

    @abstractmethod
    async def record(self, event: RunEvent, *, later: bool = False) -> None:
        """Appends an event, with secret values masked and large texts bounded; it is kept when this returns.

        Args:
            event: The event.
            later: That it may be kept a moment after this returns, together with others: a process that is killed until
                then loses it. Its place in the order is this one all the same, and whoever reads the record through
                this backend sees it.

        Raises:
            NotFound: There is no such run.
        """

    @abstractmethod
    async def events(
        self, run_id: str, *, after: int = 0, limit: int = 1000, wait_seconds: float = 0
    ) -> list[RunEvent]:
        """The events of a run with a sequence number above `after`, in order.

        Whoever asks again with the last number it saw misses nothing and sees nothing twice, except that an execution
        has two: one while it runs, which is gone once it has ended, and one at its end. Where there is no event yet it
        waits for one, up to `wait_seconds`.

        Raises:
            NotFound: There is no such run.
        """

    @abstractmethod
    async def end(self, run_id: str) -> int:
        """The sequence number of the last event; 0 where there is none.

        Raises:
            NotFound: There is no such run.
        """


def bounded(value: object) -> object:
    """A value of JSON with long texts and lists and what lies deep in it cut, saying how much was left out."""
    return _Cutting().cut(value, _DEEPEST)


def bounded_text(text: str, limit: int = LONGEST_TEXT) -> str:
    """A text with its beginning and its end, and between them how many characters were left out, if it is long."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half:,} characters left out …]\n{text[len(text) - half :]}"


class _Cutting:
    """Cuts one value, all of which together gets so much room."""

    def __init__(self) -> None:
        self._room = _MOST_CHARACTERS

    def cut(self, value: object, depth: int) -> object:
        match value:
            case str():
                return self._text(value)
            case dict() | list() if depth == 0:
                return f"[… {len(value):,} items left out …]"
            case dict():
                kept = {self._text(str(name)): self.cut(value[name], depth - 1) for name in list(value)[:_MOST_ITEMS]}
                return kept | ({"…": _more(value)} if len(value) > _MOST_ITEMS else {})
            case list():
                items = [self.cut(item, depth - 1) for item in value[:_MOST_ITEMS]]
                return items + ([_more(value)] if len(value) > _MOST_ITEMS else [])
            case _:
                return value

    def _text(self, text: str) -> str:
        if self._room == 0:
            return "…"
        text = bounded_text(text, min(LONGEST_TEXT, self._room))
        self._room = max(self._room - len(text), 0)
        return text


def _more(items: Sized) -> str:
    return f"[… {len(items) - _MOST_ITEMS:,} more left out …]"
