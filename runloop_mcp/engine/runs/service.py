"""Runs through their states: the `Runs` port of the embedded engine."""

import math
from collections.abc import Callable, Collection
from sqlite3 import Connection

from runloop_mcp.api.backend import Runs
from runloop_mcp.api.errors import Conflict, InvalidState
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.devbox import DevboxStatus
from runloop_mcp.api.models.run import RunListParams, RunState, ScenarioRunView
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.devboxes.keeper import Held
from runloop_mcp.engine.runs.scoring_job import ScoringJobs
from runloop_mcp.engine.runs.states import WITH_SCORE, Move, next_state
from runloop_mcp.engine.runs.view import RunRecord, load, surround, view
from runloop_mcp.engine.store import devboxes, runs
from runloop_mcp.engine.store.runs import RunData, RunRow

_BOOT_SECONDS = 20.0


class EngineRuns(Runs):
    """Runs of the embedded engine."""

    def __init__(self, engine: EngineContext) -> None:
        self._engine = engine
        self._jobs = ScoringJobs(engine)

    async def retrieve(self, run_id: str) -> ScenarioRunView:
        """See `Runs.retrieve`."""
        return view(await self._load(run_id))

    async def list(self, params: RunListParams) -> Page[ScenarioRunView]:
        """See `Runs.list`."""

        def work(connection: Connection) -> tuple[list[RunRecord], int, bool]:
            rows, total, more = runs.page(connection, params)
            return [surround(connection, row) for row in rows], total, more

        records, total, more = await self._engine.database.read(work)
        return Page(items=[view(record) for record in records], has_more=more, total_count=total)

    async def wait(self, run_id: str, *, leaving: Collection[RunState], wait_seconds: float) -> ScenarioRunView:
        """See `Runs.wait`."""
        record = await self._engine.changes.wait(
            run_id, lambda: self._load(run_id), lambda seen: seen.state not in leaving, seconds=wait_seconds
        )
        return view(record)

    async def score(self, run_id: str, *, wait_seconds: float = 20) -> ScenarioRunView:
        """See `Runs.score`."""
        record = await self._load(run_id)
        if record.state in WITH_SCORE:
            return view(record)
        if record.state is RunState.SCORING:
            await self.carry_on(record.row)
        else:
            next_state(record.state, Move.SCORE)
            # A devbox that is still booting is waited for; one that can't boot fails its run, which is then the answer.
            held = await self._engine.keeper.ready(record.row.devbox_id, seconds=_BOOT_SECONDS)
            await self._move(run_id, Move.SCORE)
            self._jobs.begin(run_id, held)
        return await self.wait(run_id, leaving={RunState.SCORING}, wait_seconds=wait_seconds)

    async def carry_on(self, row: RunRow) -> None:
        """Starts interrupted scoring again from the top, unless someone is at it."""
        if self._jobs.running(row.id):
            return
        try:
            held = await self._engine.keeper.hold(row.devbox_id)
        except Conflict:
            return  # another server holds the devbox, so it is scoring there
        if not self._jobs.running(row.id):
            self._jobs.begin(row.id, held)

    async def complete(self, run_id: str, *, wait_seconds: float = 20) -> ScenarioRunView:
        """See `Runs.complete`."""
        record = await self._load(run_id)
        if record.state is RunState.SCORING:
            await self.carry_on(record.row)
            await self.wait(run_id, leaving={RunState.SCORING}, wait_seconds=wait_seconds)
            record = await self._load(run_id)
        if record.state is RunState.COMPLETED:
            return view(record)
        if record.state is RunState.SCORING:
            raise Conflict(
                "The run is still scoring, so it can't be completed yet.",
                hint="Wait for its score, then complete it.",
                retry_after=1,
            )
        next_state(record.state, Move.COMPLETE)
        held = await self._engine.keeper.hold(record.row.devbox_id)
        await self._move(run_id, Move.COMPLETE)
        await self._end_devbox(held, reason="api_shutdown", keep_disk=False)
        return await self.retrieve(run_id)

    async def cancel(self, run_id: str) -> ScenarioRunView:
        """See `Runs.cancel`."""
        record = await self._load(run_id)
        if record.state is RunState.CANCELED:
            return view(record)
        next_state(record.state, Move.CANCEL)
        held = await self._engine.keeper.hold(record.row.devbox_id)
        await self._move(run_id, Move.CANCEL)
        await self._jobs.stop(run_id)
        await self._end_devbox(held, reason="api_shutdown", keep_disk=False)
        return await self.retrieve(run_id)

    async def fail(self, run_id: str, held: Held, reason: str) -> None:
        """Ends a run whose devbox can't be used, with the reason."""

        def change(data: RunData) -> None:
            data.notes.append(reason)

        await self._move(run_id, Move.FAIL, change=change)
        await self._end_devbox(held, reason=None, keep_disk=False)

    async def stop_scoring(self) -> None:
        """Stops all scoring of this server, which another one starts again."""
        await self._jobs.stop_all()

    async def expire(self) -> float:
        """Ends what the time has run out of, except what another server holds: that one does it.

        Returns:
            Seconds until the next run's time is out; infinity where there is none.
        """
        engine, now = self._engine, now_ms()
        running, scored, next_ms = await engine.database.read(
            lambda connection: (
                runs.expired(connection, RunState.RUNNING, now),
                runs.expired(connection, RunState.SCORED, now),
                runs.next_expiry(connection, now),
            )
        )
        for row in running:
            await self._expire_run(row)
        for row in scored:
            await self._expire_devbox(row)
        return math.inf if next_ms is None else max(next_ms - now_ms(), 0) / 1000

    async def _expire_run(self, row: RunRow) -> None:
        held_before = self._engine.keeper.get(row.devbox_id) is not None
        try:
            held = await self._engine.keeper.hold(row.devbox_id)
        except Conflict:
            return
        try:
            await self._move(row.id, Move.EXPIRE)
        except InvalidState:
            # It moved on between the look and the move.
            if not held_before:
                await self._engine.keeper.release(held, forget=False)
            return
        # The disk stays: work that was not scored in time is not thrown away by a clock.
        await self._end_devbox(held, reason="keep_alive_timeout", keep_disk=True)

    async def _expire_devbox(self, row: RunRow) -> None:
        """A scored run keeps its score for ever, but not its devbox."""
        try:
            held = await self._engine.keeper.hold(row.devbox_id)
        except Conflict:
            return
        await self._end_devbox(held, reason="keep_alive_timeout", keep_disk=False)

    async def carry_on_all(self) -> None:
        """Starts all interrupted scoring again, when a server starts."""
        for row in await self._engine.database.read(lambda connection: runs.in_state(connection, RunState.SCORING)):
            await self.carry_on(row)

    async def _load(self, run_id: str) -> RunRecord:
        return await self._engine.database.read(lambda connection: load(connection, run_id))

    async def _move(self, run_id: str, move: Move, *, change: Callable[[RunData], None] | None = None) -> RunRow:
        row = await self._engine.database.write(
            lambda connection: runs.move(connection, run_id, move, now_ms=now_ms(), change=change), durable=True
        )
        self._engine.moved(row)
        return row

    async def _end_devbox(self, held: Held, *, reason: str | None, keep_disk: bool) -> None:
        """Ends the devbox of a run that has ended: processes, disk unless it is kept, and our hold on it."""
        engine = self._engine
        await engine.keeper.stop(held)

        def work(connection: Connection) -> str | None:
            row = devboxes.get(connection, held.id)
            if row.status not in (DevboxStatus.SHUTDOWN, DevboxStatus.FAILURE):
                row.status = DevboxStatus.SHUTDOWN if reason else DevboxStatus.FAILURE
                row.data.shutdown_reason = reason
            devboxes.save(connection, row, now_ms=now_ms())
            return row.data.pristine_home_snapshot

        pristine_home = await engine.database.write(work)
        if not keep_disk:
            await engine.driver.remove(held.id)
            if pristine_home is not None:
                await engine.driver.remove_snapshot(pristine_home)
        await engine.keeper.release(held, forget=True)
        engine.changes.notify(held.run_id, held.id)
