"""Devboxes that nobody uses: after their idle time they are suspended, or shut down.

A devbox is in use while an execution runs on it, while its run is being scored, and at each call that needs it. When
its idle time is over is known here to the moment, and kept every few seconds, so that it holds across servers.
"""

import logging
import math
from collections.abc import Awaitable, Callable
from functools import partial
from sqlite3 import Connection

from runloop_mcp.api.errors import ApiError, Conflict
from runloop_mcp.api.models.run import RunState
from runloop_mcp.api.models.scenario import AfterIdle
from runloop_mcp.engine.alarm import Alarm
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.devboxes.keeper import Held
from runloop_mcp.engine.devboxes.suspension import suspend
from runloop_mcp.engine.store import devboxes

logger = logging.getLogger(__name__)

ShutDown = Callable[[Held, int], Awaitable[None]]
"""Shuts a devbox down that was not used for so many seconds, and ends its run where that still goes on."""


class IdleDevboxes:
    """Looks after the devboxes whose launch parameters say what happens when nobody uses them."""

    def __init__(self, engine: EngineContext, shut_down: ShutDown, alarm: Alarm) -> None:
        self._engine = engine
        self._shut_down = shut_down
        self._alarm = alarm

    async def begin(self, held: Held, rule: AfterIdle | None) -> None:
        """Begins to look after a devbox that has just booted."""
        held.after_idle, held.used_ms = rule, now_ms()
        if rule is not None:
            await self._keep({held.id: held.used_ms + rule.idle_time_seconds * 1000})
            self._alarm.ring()

    async def look_after(self) -> float:
        """Does what is due; returns the seconds until the next is."""
        now, due_ms = now_ms(), math.inf
        kept: dict[str, int] = {}
        for held in self._engine.keeper.all_held():
            rule = held.after_idle
            if rule is None or held.stopping or (held.boot is not None and not held.boot.done.is_set()):
                continue
            if held.busy() or (held.run is not None and held.run.state is RunState.SCORING):
                held.used_ms = now
            expires = held.used_ms + rule.idle_time_seconds * 1000
            if expires <= now:
                await self._end(held, rule)
                continue
            due_ms = min(due_ms, expires - now)
            if expires != held.idle_kept_ms:
                held.idle_kept_ms = kept[held.id] = expires
        if kept:
            await self._keep(kept)
        return min(due_ms, await self._look_after_others(now)) / 1000

    async def keep_all(self) -> None:
        """Keeps when the idle time of every devbox is over, for the next server."""
        await self._keep(
            {
                held.id: held.used_ms + held.after_idle.idle_time_seconds * 1000
                for held in self._engine.keeper.all_held()
                if held.after_idle is not None and held.prepared
            }
        )

    async def _keep(self, expiries: dict[str, int]) -> None:
        if expiries:
            await self._engine.database.write(lambda connection: devboxes.keep_idle_expiries(connection, expiries))

    async def _end(self, held: Held, rule: AfterIdle) -> None:
        try:
            if rule.on_idle == "suspend":
                await suspend(self._engine, held, reason="idle")
            else:
                await self._shut_down(held, rule.idle_time_seconds)
        except ApiError as error:
            logger.warning("The idle devbox %s could not be ended, which is tried again: %s", held.id, error)

    async def _look_after_others(self, now: int) -> float:
        """Sees to the devboxes that a dead server left running; returns the milliseconds until the next is due."""
        keeper, database = self._engine.keeper, self._engine.database
        due, next_ms = await database.read(
            lambda connection: (devboxes.idle_at(connection, now), devboxes.next_idle_expiry(connection, now))
        )
        for devbox_id in due:
            if keeper.get(devbox_id) is not None:
                continue
            try:
                held = await keeper.hold(devbox_id)
            except Conflict:
                continue  # its server lives, and looks after it
            # It may have been used, or have ended, before it was ours.
            rule = await database.read(partial(_rule_due, devbox_id=devbox_id, now=now))
            if held.boot is not None:
                continue  # a call has come for it
            if rule is None:
                await keeper.let_go(held)
                continue
            await self._engine.executions.forget_lost(devbox_id)
            await self._end(held, rule)
        return math.inf if next_ms is None else next_ms - now


def _rule_due(connection: Connection, *, devbox_id: str, now: int) -> AfterIdle | None:
    """What is to happen to a devbox whose idle time is over, if it still is."""
    if devbox_id not in devboxes.idle_at(connection, now):
        return None
    return devboxes.get(connection, devbox_id).data.launch_parameters.idle_rule()
