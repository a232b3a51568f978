"""The embedded engine: a `Backend` that keeps scenarios, runs and scores here and runs devboxes through a `Driver`."""

import contextlib
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from sqlite3 import Connection
from types import TracebackType
from typing import TYPE_CHECKING, Self

import anyio
from anyio.abc import TaskGroup

from runloop_mcp.api.access import LOCAL_OPERATOR, Principal
from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import ApiError, Conflict, InvalidState, NotFound
from runloop_mcp.api.groups.scenarios import Scenarios
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.devbox import DevboxStatus
from runloop_mcp.api.models.run import ScenarioRunView, StartRunParams
from runloop_mcp.api.models.scenario import (
    ScenarioCreateParams,
    ScenarioEnvironment,
    ScenarioListParams,
    ScenarioUpdateParams,
    ScenarioView,
)
from runloop_mcp.api.models.scoring import ScoringMode
from runloop_mcp.api.trace import EventKind
from runloop_mcp.devbox.port import Driver, Files
from runloop_mcp.engine.accounts import EngineAccounts
from runloop_mcp.engine.agents.service import EngineAgents
from runloop_mcp.engine.changes import Changes
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.devboxes.executions import Executions, idempotency_scope
from runloop_mcp.engine.devboxes.idle import IdleDevboxes
from runloop_mcp.engine.devboxes.keeper import DevboxKeeper, Held
from runloop_mcp.engine.devboxes.places import Places
from runloop_mcp.engine.devboxes.service import EngineDevboxes
from runloop_mcp.engine.devboxes.suspension import SUSPENDED, mark_resumed
from runloop_mcp.engine.environments.bases import base_of
from runloop_mcp.engine.environments.blueprint_builder import BlueprintBuilder
from runloop_mcp.engine.environments.blueprints import EngineBlueprints
from runloop_mcp.engine.environments.snapshots import EngineSnapshots
from runloop_mcp.engine.objects.contents import ObjectContents
from runloop_mcp.engine.objects.service import EngineObjects
from runloop_mcp.engine.runs.launch import BOOTED_AGAIN, RESUMED, Launcher, LaunchFailed
from runloop_mcp.engine.runs.service import EngineRuns
from runloop_mcp.engine.runs.start import start_run
from runloop_mcp.engine.scenarios.library import ScenarioLibrary
from runloop_mcp.engine.scenarios.pack import FolderProblem
from runloop_mcp.engine.scenarios.requirements import marked
from runloop_mcp.engine.scorers.catalogue import ScorerCatalogue
from runloop_mcp.engine.scorers.service import EngineScorers
from runloop_mcp.engine.scoring.toolbox import Toolbox
from runloop_mcp.engine.scoring.tools import ScorerTools
from runloop_mcp.engine.secrets.file import SecretsFile
from runloop_mcp.engine.secrets.masking import Mask
from runloop_mcp.engine.secrets.service import EngineSecrets
from runloop_mcp.engine.secrets.values import SecretValues
from runloop_mcp.engine.servers import Servers
from runloop_mcp.engine.settings import EngineSettings
from runloop_mcp.engine.store import devboxes, events, executions, idempotency, runs, versions
from runloop_mcp.engine.store.database import Database
from runloop_mcp.engine.store.devboxes import DevboxRow
from runloop_mcp.engine.store.runs import RunRow
from runloop_mcp.engine.trace import EngineTrace

if TYPE_CHECKING:
    from runloop_mcp.engine.retention.collector import Collected, Collector

logger = logging.getLogger(__name__)

_FIRST_LOOK_SECONDS = 0.5
"""A server first answers its client; what a dead one left is carried on just after."""

_SWEEP_SECONDS = 5.0


class EngineScenarios(Scenarios):
    """Scenarios of the embedded engine."""

    def __init__(self, engine: EngineContext) -> None:
        self._engine = engine

    async def create(self, params: ScenarioCreateParams, *, idempotency_key: str | None = None) -> ScenarioView:
        """See `Scenarios.create`."""
        await self._engine.custom_scorers.refuse_unknown(params.scoring_contract)
        await self._refuse_unknown_base(params.environment_parameters)
        return await self._engine.library.create(params, idempotency_key=idempotency_key)

    async def retrieve(self, scenario_id: str) -> ScenarioView:
        """See `Scenarios.retrieve`."""
        (scenario,) = await marked([await self._engine.library.retrieve(scenario_id)], self._engine.driver)
        return scenario

    async def update(self, scenario_id: str, params: ScenarioUpdateParams) -> ScenarioView:
        """See `Scenarios.update`."""
        if params.scoring_contract is not None:
            await self._engine.custom_scorers.refuse_unknown(params.scoring_contract)
        await self._refuse_unknown_base(params.environment_parameters)
        return await self._engine.library.update(scenario_id, params)

    async def _refuse_unknown_base(self, environment: ScenarioEnvironment | None) -> None:
        with contextlib.suppress(Conflict):  # it is being made, and can be named already
            await self._engine.database.read(lambda connection: base_of(connection, environment))

    async def list(self, params: ScenarioListParams) -> Page[ScenarioView]:
        """See `Scenarios.list`."""
        page = await self._engine.library.list(params)
        return page.model_copy(update={"items": await marked(page.items, self._engine.driver)})

    async def archive(self, scenario_id: str) -> ScenarioView:
        """See `Scenarios.archive`."""
        return await self._engine.library.archive(scenario_id)

    async def unarchive(self, scenario_id: str) -> ScenarioView:
        """See `Scenarios.unarchive`."""
        return await self._engine.library.unarchive(scenario_id)

    async def start_run(
        self, params: StartRunParams, *, principal: Principal = LOCAL_OPERATOR, idempotency_key: str | None = None
    ) -> ScenarioRunView:
        """See `Scenarios.start_run`."""
        return await start_run(self._engine, params, principal=principal, idempotency_key=idempotency_key)


class EmbeddedEngine(Backend):
    """The embedded engine.

    Args:
        state: The folder that everything is kept in; made where it is missing, readable by its owner alone.
        driver: What makes devboxes; entered and left with the engine.
        packs: Folders of scenario folders; the bundled pack is one of them only where it is given.
        settings: What can be set.
        environment: Where variables stand that beat the file of secrets; None: the process's own.
    """

    def __init__(
        self,
        state: Path,
        driver: Driver,
        *,
        packs: Sequence[Path] = (),
        settings: EngineSettings | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._state = state
        self._driver = driver
        self._packs = packs
        self._settings = settings or EngineSettings()
        self._environment = environment
        self._stack = AsyncExitStack()
        self._tasks: TaskGroup
        self._engine: EngineContext
        self._secrets_file = SecretsFile(state)
        self._runs: EngineRuns
        self._servers = Servers(state / "servers")
        self._idle: IdleDevboxes

    async def __aenter__(self) -> Self:
        self._state.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Where nothing can be written nothing is taken away either; the first use of the store tells what is wrong.
        with contextlib.suppress(OSError):
            self._servers.begin()
        database = await self._stack.enter_async_context(Database(self._state / "store.db"))
        await self._stack.enter_async_context(self._driver)
        self._tasks = await self._stack.enter_async_context(anyio.create_task_group())
        changes = Changes()
        places = Places(database, self._servers, changes, limit=self._settings.max_devboxes)
        keeper = DevboxKeeper(self._state / "locks", places, self._boot)
        keeper.tasks = self._tasks
        following = Executions(
            database, self._state / "outputs", changes, quota_bytes=self._settings.output_quota_bytes
        )
        following.tasks = self._tasks
        self._engine = EngineContext(
            settings=self._settings,
            database=database,
            driver=self._driver,
            library=ScenarioLibrary(database, self._packs),
            changes=changes,
            executions=following,
            keeper=keeper,
            places=places,
            launcher=Launcher(self._driver, self._settings),
            custom_scorers=ScorerCatalogue(database, self._packs),
            toolbox=Toolbox(self._driver, database, keeper.lock),
            secrets=SecretValues(self._secrets_file, self._environment),
            objects=ObjectContents(self._state / "objects", limit=self._settings.object_bytes),
            tasks=self._tasks,
        )
        self.scenarios = EngineScenarios(self._engine)
        self.scorers = EngineScorers(self._engine)
        self.devboxes = EngineDevboxes(self._engine)
        self.runs = self._runs = EngineRuns(self._engine)
        self.snapshots = EngineSnapshots(self._engine)
        self.blueprints = EngineBlueprints(self._engine, BlueprintBuilder(self._engine, os.environ))
        self.secrets = EngineSecrets(self._secrets_file)
        self.agents = EngineAgents(database)
        self.accounts = EngineAccounts(database)
        self.objects = EngineObjects(database, self._engine.objects)
        self._idle = IdleDevboxes(self._engine, self._runs.end_idle)
        self.trace = EngineTrace(self._engine)
        if self._settings.looks_after_runs:
            self._tasks.start_soon(self._sweep)
            self._tasks.start_soon(self._collect_now_and_then)
        self._tasks.start_soon(places.look_after)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        keeper = self._engine.keeper
        with anyio.CancelScope(shield=True):
            # Scoring first: a devbox that ends under its scorers would look like a defect, and not like our end.
            await self._runs.stop_scoring()
            with contextlib.suppress(ApiError):  # what was kept before holds then
                await self._idle.keep_all()
            self._engine.places.begin_to_close()
            await keeper.stop_all()
            await self._engine.places.close()
        self._tasks.cancel_scope.cancel()
        try:
            # A caller's error goes on as it is: told to the task group, it would come out wrapped in a group.
            told = (None, None, None) if isinstance(error, Exception) else (kind, error, trace)
            await self._stack.__aexit__(*told)
        finally:
            with anyio.CancelScope(shield=True):
                await keeper.release_all()
                self._servers.end()

    async def holds(self, run_id: str) -> bool:
        """Whether this server has the devbox of a run."""
        try:
            run = await self.runs.retrieve(run_id)
        except NotFound:
            return False
        return self._engine.keeper.get(run.devbox_id) is not None

    async def problems(self) -> Sequence[FolderProblem]:
        """Folders of packs that could not be loaded, scenarios' and scorers', with what is wrong in them."""
        return [*await self._engine.library.problems(), *await self._engine.custom_scorers.problems()]

    async def collect(self, *, dry_run: bool = False) -> "Collected":
        """Takes away what is not needed any more: what was kept for long enough, and what was left over.

        Args:
            dry_run: Only says what would go.

        Raises:
            Conflict: Another process is at it.
        """
        if not dry_run:
            # What nobody ended in time, because no server was there, is ended first.
            await self._runs.look_after_all(carry_on=False)
        return await self._collector().collect(dry_run=dry_run)

    async def _collect_now_and_then(self) -> None:
        await anyio.sleep(self._settings.collect_after_seconds)
        await self._collector().run()

    def _collector(self) -> "Collector":
        from runloop_mcp.engine.retention.collector import Collector  # noqa: PLC0415 - long after a server's start

        return Collector(self._engine, self._state, self._servers, self._secrets_file)

    async def _sweep(self) -> None:
        await anyio.sleep(_FIRST_LOOK_SECONDS)
        while True:
            try:
                due = min(await self._runs.look_after_all(), await self._idle.look_after())
            except ApiError as error:
                logger.warning("Looking after runs failed, and is tried again: %s", error)
                due = _SWEEP_SECONDS
            except Exception:
                # The boundary of a background task: what keeps us from looking after runs must not end the server.
                logger.exception("Looking after runs failed")
                due = _SWEEP_SECONDS
            await self._idle.wait(min(due, _SWEEP_SECONDS))

    async def _boot(self, held: Held) -> None:
        """Boots a held devbox: made and launched where it never was, else again on its disk."""
        engine = self._engine
        run, row = await self._bootable(held)
        if not engine.places.has(held.id):
            await engine.places.take(held.id)
            run, row = await self._bootable(held)
        values = await engine.secrets.of(run.data.secrets.values())
        bound = {variable: values[name] for variable, name in run.data.secrets.items() if name in values}
        held.environment = {**run.data.environment_variables, **bound}
        # The run last: who finds it here takes the mask that is beside it.
        held.mask = Mask(values)
        held.run = run
        commands, keys = await engine.database.read(
            lambda connection: (
                executions.count(connection, held.id),
                idempotency.all_of(connection, idempotency_scope(held.id)),
            )
        )
        # What this server knows may be ahead of the store, where a devbox ended under commands that are being kept.
        held.commands, held.keys = max(commands, held.commands), {**keys, **held.keys}
        was_there = row.status is DevboxStatus.RUNNING or row.status in SUSPENDED
        try:
            if was_there:
                held.run = await self._boot_again(held, run, row)
            else:
                await self._launch(held, run, row)
            await self._idle.begin(held, row.data.launch_parameters.idle_rule())
        except ApiError as error:
            # What launch commands print is told to callers and kept.
            error.message = held.mask.text(error.message)
            if isinstance(error, NotFound | InvalidState) or not was_there:
                await self._give_up(held, row, error)
            raise
        if held.box is not None:
            self._tasks.start_soon(self._watch, held)
        engine.changes.notify(run.id, held.id)

    async def _bootable(self, held: Held) -> tuple[RunRow, DevboxRow]:
        """The run and the devbox as they are kept.

        Raises:
            InvalidState: The devbox has ended for ever.
        """
        run, row = await self._engine.database.read(lambda connection: _rows(connection, held.id))
        if row.status in (DevboxStatus.FAILURE, DevboxStatus.SHUTDOWN):
            await self._engine.keeper.release(held, forget=True)
            raise InvalidState(
                row.data.failure_message or f"The devbox is shut down, and its run is {run.state}.",
                hint="Start a new run.",
            )
        return run, row

    async def _boot_again(self, held: Held, run: RunRow, row: DevboxRow) -> RunRow:
        engine = self._engine
        await engine.executions.forget_lost(held.id)
        held.shells.remember(await engine.database.read(lambda connection: executions.shell_names(connection, held.id)))
        if row.status is DevboxStatus.RUNNING:
            began = anyio.current_time()
            await engine.launcher.resume(held, row, news=BOOTED_AGAIN)
            booted = _booted(row, how="again", seconds=anyio.current_time() - began)

            def keep_resumed(connection: Connection) -> RunRow:
                events.append(connection, run.id, EventKind.DEVBOX, now_ms(), booted)
                return runs.note(connection, run.id, BOOTED_AGAIN, now_ms=now_ms())

            return await engine.database.write(keep_resumed)
        await engine.launcher.resume(held, row, news=RESUMED)
        await engine.database.write(lambda connection: mark_resumed(connection, held.id))
        return run

    async def _launch(self, held: Held, run: RunRow, row: DevboxRow) -> None:
        engine = self._engine
        scenario = await engine.database.read(lambda connection: versions.get(connection, run.data.scenario_version))
        record = await engine.library.record(run.scenario_id)
        if record.environment_hash != run.data.environment_hash:
            raise InvalidState(
                "The scenario was changed between the start of the run and the boot of its devbox.",
                hint="Start a new run.",
            )
        files = Files(record.files.key, record.files.source) if record.files else None
        # Scored in place, a devbox has to have from the start what its scorers will need.
        live = run.data.scoring is ScoringMode.LIVE
        tools = await engine.toolbox.tools_for(scenario.scoring_contract) if live else ScorerTools()
        began = anyio.current_time()
        await engine.launcher.create(held, row, scenario, files, tools.read_only)
        booted = _booted(row, how="launched", seconds=anyio.current_time() - began)

        def keep_launched(connection: Connection) -> None:
            devboxes.save(connection, row, now_ms=now_ms())
            events.append(connection, run.id, EventKind.DEVBOX, now_ms(), booted)

        await engine.database.write(keep_launched)

    async def _give_up(self, held: Held, row: DevboxRow, error: ApiError) -> None:
        """The devbox can't be used: its run fails with the reason."""
        if held.boot is not None:
            held.boot.giving_up = True
        row.data.failure_reason = error.reason if isinstance(error, LaunchFailed) else "execution_failed"
        row.data.failure_message = str(error)
        engine = self._engine
        await engine.database.write(lambda connection: devboxes.save(connection, row, now_ms=now_ms()))
        try:
            await self._runs.fail(held.run_id, held, f"The devbox could not be used: {error}")
        except InvalidState:
            # Canceled or scored meanwhile: that stands.
            logger.info("The devbox of run %s failed after the run had moved on: %s", held.run_id, error)

    async def _watch(self, held: Held) -> None:
        """Notes why a devbox ended that nobody ended; the next call boots it again."""
        box = held.box
        if box is None:
            return
        reason = held.mask.text(await box.wait_ended())
        if held.stopping or held.box is not box:
            return
        held.box = None
        await self._engine.places.leave(held.id)
        held.news.append(f"The devbox had ended ({reason}) and was booted again on its disk.")
        try:
            row = await self._engine.database.write(
                lambda connection: runs.note(connection, held.run_id, f"The devbox ended: {reason}", now_ms=now_ms())
            )
        except Exception:
            # The boundary of a background task: a note that can't be kept must not end the server.
            logger.exception("The devbox of run %s ended, which could not be noted: %s", held.run_id, reason)
            return
        self._engine.moved(row)


def _booted(row: DevboxRow, *, how: str, seconds: float) -> dict[str, object]:
    """A boot, as the record tells of it: not what launch commands are, which solvers are not told."""
    commands = len(row.data.launch_parameters.launch_commands or ()) if how == "launched" else 0
    return {"status": row.status, "how": how, "duration_ms": round(seconds * 1000), "launch_commands": commands}


def _rows(connection: Connection, devbox_id: str) -> tuple[RunRow, DevboxRow]:
    row = devboxes.get(connection, devbox_id)
    return runs.get(connection, row.run_id), row
