"""The record of runs, over the store."""

from runloop_mcp.api.trace import RunEvent, Trace
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.store import events
from runloop_mcp.engine.store.database import Database


class EngineTrace(Trace):
    """Keeps the events of runs in the engine's store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, event: RunEvent) -> None:
        """See `Trace.record`."""
        time_ms = event.time_ms or now_ms()
        await self._database.write(
            lambda connection: events.append(connection, event.run_id, str(event.kind), time_ms, event.data)
        )

    async def events(self, run_id: str, *, after: int = 0, limit: int = 1000) -> list[RunEvent]:
        """See `Trace.events`."""
        return await self._database.read(lambda connection: events.after(connection, run_id, after, limit))
