"""The record of runs, over the store."""

from typing import TYPE_CHECKING

from runloop_mcp.api.trace import RunEvent, Trace
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.recordable import recordable
from runloop_mcp.engine.store import events

if TYPE_CHECKING:
    import sqlite3


class EngineTrace(Trace):
    """Keeps the events of runs in the engine's store."""

    def __init__(self, engine: EngineContext) -> None:
        self._engine = engine

    async def record(self, event: RunEvent, *, later: bool = False) -> None:
        """See `Trace.record`."""
        mask = await self._engine.mask_of_run(event.run_id)
        time_ms = event.time_ms or now_ms()

        def append(connection: "sqlite3.Connection") -> None:
            data = recordable(event.data, mask)
            events.append(connection, event.run_id, event.kind, time_ms, data)

        if later:
            self._engine.database.write_later(append)
        else:
            await self._engine.database.write_soon(append)
        self._engine.changes.notify(event.run_id)

    async def events(
        self, run_id: str, *, after: int = 0, limit: int = 1000, wait_seconds: float = 0
    ) -> list[RunEvent]:
        """See `Trace.events`."""
        return await self._engine.changes.wait(
            run_id,
            lambda: self._engine.database.read(lambda connection: events.after(connection, run_id, after, limit)),
            bool,
            seconds=wait_seconds,
        )

    async def end(self, run_id: str) -> int:
        """See `Trace.end`."""
        return await self._engine.database.read(lambda connection: events.end(connection, run_id))
