"""Scoring a run: from its frozen disk to a final result, in a task of the engine's."""

import logging
from dataclasses import dataclass, field
from sqlite3 import Connection

import anyio

from runloop_mcp.api.errors import ApiError, Conflict, InvalidState, Unavailable
from runloop_mcp.api.ids import IdPrefix, new_id
from runloop_mcp.api.models.run import RunState
from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.api.models.scoring import ScoringContractResult, ScoringMode
from runloop_mcp.api.models.trust import TamperReport
from runloop_mcp.api.trace import EventKind
from runloop_mcp.devbox.port import Devbox, Observation
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.devboxes.keeper import Held
from runloop_mcp.engine.runs.scored import masked, scored_disk
from runloop_mcp.engine.runs.states import Move
from runloop_mcp.engine.scoring.contract import run_contract, unscorable
from runloop_mcp.engine.scoring.scoring_devbox import (
    OneDevbox,
    ScoredDiskFailure,
    ScoringDevboxes,
    freeze,
    fresh_devboxes,
)
from runloop_mcp.engine.scoring.sealing import refuse_changed
from runloop_mcp.engine.scoring.tampering import tamper_report
from runloop_mcp.engine.scoring.tools import ScorerTools
from runloop_mcp.engine.secrets.masking import Mask
from runloop_mcp.engine.spans import span
from runloop_mcp.engine.store import devboxes as devbox_rows
from runloop_mcp.engine.store import events, runs, snapshots, versions
from runloop_mcp.engine.store.devboxes import DevboxRow
from runloop_mcp.engine.store.runs import RunData, RunRow

logger = logging.getLogger(__name__)

_BOOT_SECONDS = 60.0
_MOST_BROKEN = 3
"""What is scored can keep itself from being scored so often; then that is its result."""


@dataclass(slots=True)
class _Job:
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    done: anyio.Event = field(default_factory=anyio.Event)


class ScoringJobs:
    """The scoring under way on this server."""

    def __init__(self, engine: EngineContext) -> None:
        self._engine = engine
        self._jobs: dict[str, _Job] = {}

    def running(self, run_id: str) -> bool:
        """Whether a run is being scored by this server."""
        return run_id in self._jobs

    def begin(self, run_id: str, held: Held) -> None:
        """Scores a run in the background, unless that is under way; the run's state tells how it ends."""
        if run_id in self._jobs:
            return
        job = self._jobs[run_id] = _Job()
        self._engine.tasks.start_soon(self._carry_out, run_id, held, job)

    async def settled(self, run_id: str) -> None:
        """Waits until the scoring of a run is over, and its scoring devbox is gone."""
        job = self._jobs.get(run_id)
        if job is not None:
            await job.done.wait()

    async def stop(self, run_id: str) -> None:
        """Stops the scoring of a run and waits until its scoring devbox is gone."""
        job = self._jobs.get(run_id)
        if job is not None:
            job.scope.cancel()
            await job.done.wait()

    async def stop_all(self) -> None:
        """Stops all scoring; the runs stay `scoring`, so that the next server starts it again."""
        for run_id in list(self._jobs):
            await self.stop(run_id)

    async def _carry_out(self, run_id: str, held: Held, job: _Job) -> None:
        try:
            with job.scope, span("score run", **{"run.id": run_id, "devbox.id": held.id}):
                await self._score(run_id, held)
        except ApiError as error:
            if job.scope.cancel_called:  # it was stopped, and only clearing up has failed: the run stays as it is
                logger.warning("Clearing up after the stopped scoring of run %s failed: %s", run_id, error)
            else:
                await self._interrupt(run_id, error, held.mask)
        except Exception:
            # The boundary of a background task: a defect of ours must neither end the server nor count as a score.
            logger.exception("Scoring run %s failed", run_id)
            ours = Unavailable("Scoring failed by an error of ours; see the server's log.")
            await self._interrupt(run_id, ours, held.mask)
        finally:
            del self._jobs[run_id]
            job.done.set()
            self._engine.changes.notify(run_id)

    async def _score(self, run_id: str, held: Held) -> None:
        engine = self._engine
        run = await engine.database.read(lambda connection: runs.get(connection, run_id))
        if run.state is not RunState.SCORING:
            # It was scored or canceled between the look that found it scoring and now.
            if held.box is None and held.boot is None:
                await engine.keeper.release(held, forget=False)
            return
        if not held.is_ready():
            held = await self._ready(held)
        task = await engine.database.write(lambda connection: _prepare(connection, run_id))
        box, scenario = held.box, task.scenario
        if box is None:
            raise Unavailable("The devbox ended before it could be scored.", retryable=True)
        refuse_changed(task.run.data.sealed, scenario, task.run.data.files_key)
        tools = await engine.toolbox.tools_for(scenario.scoring_contract)
        with span("freeze disk"):
            await self._freeze(task, box, held)
        disk = scored_disk(task.devbox, task.frozen, scenario, tools)
        if task.run.data.scoring is ScoringMode.LIVE:
            await self._run_scorers(task, OneDevbox(box, disk), held, tools)
            return
        async with fresh_devboxes(engine.driver, box.spec, disk, task.run.data.scoring) as devboxes:
            await self._run_scorers(task, devboxes, held, tools)

    async def _run_scorers(self, task: "_Task", devboxes: ScoringDevboxes, held: Held, tools: ScorerTools) -> None:
        contract = task.scenario.scoring_contract
        try:
            result = await run_contract(
                contract,
                devboxes,
                timeout_seconds=task.scenario.scorer_timeout_sec or self._engine.settings.scorer_timeout_seconds,
                environment=held.environment,
                tools=tools,
                losses_count=task.is_last_try or devboxes.mode is not ScoringMode.LIVE,
            )
        except ScoredDiskFailure as error:
            if not task.is_last_try:
                raise
            result = unscorable(contract, error.message)
        # Told before the scoring devbox is removed: nobody need wait for that.
        await self._finish(task.run.id, masked(result, held.mask), devboxes)

    async def _freeze(self, task: "_Task", box: Devbox, held: Held) -> None:
        """Keeps the disk that is scored, and what is seen at that instant; scored in place, that alone is kept."""
        engine, since_ns = self._engine, task.devbox.data.launched_ns
        if task.run.data.scoring is ScoringMode.LIVE:
            seen: Observation | None = await box.observe(since_ns=since_ns)
        elif await engine.driver.has_snapshot(task.frozen):
            if task.run.data.tamper is not None:
                return
            seen = None
        else:
            async with box.frozen():
                seen = await box.observe(since_ns=since_ns)
                await freeze(engine.driver, box, task.frozen)
        unseen = await engine.database.read(lambda connection: _unseen(connection, task.devbox))
        report = tamper_report(
            seen,
            unseen=unseen,
            contract=task.scenario.scoring_contract,
            test_files=task.devbox.data.test_files,
            network=box.spec.network,
        )
        covered = TamperReport.model_validate_json(held.mask.text(report.model_dump_json()))
        await engine.database.write(lambda connection: runs.keep_tamper(connection, task.run.id, covered))

    async def _ready(self, held: Held) -> Held:
        """The run's devbox, booted again, as its server ended while scoring: in its turn, however long that takes."""
        while True:
            try:
                return await self._engine.keeper.ready(held.id, seconds=_BOOT_SECONDS)
            except Conflict:
                if not self._engine.places.waits(held.id):
                    raise

    async def _finish(self, run_id: str, result: ScoringContractResult, devboxes: ScoringDevboxes) -> None:
        def change(data: RunData) -> None:
            data.scoring_mode = devboxes.mode
            data.restored_files = list(devboxes.restored_files)

        def work(connection: Connection) -> RunRow:
            return runs.move(connection, run_id, Move.FINISH, now_ms=now_ms(), change=change, result=result)

        # Shielded: a result that is there is kept, whatever else ends meanwhile.
        with anyio.CancelScope(shield=True):
            self._engine.moved(await self._engine.database.write(work, durable=True))

    async def _interrupt(self, run_id: str, error: ApiError, mask: Mask) -> None:
        reason = mask.text(str(error))
        note = f"Scoring was interrupted and can be asked for again: {reason}"
        if isinstance(error, InvalidState):
            note = f"Scoring was refused: {reason}"

        def change(data: RunData) -> None:
            data.tamper = None
            data.broken_scorings += isinstance(error, ScoredDiskFailure)

        def work(connection: Connection) -> tuple[RunRow, str | None]:
            run = runs.move(connection, run_id, Move.INTERRUPT, now_ms=now_ms(), reason=note, change=change)
            row = devbox_rows.get(connection, run.devbox_id)
            frozen, row.data.frozen_snapshot = row.data.frozen_snapshot, None
            devbox_rows.save(connection, row, now_ms=now_ms())
            return run, frozen

        try:
            run, frozen = await self._engine.database.write(work, durable=True)
            self._engine.moved(run)
            if frozen is not None:
                # The run is being worked on again: the next score is of the disk as it will be then.
                await self._engine.driver.remove_snapshot(frozen)
        except ApiError as failure:
            # Canceled meanwhile, or the store is out of reach: then it starts again when a server starts.
            logger.warning("Run %s stays as it is after interrupted scoring: %s", run_id, failure)


@dataclass(frozen=True, slots=True)
class _Task:
    """What is to be scored."""

    run: RunRow
    devbox: DevboxRow
    frozen: str
    """The snapshot of its disk."""
    scenario: ScenarioView

    @property
    def is_last_try(self) -> bool:
        """Whether what on the disk keeps functions from being scored now counts as their error."""
        return self.run.data.broken_scorings + 1 >= _MOST_BROKEN


def _unseen(connection: Connection, row: DevboxRow) -> list[str]:
    """What a look at a devbox's disk does not show, in a sentence each."""
    found = []
    if row.data.launched_ns == 0:
        found.append("Changed files: those that launch commands made count too, as an earlier version launched it.")
    if row.data.base_snapshot is not None:
        found.append("Changed tests: only those of the scenario's files and launch commands, not those of its base.")
    if snapshots.of_devbox(connection, row.id):
        found.append("Changes from before a snapshot of this devbox, where it was taken while the devbox was down.")
    return found


def _prepare(connection: Connection, run_id: str) -> _Task:
    run = runs.get(connection, run_id)
    row = devbox_rows.get(connection, run.devbox_id)
    frozen = row.data.frozen_snapshot
    if frozen is None:
        frozen = row.data.frozen_snapshot = new_id(IdPrefix.SNAPSHOT)
        devbox_rows.save(connection, row, now_ms=now_ms())
    scenario = versions.get(connection, run.data.scenario_version)
    functions = len(scenario.scoring_contract.scoring_function_parameters)
    begun: dict[str, object] = {"mode": run.data.scoring, "functions": functions}
    events.append(connection, run_id, EventKind.SCORING, now_ms(), begun)
    return _Task(run, row, frozen, scenario)
