"""Runs through their states: the `Runs` port of the embedded engine."""

import logging
import math
from collections.abc import Collection
from pathlib import Path
from sqlite3 import Connection
from weakref import WeakValueDictionary

import anyio

from runloop_mcp.api.access import LOCAL_OPERATOR, Principal
from runloop_mcp.api.errors import ApiError, Conflict, InvalidState, Unavailable
from runloop_mcp.api.groups.runs import Runs
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.devbox import DevboxStatus
from runloop_mcp.api.models.run import RunListParams, RunState, ScenarioRunView
from runloop_mcp.api.models.trust import RescoreParams, Rescoring
from runloop_mcp.api.trace import EventKind
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.devboxes.keeper import Held
from runloop_mcp.engine.runs.archive import write_archive
from runloop_mcp.engine.runs.rescoring import rescore
from runloop_mcp.engine.runs.scoring_job import ScoringJobs
from runloop_mcp.engine.runs.states import ENDED, WITH_SCORE, Move, next_state
from runloop_mcp.engine.runs.view import RunRecord, load, load_page, view
from runloop_mcp.engine.scoring.scoring_devbox import Purpose, scoring_devbox_ids
from runloop_mcp.engine.store import devboxes, events, places, runs
from runloop_mcp.engine.store import mounts as kept_mounts
from runloop_mcp.engine.store.devboxes import BOOTING, DevboxRow
from runloop_mcp.engine.store.idempotency import RequestKey
from runloop_mcp.engine.store.runs import RunRow

logger = logging.getLogger(__name__)

_BOOT_SECONDS = 20.0
_END_SECONDS = 60.0
_SNAPSHOT_SECONDS = 60.0
"""How long the end of a run waits for a snapshot of its devbox that somebody has asked for."""
_SETTLE_SECONDS = 30.0

_TIME_OVER = "The run's time was over before it was scored, and its devbox was shut down."

_LIVING = frozenset(DevboxStatus) - {DevboxStatus.SHUTDOWN, DevboxStatus.FAILURE}

_ENDINGS: dict[RunState, tuple[str | None, bool]] = {
    RunState.COMPLETED: ("api_shutdown", False),
    RunState.CANCELED: ("api_shutdown", False),
    RunState.FAILED: (None, False),
    RunState.SCORED: ("keep_alive_timeout", False),
    # The disk stays: work that was not scored in time is not thrown away by a clock.
    RunState.TIMEOUT: ("keep_alive_timeout", True),
}
"""How the devbox of a run in a state ends: why it is shut down (None: it failed), and whether its disk is kept."""


class EngineRuns(Runs):
    """Runs of the embedded engine."""

    def __init__(self, engine: EngineContext) -> None:
        self._engine = engine
        self._jobs = ScoringJobs(engine)
        self._ending: WeakValueDictionary[str, anyio.Lock] = WeakValueDictionary()
        """One lock for each devbox while it is being ended: a caller and our own look may find it at the same time."""

    async def retrieve(self, run_id: str) -> ScenarioRunView:
        """See `Runs.retrieve`."""
        return view(await self._engine.database.recall(load, run_id))

    async def list(self, params: RunListParams, *, principal: Principal | None = None) -> Page[ScenarioRunView]:
        """See `Runs.list`."""
        records, total, more = await self._engine.database.page(load_page, params, principal.id if principal else None)
        return Page(items=[view(record) for record in records], has_more=more, total_count=total)

    async def wait(self, run_id: str, *, leaving: Collection[RunState], wait_seconds: float) -> ScenarioRunView:
        """See `Runs.wait`."""
        record = await self._engine.changes.wait(
            run_id, lambda: self._load(run_id), lambda seen: seen.state not in leaving, seconds=wait_seconds
        )
        return view(record)

    async def score(
        self,
        run_id: str,
        *,
        wait_seconds: float = 20,
        principal: Principal = LOCAL_OPERATOR,
        idempotency_key: str | None = None,
    ) -> ScenarioRunView:
        """See `Runs.score`."""
        key = _key(Move.SCORE, principal, idempotency_key, run_id)
        record, repeated = await self._look_up(run_id, key)
        if record.state in (RunState.SCORING, *WITH_SCORE):
            await self._remember(key)
        if record.state in WITH_SCORE or (repeated and record.state is not RunState.SCORING):
            return view(record)
        if record.state is RunState.SCORING:
            await self.carry_on(record.row)
        else:
            next_state(record.state, Move.SCORE)
            # A devbox that is still booting is waited for; one that can't boot fails its run, which is then the answer.
            held = await self._engine.keeper.ready(record.row.devbox_id, seconds=_BOOT_SECONDS)
            await self._begin_scoring(run_id, held, key)
        return await self.wait(run_id, leaving={RunState.SCORING}, wait_seconds=wait_seconds)

    async def rescore(self, run_id: str, params: RescoreParams, *, principal: Principal = LOCAL_OPERATOR) -> Rescoring:
        """See `Runs.rescore`."""
        return await rescore(self._engine, run_id, params, principal)

    async def _look_up(self, run_id: str, key: RequestKey | None) -> tuple[RunRecord, bool]:
        """The run, and whether this very request was carried out before.

        Raises:
            NotFound: There is no such run.
            InvalidRequest: The key was used for another run.
        """
        return await self._engine.database.look(
            lambda connection: (load(connection, run_id), key is not None and key.is_used(connection))
        )

    async def _remember(self, key: RequestKey | None) -> None:
        """Keeps the key of a request that found done what it asks for."""
        if key is not None:
            await self._engine.database.write(lambda connection: key.keep(connection, now_ms()))

    async def _begin_scoring(self, run_id: str, held: Held, key: RequestKey | None) -> None:
        # Shielded: a run that says it is being scored is, though whoever asked for it may have gone away.
        with anyio.CancelScope(shield=True):
            try:
                await self._move(run_id, Move.SCORE, key=key)
            except InvalidState:
                if (await self._load(run_id)).state not in {RunState.SCORING, *WITH_SCORE}:
                    raise
                await self._remember(key)
                return  # asked for twice at the same time: both get the one score
            # One that was interrupted gave the run back before it had cleared up.
            await self._jobs.settled(run_id)
            self._jobs.begin(run_id, held)

    async def carry_on(self, row: RunRow) -> None:
        """Starts interrupted scoring again from the top, unless someone is at it."""
        if self._jobs.running(row.id):
            return
        try:
            held = await self._engine.keeper.hold(row.devbox_id)
        except Conflict:
            return  # another server holds the devbox, so it is scoring there
        self._jobs.begin(row.id, held)

    async def complete(
        self,
        run_id: str,
        *,
        wait_seconds: float = 20,
        principal: Principal = LOCAL_OPERATOR,
        idempotency_key: str | None = None,
    ) -> ScenarioRunView:
        """See `Runs.complete`."""
        key = _key(Move.COMPLETE, principal, idempotency_key, run_id)
        record, _ = await self._look_up(run_id, key)
        if record.state is RunState.SCORING:
            await self.carry_on(record.row)
            await self.wait(run_id, leaving={RunState.SCORING}, wait_seconds=wait_seconds)
            record = await self._load(run_id)
        if record.state is RunState.COMPLETED:
            await self._remember(key)
            return view(record)
        if record.state is RunState.SCORING:
            raise Conflict(
                "The run is still scoring, so it can't be completed yet.",
                hint="Wait for its score, then complete it.",
                retry_after=1,
            )
        await self._end(record.row, Move.COMPLETE, key=key)
        return await self.retrieve(run_id)

    async def cancel(self, run_id: str) -> ScenarioRunView:
        """See `Runs.cancel`."""
        record = await self._load(run_id)
        if record.state is RunState.CANCELED:
            return view(record)
        await self._end(record.row, Move.CANCEL)
        return await self.retrieve(run_id)

    async def _end(self, row: RunRow, move: Move, *, key: RequestKey | None = None) -> None:
        """Ends a run and its devbox; what was begun is brought to its end though the caller may have gone away."""
        target = next_state(row.state, move)
        held = await self._engine.keeper.hold(row.devbox_id)
        with anyio.move_on_after(_END_SECONDS, shield=True) as scope:
            try:
                await self._move(row.id, move, key=key)
            except InvalidState:
                if (await self._load(row.id)).state is not target:
                    raise
                # Asked for twice at the same time: both are answered once it has ended.
                await self._remember(key)
            await self._end_devbox(held, target)
        if scope.cancelled_caught:
            raise Unavailable(
                f"The run is {target}, but its devbox takes long to end.",
                hint="The server goes on ending it; nothing need be done.",
            )

    async def shut_down(self, run_id: str, held: Held) -> None:
        """Shuts the devbox of a run down: one that is not scored is canceled, a score stays."""
        record = await self._load(run_id)
        if record.state in (RunState.RUNNING, RunState.SCORING):
            try:
                await self._end(record.row, Move.CANCEL)
            except InvalidState:
                record = await self._load(run_id)  # it was scored just now
            else:
                return
        if record.state is RunState.SCORED:
            await self._engine.database.write(lambda connection: _decide_shutdown(connection, held.id))
        with anyio.move_on_after(_END_SECONDS, shield=True):
            await self._end_devbox(held, record.state)

    async def download_logs(self, run_id: str, target: Path) -> int:
        """See `Runs.download_logs`."""
        return await write_archive(self._engine, {run_id: ""}, target)

    async def fail(self, run_id: str, held: Held, reason: str) -> None:
        """Ends a run whose devbox can't be used, with the reason."""
        row = await self._move(run_id, Move.FAIL, reason=reason)
        await self._end_devbox(held, row.state)

    async def stop_scoring(self) -> None:
        """Stops all scoring of this server, which another one starts again."""
        await self._jobs.stop_all()

    async def look_after_all(self, *, carry_on: bool = True) -> float:
        """Does what is due on every run that has a devbox, except what another live server holds: that one does it.

        What the time has run out of is ended. What a server that died was at is carried on: booting, scoring, ending.

        Args:
            carry_on: Whether booting and scoring are begun again; not by a process that will not live to see their end.

        Returns:
            Seconds until the next run's time is out; infinity where there is none.
        """
        living, next_ms = await self._engine.database.read(
            lambda connection: (runs.with_devbox(connection, _LIVING), runs.next_expiry(connection, now_ms()))
        )
        for row, status in living:
            try:
                await self._look_after(row, status, carry_on=carry_on)
            except Conflict:
                continue  # another server holds the devbox, and looks after it
            except ApiError as error:
                logger.warning("Looking after run %s failed, and is tried again: %s", row.id, error)
            except Exception:
                # The boundary of a background task: one run's defect must keep nobody from the other runs.
                logger.exception("Looking after run %s failed", row.id)
        return math.inf if next_ms is None else max(next_ms - now_ms(), 0) / 1000

    async def _look_after(self, row: RunRow, status: DevboxStatus, *, carry_on: bool) -> None:
        expired = row.expires_ms is not None and row.expires_ms <= now_ms()
        if row.state in ENDED or (row.state is RunState.SCORED and expired):
            # A scored run keeps its score for ever, but not its devbox.
            await self._end_devbox(await self._engine.keeper.hold(row.devbox_id), row.state)
        elif row.state is RunState.RUNNING and expired:
            await self._expire(row)
        elif not carry_on:
            return
        elif row.state is RunState.SCORING:
            await self.carry_on(row)
        elif status in BOOTING:
            # Whoever began this boot is gone, and those who wait for the devbox do not boot it. In the queue it keeps
            # its turn, which is that of its run.
            held = await self._engine.keeper.hold(row.devbox_id)
            if not held.is_ready():
                self._engine.keeper.begin_boot(held)

    async def _expire(self, row: RunRow) -> None:
        held = await self._engine.keeper.hold(row.devbox_id)
        try:
            moved = await self._move(row.id, Move.EXPIRE, reason=_TIME_OVER)
        except InvalidState:
            # It moved on between the look and the move.
            await self._engine.keeper.let_go(held)
            return
        await self._end_devbox(held, moved.state)

    async def end_idle(self, held: Held, seconds: int) -> None:
        """Shuts a devbox down that nobody used; a run that was not scored by then has run out of time."""
        note = f"The devbox was not used for {seconds} s, and was shut down."

        def work(connection: Connection) -> RunRow:
            devbox = devboxes.get(connection, held.id)
            devbox.data.shutdown_reason = "idle"
            devboxes.save(connection, devbox, now_ms=now_ms())
            run = runs.of_devbox(connection, devbox.id)
            if run.state is not RunState.RUNNING:
                return run
            return runs.move(connection, run.id, Move.EXPIRE, now_ms=now_ms(), reason=note)

        run = await self._engine.database.write(work, durable=True)
        self._engine.moved(run)
        if run.state is not RunState.SCORING:
            await self._end_devbox(held, run.state)

    async def _load(self, run_id: str) -> RunRecord:
        return await self._engine.database.look(lambda connection: load(connection, run_id))

    async def _move(
        self, run_id: str, move: Move, *, reason: str | None = None, key: RequestKey | None = None
    ) -> RunRow:
        def work(connection: Connection) -> RunRow:
            moved = runs.move(connection, run_id, move, now_ms=now_ms(), reason=reason)
            if key is not None:
                key.keep(connection, now_ms())
            return moved

        row = await self._engine.database.write(work, durable=True)
        self._engine.moved(row)
        return row

    async def _end_devbox(self, held: Held, state: RunState) -> None:
        """Ends the devbox of a run that has come to its end: processes, disk unless it is kept, and our hold on it.

        Marked as ended last: what a dead server left half done is then found, and done again.
        """
        engine = self._engine
        reason, keep_disk = _ENDINGS[state]
        ending = self._ending.setdefault(held.id, anyio.Lock())
        async with ending:
            row = await engine.database.read(lambda connection: devboxes.get(connection, held.id))
            run_id = row.run_id or ""
            if state is RunState.CANCELED:
                await self._jobs.stop(run_id)
            if row.status in _LIVING:
                await self._snapshots_taken(held)
                await engine.keeper.stop(held)
                if not keep_disk:
                    await self._remove_disk(row, state)
                await self._remove_scoring(row, state)
                await engine.database.write(lambda connection: _mark_ended(connection, held.id, reason))
            await engine.keeper.release(held, forget=True)
        engine.changes.notify(run_id, held.id)

    async def _snapshots_taken(self, held: Held) -> None:
        """Waits for the snapshots that are being made of a devbox, which goes when its run ends."""

        async def count() -> int:
            return held.snapshots

        await self._engine.changes.wait(held.id, count, lambda left: left == 0, seconds=_SNAPSHOT_SECONDS)

    async def _remove_disk(self, row: DevboxRow, state: RunState) -> None:
        """Removes the disk, and the home as it was before the solver came, unless that may be scored with again."""
        await self._engine.driver.remove(row.id)
        if row.data.pristine_home_snapshot is not None and state not in WITH_SCORE:
            await self._engine.driver.remove_snapshot(row.data.pristine_home_snapshot)

    async def _remove_scoring(self, row: DevboxRow, state: RunState) -> None:
        """Removes what scoring left where a server died at it; the frozen disk stays where it was scored."""
        frozen = row.data.frozen_snapshot
        if frozen is None:
            return
        # A run is told of its score before its scoring devbox is gone; with its end all of it is.
        with anyio.move_on_after(_SETTLE_SECONDS):
            await self._jobs.settled(row.run_id or "")
        for devbox_id in scoring_devbox_ids(frozen, Purpose.SCORING):
            await self._engine.driver.remove(devbox_id)
        if state not in WITH_SCORE:
            await self._engine.driver.remove_snapshot(frozen)


def _key(move: Move, principal: Principal, given: str | None, run_id: str) -> RequestKey | None:
    """The key of a request to move a run; one run is all its arguments."""
    if given is None:
        return None
    return RequestKey(scope=f"{move}:{principal.id}", key=given, arguments=run_id, target_id=run_id)


def _decide_shutdown(connection: Connection, devbox_id: str) -> None:
    row = devboxes.get(connection, devbox_id)
    row.data.shutdown_reason = row.data.shutdown_reason or "api_shutdown"
    devboxes.save(connection, row, now_ms=now_ms())


def _mark_ended(connection: Connection, devbox_id: str, reason: str | None) -> None:
    row = devboxes.get(connection, devbox_id)
    row.status = DevboxStatus.SHUTDOWN if reason else DevboxStatus.FAILURE
    row.data.shutdown_reason = (row.data.shutdown_reason or reason) if reason else None
    devboxes.save(connection, row, now_ms=now_ms())
    places.forget(connection, devbox_id)
    kept_mounts.forget(connection, devbox_id)
    ended: dict[str, object] = {"status": row.status, "reason": row.data.shutdown_reason or row.data.failure_reason}
    events.append(connection, row.run_id, EventKind.DEVBOX, now_ms(), ended)
