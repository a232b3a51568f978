"""The ordered record of what happened in a run."""

from abc import ABC, abstractmethod
from enum import StrEnum

from pydantic import Field

from runloop_mcp.api.models.base import WireModel


class EventKind(StrEnum):
    """What an event of a run tells of."""

    STATE = "state"
    LAUNCH = "launch"
    EXECUTION = "execution"
    FILE = "file"
    SCORING = "scoring"
    NOTE = "note"


class RunEvent(WireModel):
    """One thing that happened in a run."""

    run_id: str
    sequence: int = 0
    """Its place in the run's record, from 1; given when it is recorded."""
    time_ms: int = 0
    kind: EventKind | str
    data: dict[str, object] = Field(default_factory=dict)


class Trace(ABC):
    """Keeps the events of runs, in order."""

    @abstractmethod
    async def record(self, event: RunEvent) -> None:
        """Appends an event; it is kept when this returns."""

    @abstractmethod
    async def events(self, run_id: str, *, after: int = 0, limit: int = 1000) -> list[RunEvent]:
        """The events of a run with a sequence number above `after`, in order."""
