"""Suspending a devbox: its processes end, its disk stays, and the next call that needs it resumes it.

The keep-alive time of one that belongs to no run stands still meanwhile, and begins anew when it is resumed.
"""

from sqlite3 import Connection

import anyio

from runloop_mcp.api.models.devbox import DevboxStatus
from runloop_mcp.api.trace import EventKind
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.devboxes.keeper import Held
from runloop_mcp.engine.store import devboxes, events

SUSPENDED = frozenset({DevboxStatus.SUSPENDING, DevboxStatus.SUSPENDED, DevboxStatus.RESUMING})
"""A devbox whose disk waits for it to be resumed."""


async def suspend(engine: EngineContext, held: Held, *, reason: str) -> None:
    """Suspends a held devbox and lets it go; calls that come meanwhile wait, and resume it.

    Args:
        engine: Whose devbox it is.
        held: The devbox; nothing is awaited before it is marked, so that who looked whether it may be is still right.
        reason: Why, in a word.
    """
    held.stopping = held.suspending = True
    # Shielded: what was begun is brought to its end, and a devbox that nobody knows any more is not kept locked.
    with anyio.CancelScope(shield=True):
        try:
            await engine.keeper.stop(held)
            run_id = await engine.database.write(lambda connection: _mark(connection, held.id, reason))
        finally:
            await engine.keeper.release(held, forget=False)
    engine.changes.notify(*filter(None, (run_id, held.id)))


def _mark(connection: Connection, devbox_id: str, reason: str) -> str | None:
    row = devboxes.get(connection, devbox_id)
    row.expires_ms = None
    for status in (DevboxStatus.SUSPENDING, DevboxStatus.SUSPENDED):
        row.status = status
        devboxes.save(connection, row, now_ms=now_ms())
    data: dict[str, object] = {"status": row.status, "reason": reason}
    events.append(connection, row.run_id, EventKind.DEVBOX, now_ms(), data)
    return row.run_id


def mark_resumed(connection: Connection, devbox_id: str) -> None:
    """Notes that a suspended devbox runs again."""
    row = devboxes.get(connection, devbox_id)
    devboxes.begin_time(row, now_ms=now_ms())
    for status in (DevboxStatus.RESUMING, DevboxStatus.RUNNING):
        row.status = status
        devboxes.save(connection, row, now_ms=now_ms())
    events.append(connection, row.run_id, EventKind.DEVBOX, now_ms(), {"status": row.status, "reason": "resumed"})
