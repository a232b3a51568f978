"""Devboxes that belong to no run, from their boot to their end."""

import logging
import math
from sqlite3 import Connection
from weakref import WeakValueDictionary

import anyio

from runloop_mcp.api.errors import ApiError, Conflict, Unavailable
from runloop_mcp.api.models.devbox import DevboxStatus
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.devboxes.keeper import Held
from runloop_mcp.engine.devboxes.setup import Setup
from runloop_mcp.engine.runs.launch import LaunchFailed
from runloop_mcp.engine.store import devboxes, places
from runloop_mcp.engine.store import mounts as kept_mounts
from runloop_mcp.engine.store.devboxes import BOOTING, DevboxRow

logger = logging.getLogger(__name__)

_END_SECONDS = 60.0
_SNAPSHOT_SECONDS = 60.0
"""How long an end that nobody asked for waits for a snapshot that somebody has asked for."""


class StandaloneDevboxes:
    """Looks after the devboxes that belong to no run."""

    def __init__(self, engine: EngineContext) -> None:
        self._engine = engine
        self._ending: WeakValueDictionary[str, anyio.Lock] = WeakValueDictionary()
        """One lock for each devbox while it is being ended: a caller and our own look may find it at the same time."""

    async def launch(self, held: Held, row: DevboxRow) -> None:
        """Makes a held devbox and launches it.

        Raises:
            ApiError: It can't be made or launched.
        """
        setup = Setup(self._engine, held, row)
        await setup.build()
        await self._engine.launcher.create_own(held, row, setup.put, setup.log)
        await self._engine.database.write(lambda connection: _keep_launched(connection, row))

    async def fail(self, held: Held, error: ApiError) -> None:
        """Ends a devbox that can't be used, with the reason."""
        if held.boot is not None:
            held.boot.giving_up = True
        reason = error.reason if isinstance(error, LaunchFailed) else "execution_failed"

        def keep_reason(connection: Connection) -> None:
            row = devboxes.get(connection, held.id)
            row.data.failure_reason, row.data.failure_message = reason, str(error)
            devboxes.save(connection, row, now_ms=now_ms())

        await self._engine.database.write(keep_reason)
        await self._end(held)

    async def end(self, held: Held, reason: str, *, after_snapshots: bool = False) -> None:
        """Shuts a devbox down; what was begun is brought to its end though the caller may have gone away.

        Args:
            held: The devbox.
            reason: The wire's word for why.
            after_snapshots: Whether snapshots that are being made are waited for.

        Raises:
            Unavailable: It takes long; the server goes on.
        """
        if after_snapshots:
            await self._snapshots_taken(held)

        def decide(connection: Connection) -> None:
            # Decided first: what a dead server left half done is then found, and done again.
            row = devboxes.get(connection, held.id)
            row.data.shutdown_reason = row.data.shutdown_reason or reason
            devboxes.save(connection, row, now_ms=now_ms())

        with anyio.move_on_after(_END_SECONDS, shield=True) as scope:
            await self._engine.database.write(decide, durable=True)
            await self._end(held)
        if scope.cancelled_caught:
            raise Unavailable(
                "The devbox is shut down, and takes long to end.",
                hint="The server goes on ending it; nothing need be done.",
            )

    async def _end(self, held: Held) -> None:
        engine = self._engine
        ending = self._ending.setdefault(held.id, anyio.Lock())
        async with ending:
            row = await engine.database.read(lambda connection: devboxes.get(connection, held.id))
            if not row.ended:
                await engine.keeper.stop(held)
                await engine.executions.forget_lost(held.id)
                await engine.driver.remove(held.id)
                await engine.database.write(lambda connection: _mark_ended(connection, held.id))
            await engine.keeper.release(held, forget=True)
        engine.changes.notify(held.id)

    async def end_idle(self, held: Held) -> None:
        """Shuts a devbox down that nobody used for long enough."""
        await self.end(held, "idle")

    async def look_after(self, *, carry_on: bool = True) -> float:
        """Does what is due on every devbox of its own, except what another live server holds: that one does it.

        Args:
            carry_on: Whether boots are begun again; not by a process that will not live to see their end.

        Returns:
            Seconds until the next one's time is out; infinity where there is none.
        """
        due_ms = math.inf
        for row in await self._engine.database.read(devboxes.own_living):
            if row.expires_ms is not None and row.expires_ms > now_ms():
                due_ms = min(due_ms, row.expires_ms - now_ms())
            try:
                await self._look_after(row, carry_on=carry_on)
            except Conflict:
                continue  # another server holds it, and looks after it
            except ApiError as error:
                logger.warning("Looking after devbox %s failed, and is tried again: %s", row.id, error)
            except Exception:
                # The boundary of a background task: one devbox's defect must keep nobody from the others.
                logger.exception("Looking after devbox %s failed", row.id)
        return max(due_ms, 0) / 1000

    async def _look_after(self, row: DevboxRow, *, carry_on: bool) -> None:
        engine = self._engine
        expired = row.expires_ms is not None and row.expires_ms <= now_ms()
        if row.ending or row.data.failure_reason:
            await self._end(await engine.keeper.hold(row.id))
        elif expired:
            await self._expire(row)
        elif carry_on and row.status in BOOTING:
            # Whoever began this boot is gone, and those who wait for the devbox do not boot it.
            held = await engine.keeper.hold(row.id)
            if not held.is_ready():
                engine.keeper.begin_boot(held)

    async def _expire(self, row: DevboxRow) -> None:
        engine = self._engine
        held = await engine.keeper.hold(row.id)
        if held.suspending:
            return
        current = await engine.database.read(lambda connection: devboxes.get(connection, row.id))
        if current.expires_ms is None or current.expires_ms > now_ms():
            # It was kept alive between the look and now.
            await engine.keeper.let_go(held)
            return
        await self.end(held, "keep_alive_timeout", after_snapshots=True)

    async def _snapshots_taken(self, held: Held) -> None:
        async def count() -> int:
            return held.snapshots

        await self._engine.changes.wait(held.id, count, lambda left: left == 0, seconds=_SNAPSHOT_SECONDS)


def _keep_launched(connection: Connection, row: DevboxRow) -> None:
    # Of what is kept, and not of what the boot began with: its name may have been changed meanwhile.
    current = devboxes.get(connection, row.id)
    current.status = row.status
    devboxes.save(connection, current, now_ms=now_ms())
    kept_mounts.forget(connection, row.id)


def _mark_ended(connection: Connection, devbox_id: str) -> None:
    row = devboxes.get(connection, devbox_id)
    row.status = DevboxStatus.SHUTDOWN if row.data.shutdown_reason else DevboxStatus.FAILURE
    if row.status is DevboxStatus.SHUTDOWN:
        row.data.failure_reason = row.data.failure_message = None
    row.expires_ms = None
    devboxes.save(connection, row, now_ms=now_ms())
    kept_mounts.forget(connection, devbox_id)
    places.forget(connection, devbox_id)
