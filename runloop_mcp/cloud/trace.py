"""The records of runs, kept on this machine: the wire has none."""

import time
from pathlib import Path
from typing import Final

import anyio

from runloop_mcp.api.errors import NotFound, Unavailable
from runloop_mcp.api.models.devbox import ExecutionStatus
from runloop_mcp.api.trace import EventKind, RunEvent, Trace, bounded
from runloop_mcp.client.runloop_client import RunloopClient
from runloop_mcp.cloud import trace_file
from runloop_mcp.cloud.masking import Known

_LOOK_SECONDS: Final = 1.0
"""How often a file is looked at that another server may write."""
_REMEMBERED: Final = 10_000


class LocalTrace(Trace):
    """Records of what this machine's servers did on runs. What others did over the API is not in them.

    Args:
        folder: Where they are.
        client: Tells which runs there are.
        known: What they must not repeat.
    """

    def __init__(self, folder: Path, client: RunloopClient, known: Known) -> None:
        self._folder = folder
        self._client = client
        self._known = known
        self._runs: set[str] = set()
        self._news: dict[str, anyio.Event] = {}

    async def record(self, event: RunEvent, *, later: bool = False) -> None:
        """See `Trace.record`; each is kept at once."""
        del later
        path = await self._path(event.run_id)
        data = {str(name): bounded(value) for name, value in self._known.covered(dict(event.data)).items()}
        kept = event.model_copy(update={"data": data, "time_ms": event.time_ms or now_ms()})
        try:
            await anyio.to_thread.run_sync(trace_file.append, path, kept)
        except OSError as error:
            raise Unavailable(
                f"The record of the run can't be written: {error.strerror}.", hint="Free some space for the state."
            ) from error
        if (news := self._news.pop(event.run_id, None)) is not None:
            news.set()

    async def events(
        self, run_id: str, *, after: int = 0, limit: int = 1000, wait_seconds: float = 0
    ) -> list[RunEvent]:
        """See `Trace.events`."""
        path = await self._path(run_id)
        end = anyio.current_time() + wait_seconds
        while True:
            news = self._news.setdefault(run_id, anyio.Event())
            found = await anyio.to_thread.run_sync(trace_file.read, path, run_id, after)
            left = end - anyio.current_time()
            if found or left <= 0:
                return found[:limit]
            with anyio.move_on_after(min(left, _LOOK_SECONDS)):
                await news.wait()

    async def end(self, run_id: str) -> int:
        """See `Trace.end`."""
        return await anyio.to_thread.run_sync(trace_file.end, await self._path(run_id))

    def learn(self, run_id: str) -> None:
        """Remembers that there is such a run."""
        if len(self._runs) >= _REMEMBERED:
            self._runs.clear()
        self._runs.add(run_id)

    async def awaits_end(self, run_id: str, execution_id: str) -> bool:
        """Whether a command was recorded as it ran, and not as it ended."""
        last = None
        for event in await anyio.to_thread.run_sync(trace_file.read, await self._path(run_id), run_id, 0):
            if event.kind == EventKind.EXECUTION and event.data.get("execution_id") == execution_id:
                last = event
        return last is not None and last.data.get("status") != ExecutionStatus.COMPLETED

    async def _path(self, run_id: str) -> Path:
        """The file of a run's record.

        Raises:
            NotFound: There is no such run.
        """
        if run_id not in self._runs:
            if not run_id.replace("_", "").isalnum():
                raise NotFound(f"There is no run {run_id!r}.", hint="Run ids begin with scr_.")
            if not (self._folder / f"{run_id}.jsonl").exists():
                await self._client.runs.retrieve(run_id)
            self.learn(run_id)
        return self._folder / f"{run_id}.jsonl"


def now_ms() -> int:
    """The time, as the wire tells it."""
    return time.time_ns() // 1_000_000
