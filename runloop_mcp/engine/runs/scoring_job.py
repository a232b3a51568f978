"""Scoring a run: from its frozen disk to a final result, in a task of the engine's."""

import base64
import logging
from dataclasses import dataclass, field
from sqlite3 import Connection

import anyio

from runloop_mcp.api.errors import ApiError, Conflict, Unavailable
from runloop_mcp.api.ids import IdPrefix, new_id
from runloop_mcp.api.models.run import RunState
from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.api.models.scoring import ScoringContractResult
from runloop_mcp.api.trace import EventKind
from runloop_mcp.devbox.port import FileData
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.devboxes.keeper import Held
from runloop_mcp.engine.runs.states import Move
from runloop_mcp.engine.scoring.contract import run_contract
from runloop_mcp.engine.scoring.protected import protected_names
from runloop_mcp.engine.scoring.scoring_devbox import PreparedScoring, scoring_devbox
from runloop_mcp.engine.store import devboxes, events, runs, versions
from runloop_mcp.engine.store.devboxes import DevboxRow
from runloop_mcp.engine.store.runs import RunData, RunRow

logger = logging.getLogger(__name__)

_BOOT_SECONDS = 60.0


@dataclass(slots=True)
class _Job:
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    done: anyio.Event = field(default_factory=anyio.Event)


@dataclass(frozen=True, slots=True)
class _Task:
    """What is to be scored."""

    run: RunRow
    devbox: DevboxRow
    scenario: ScenarioView


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
            with job.scope:
                await self._score(run_id, held)
        except ApiError as error:
            await self._interrupt(run_id, held.mask.text(str(error)))
        except Exception:
            # The boundary of a background task: a defect of ours must neither end the server nor count as a score.
            logger.exception("Scoring run %s failed", run_id)
            await self._interrupt(run_id, "Scoring failed by an error of ours; see the server's log.")
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
        box, row, scenario = held.box, task.devbox, task.scenario
        if box is None or row.data.frozen_snapshot is None:
            raise Unavailable("The devbox ended before it could be scored.", retryable=True)
        tools = await engine.toolbox.tools_for(scenario.scoring_contract)
        async with scoring_devbox(
            engine.driver,
            box,
            mode=task.run.data.scoring,
            frozen_snapshot_id=row.data.frozen_snapshot,
            pristine_home_snapshot_id=row.data.pristine_home(),
            protected_names=protected_names(scenario.metadata),
            pristine={
                path: FileData(data=base64.b64decode(file.data), size=len(base64.b64decode(file.data)), mode=file.mode)
                for path, file in row.data.pristine.items()
            },
            read_only=tools.read_only,
        ) as prepared:
            result = await run_contract(
                scenario.scoring_contract,
                prepared.devbox,
                timeout_seconds=scenario.scorer_timeout_sec or engine.settings.scorer_timeout_seconds,
                environment=held.environment,
                mode=prepared.mode,
                tools=tools,
            )
            for function in result.scoring_function_results:
                function.output = held.mask.text(function.output)
            # Told before the scoring devbox is removed: nobody need wait for that.
            await self._finish(run_id, result, prepared)

    async def _ready(self, held: Held) -> Held:
        """The run's devbox, booted again, as its server ended while scoring: in its turn, however long that takes."""
        while True:
            try:
                return await self._engine.keeper.ready(held.id, seconds=_BOOT_SECONDS)
            except Conflict:
                if not self._engine.places.waits(held.id):
                    raise

    async def _finish(self, run_id: str, result: ScoringContractResult, prepared: PreparedScoring) -> None:
        def change(data: RunData) -> None:
            data.scoring_mode = prepared.mode
            data.restored_files = list(prepared.restored_files)

        def work(connection: Connection) -> RunRow:
            return runs.move(connection, run_id, Move.FINISH, now_ms=now_ms(), change=change, result=result)

        # Shielded: a result that is there is kept, whatever else ends meanwhile.
        with anyio.CancelScope(shield=True):
            self._engine.moved(await self._engine.database.write(work, durable=True))

    async def _interrupt(self, run_id: str, reason: str) -> None:
        note = f"Scoring was interrupted and can be asked for again: {reason}"

        def work(connection: Connection) -> tuple[RunRow, str | None]:
            run = runs.move(connection, run_id, Move.INTERRUPT, now_ms=now_ms(), reason=note)
            row = devboxes.get(connection, run.devbox_id)
            frozen, row.data.frozen_snapshot = row.data.frozen_snapshot, None
            devboxes.save(connection, row, now_ms=now_ms())
            return run, frozen

        try:
            run, frozen = await self._engine.database.write(work, durable=True)
            self._engine.moved(run)
            if frozen is not None:
                # The run is being worked on again: the next score is of the disk as it will be then.
                await self._engine.driver.remove_snapshot(frozen)
        except ApiError as error:
            # Canceled meanwhile, or the store is out of reach: then it starts again when a server starts.
            logger.warning("Run %s stays as it is after interrupted scoring: %s", run_id, error)


def _prepare(connection: Connection, run_id: str) -> _Task:
    run = runs.get(connection, run_id)
    row = devboxes.get(connection, run.devbox_id)
    if row.data.frozen_snapshot is None:
        row.data.frozen_snapshot = new_id(IdPrefix.SNAPSHOT)
        devboxes.save(connection, row, now_ms=now_ms())
    scenario = versions.get(connection, run.data.scenario_version)
    functions = len(scenario.scoring_contract.scoring_function_parameters)
    begun: dict[str, object] = {"mode": run.data.scoring, "functions": functions}
    events.append(connection, run_id, EventKind.SCORING, now_ms(), begun)
    return _Task(run, row, scenario)
