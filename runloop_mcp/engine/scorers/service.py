"""The `Scorers` port of the embedded engine."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.groups.scorers import Scorers
from runloop_mcp.api.ids import IdPrefix, new_id
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.scenario import ScenarioEnvironment
from runloop_mcp.api.models.scorer import (
    ScorerCreateParams,
    ScorerListParams,
    ScorerUpdateParams,
    ScorerValidateParams,
    ScorerValidation,
    ScorerView,
)
from runloop_mcp.api.models.scoring import CustomScorer, ScoringContract, ScoringFunction
from runloop_mcp.devbox.port import Devbox, DevboxSpec, Network
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.devboxes.sizes import limits_of
from runloop_mcp.engine.environments.bases import base_of, refuse_lost
from runloop_mcp.engine.runs.launch import refuse_unsupported, user_of
from runloop_mcp.engine.scorers.catalogue import refuse_bad
from runloop_mcp.engine.scorers.pack_scripts import FOLDER
from runloop_mcp.engine.scoring.contract import run_contract
from runloop_mcp.engine.scoring.scoring_devbox import OneDevbox
from runloop_mcp.engine.store import custom_scorers
from runloop_mcp.engine.store.custom_scorers import CREATED, ScorerRow

_REMOVE_SECONDS = 30.0


class EngineScorers(Scorers):
    """Custom scorers of the embedded engine."""

    def __init__(self, engine: EngineContext) -> None:
        self._engine = engine

    async def create(self, params: ScorerCreateParams) -> ScorerView:
        """See `Scorers.create`."""
        refuse_bad(params.type, params.bash_script)
        view = ScorerView(id=new_id(IdPrefix.SCORER), type=params.type, bash_script=params.bash_script)
        roots = await self._engine.custom_scorers.roots()

        def work(connection: sqlite3.Connection) -> None:
            _refuse_taken(connection, view, roots)
            custom_scorers.save(connection, ScorerRow(view, CREATED))

        await self._engine.database.write(work)
        return view

    async def retrieve(self, scorer_id: str) -> ScorerView:
        """See `Scorers.retrieve`."""
        roots = await self._engine.custom_scorers.roots()
        row = await self._engine.database.read(lambda connection: custom_scorers.get(connection, scorer_id, roots))
        return row.view

    async def list(self, params: ScorerListParams) -> Page[ScorerView]:
        """See `Scorers.list`."""
        roots = await self._engine.custom_scorers.roots()
        views, total, more = await self._engine.database.read(
            lambda connection: custom_scorers.page(connection, params, roots)
        )
        return Page(items=views, has_more=more, total_count=total)

    async def update(self, scorer_id: str, params: ScorerUpdateParams) -> ScorerView:
        """See `Scorers.update`."""
        refuse_bad(params.type, params.bash_script)
        view = ScorerView(id=scorer_id, type=params.type, bash_script=params.bash_script)
        roots = await self._engine.custom_scorers.roots()

        def work(connection: sqlite3.Connection) -> None:
            row = custom_scorers.get(connection, scorer_id, roots)
            if row.root != CREATED:
                raise InvalidRequest(
                    f"The custom scorer {row.view.type!r} comes from a pack and can't be changed here.",
                    hint=f"Edit {row.root}/{FOLDER}/{row.view.type}.sh; it is read again by itself.",
                )
            _refuse_taken(connection, view, roots)
            custom_scorers.save(connection, ScorerRow(view, CREATED))

        await self._engine.database.write(work)
        return view

    async def validate(self, scorer_id: str, params: ScorerValidateParams) -> ScorerValidation:
        """See `Scorers.validate`."""
        scorer = await self.retrieve(scorer_id)
        function = ScoringFunction(
            name="validation",
            weight=1,
            scorer=CustomScorer(
                type="custom_scorer",
                custom_scorer_type=scorer.type,
                scorer_params=params.scoring_context,
                x_bash_script=scorer.bash_script,
            ),
        )
        async with self._trial_devbox(params.environment_parameters or ScenarioEnvironment()) as devbox:
            result = await run_contract(
                ScoringContract(scoring_function_parameters=[function]),
                OneDevbox(devbox),
                timeout_seconds=self._engine.settings.scorer_timeout_seconds,
                losses_count=False,
            )
        return ScorerValidation(
            name=scorer.type,
            scoring_context=params.scoring_context,
            scoring_result=result.scoring_function_results[0],
            environment_parameters=params.environment_parameters,
        )

    @asynccontextmanager
    async def _trial_devbox(self, environment: ScenarioEnvironment) -> AsyncIterator[Devbox]:
        """A devbox for one trial, gone after it; without a network, like every devbox that scorers run in."""
        driver = self._engine.driver
        base = await self._engine.database.read(lambda connection: base_of(connection, environment))
        await refuse_lost(driver, base)
        launch = base.launch_with(environment.launch_parameters)
        refuse_unsupported(launch)
        devbox_id = new_id(IdPrefix.DEVBOX)
        spec = DevboxSpec(
            guards=True,
            working_directory=environment.working_directory or base.working_directory,
            home_snapshot=base.kept_as,
            work_snapshot=base.kept_as,
            limits=limits_of(launch),
            network=Network.NONE,
            user=user_of(launch),
        )
        try:
            devbox = await driver.create(devbox_id, spec)
            await self._engine.launcher.run_launch_commands(devbox, launch.launch_commands or [], {})
            yield devbox
        finally:
            with anyio.move_on_after(_REMOVE_SECONDS, shield=True):
                await driver.remove(devbox_id)


def _refuse_taken(connection: sqlite3.Connection, view: ScorerView, roots: tuple[str, ...]) -> None:
    there = custom_scorers.by_type(connection, roots).get(view.type)
    if there is not None and there.view.id != view.id:
        raise InvalidRequest(
            f"Custom scorer type already exists: {view.type!r}.",
            hint=f"Choose another type, or update the scorer {there.view.id}.",
        )
