"""The record of runs, over the store."""

from runloop_mcp.api.trace import RunEvent, Trace
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.store import events


class EngineTrace(Trace):
    """Keeps the events of runs in the engine's store."""

    def __init__(self, engine: EngineContext) -> None:
        self._engine = engine

    async def record(self, event: RunEvent) -> None:
        """See `Trace.record`. Values of the run's secrets are masked."""
        time_ms = event.time_ms or now_ms()
        data = (await self._engine.mask_of_run(event.run_id)).within(event.data)
        await self._engine.database.write(
            lambda connection: events.append(connection, event.run_id, str(event.kind), time_ms, data)
        )

    async def events(self, run_id: str, *, after: int = 0, limit: int = 1000) -> list[RunEvent]:
        """See `Trace.events`."""
        return await self._engine.database.read(lambda connection: events.after(connection, run_id, after, limit))
