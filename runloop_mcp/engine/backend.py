"""The embedded engine: a `Backend` that keeps scenarios, runs and scores here and runs devboxes through a `Driver`."""

import contextlib
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import anyio
from anyio.abc import TaskGroup

from runloop_mcp.api.access import LOCAL_OPERATOR, Principal
from runloop_mcp.api.errors import ApiError, Conflict, NotFound
from runloop_mcp.api.groups.scenarios import Scenarios
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.run import ScenarioRunView, StartRunParams
from runloop_mcp.api.models.scenario import (
    ScenarioCreateParams,
    ScenarioEnvironment,
    ScenarioListParams,
    ScenarioUpdateParams,
    ScenarioView,
)
from runloop_mcp.devbox.port import Capability, Driver
from runloop_mcp.engine.alarm import Alarm
from runloop_mcp.engine.changes import Changes
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.devboxes.boots import Boots
from runloop_mcp.engine.devboxes.executions import Executions
from runloop_mcp.engine.devboxes.idle import IdleDevboxes
from runloop_mcp.engine.devboxes.keeper import DevboxKeeper, Held
from runloop_mcp.engine.devboxes.places import Places
from runloop_mcp.engine.devboxes.service import EngineDevboxes
from runloop_mcp.engine.devboxes.standalone import StandaloneDevboxes
from runloop_mcp.engine.environments.bases import base_of
from runloop_mcp.engine.environments.blueprint_builder import BlueprintBuilder
from runloop_mcp.engine.environments.blueprints import EngineBlueprints
from runloop_mcp.engine.environments.snapshots import EngineSnapshots
from runloop_mcp.engine.late_groups import LateGroups
from runloop_mcp.engine.mounts.kinds import MountKinds
from runloop_mcp.engine.mounts.mounting import Mounting
from runloop_mcp.engine.objects.contents import ObjectContents
from runloop_mcp.engine.runs.launch import Launcher
from runloop_mcp.engine.runs.service import EngineRuns
from runloop_mcp.engine.runs.start import start_run
from runloop_mcp.engine.scenarios.library import ScenarioLibrary
from runloop_mcp.engine.scenarios.pack import FolderProblem
from runloop_mcp.engine.scenarios.requirements import marked
from runloop_mcp.engine.scorers.catalogue import ScorerCatalogue
from runloop_mcp.engine.scorers.service import EngineScorers
from runloop_mcp.engine.scoring.python_builder import package_sources
from runloop_mcp.engine.scoring.toolbox import Toolbox
from runloop_mcp.engine.secrets.file import SecretsFile
from runloop_mcp.engine.secrets.service import EngineSecrets
from runloop_mcp.engine.secrets.values import SecretValues
from runloop_mcp.engine.servers import Servers
from runloop_mcp.engine.settings import EngineSettings
from runloop_mcp.engine.store import devboxes
from runloop_mcp.engine.store.database import Database
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


class EmbeddedEngine(LateGroups):
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
        self.paid_devboxes = driver.paid
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
        self._standalone: StandaloneDevboxes
        self._boots: Boots
        self._alarm = Alarm()

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
        contents = ObjectContents(self._state / "objects", limit=self._settings.object_bytes)
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
            objects=contents,
            mounting=Mounting(
                self._driver,
                database,
                keeper.lock,
                self._settings,
                sources=package_sources(os.environ),
                kinds=MountKinds(database, self._driver, contents),
            ),
            tasks=self._tasks,
        )
        self.scenarios = EngineScenarios(self._engine)
        self.scorers = EngineScorers(self._engine)
        self.runs = self._runs = EngineRuns(self._engine)
        self._standalone = StandaloneDevboxes(self._engine)
        self.devboxes = EngineDevboxes(self._engine, self._standalone, self._runs, self._alarm)
        self.snapshots = EngineSnapshots(self._engine)
        self.blueprints = EngineBlueprints(self._engine, BlueprintBuilder(self._engine, os.environ))
        self.secrets = EngineSecrets(self._secrets_file)
        self._idle = IdleDevboxes(self._engine, self._end_idle, self._alarm)
        self._boots = Boots(self._engine, self._idle, self._standalone, self._runs.fail)
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
            await self._stop_jobs()
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

    async def capability(self) -> Capability:
        """What devboxes can do here, found by trying once."""
        return await self._driver.probe()

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
            await self._standalone.look_after(carry_on=False)
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
                await self._look_after_jobs()
                due = min(
                    await self._runs.look_after_all(),
                    await self._standalone.look_after(),
                    await self._idle.look_after(),
                )
            except ApiError as error:
                logger.warning("Looking after runs and devboxes failed, and is tried again: %s", error)
                due = _SWEEP_SECONDS
            except Exception:
                # The boundary of a background task: what keeps us from looking after them must not end the server.
                logger.exception("Looking after runs and devboxes failed")
                due = _SWEEP_SECONDS
            await self._alarm.wait(min(due, _SWEEP_SECONDS))

    async def _boot(self, held: Held) -> None:
        await self._boots.boot(held)

    async def _end_idle(self, held: Held, seconds: int) -> None:
        row = await self._engine.database.read(lambda connection: devboxes.get(connection, held.id))
        if row.run_id is None:
            await self._standalone.end_idle(held)
        else:
            await self._runs.end_idle(held, seconds)
