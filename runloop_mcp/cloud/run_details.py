"""What the wire has no field for in a run: taken as it comes from a server that tells it, else put together here."""

import json
from pathlib import Path
from typing import Final

import anyio
from pydantic import ValidationError

from runloop_mcp.api.access import Principal
from runloop_mcp.api.disclosure import disclosure_of
from runloop_mcp.api.errors import ApiError
from runloop_mcp.api.models.run import Budget, RunDetails, RunListParams, RunState, ScenarioRunView
from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.api.models.scoring import Disclosure
from runloop_mcp.client.runloop_client import RunloopClient
from runloop_mcp.cloud.places import HOME, Place, Places
from runloop_mcp.cloud.trace import now_ms

_KEEP_ALIVE_SECONDS: Final = 3600
_REMEMBERED: Final = 1_000


class RunDetailsSource:
    """Completes runs with `x_runloop_mcp`.

    Attempts and principals are those of this machine, kept in files: the hosted service counts none.
    """

    def __init__(self, folder: Path, client: RunloopClient, places: Places) -> None:
        self._folder = folder
        self._client = client
        self._places = places
        self._scenarios: dict[str, ScenarioView] = {}

    async def complete(self, run: ScenarioRunView) -> ScenarioRunView:
        """The run with its details."""
        details = run.x_runloop_mcp
        if (extra := run.__pydantic_extra__) and "scenario" in extra:
            # Our own server sends the scenario with its scorers along; whoever wants it asks for it.
            run = ScenarioRunView.model_construct(**run.__dict__, **{k: v for k, v in extra.items() if k != "scenario"})
        if details is None:
            details = await self._made(run)
            run = run.model_copy(update={"x_runloop_mcp": details})
        elif (kept := await anyio.to_thread.run_sync(self._kept, run.id)) and kept["principal"] != details.principal:
            # To a server of ours all callers here are one, by the key that this server has.
            details = details.model_copy(update={"principal": kept["principal"]})
            run = run.model_copy(update={"x_runloop_mcp": details})
        if run.score is None and run.scoring_contract_result is not None:
            run = run.model_copy(update={"score": run.scoring_contract_result.score})
        if run.devbox_id:
            self._places.set(run.devbox_id, Place(details.working_directory or HOME, run.id))
        return run

    async def started(self, run: ScenarioRunView, principal: Principal) -> ScenarioRunView:
        """A run that was just started, with its details; counts it where the server does not."""
        if (details := run.x_runloop_mcp) is not None:
            fields: dict[str, object] = {"attempt": details.attempt, "principal": principal.id}
            await anyio.to_thread.run_sync(self._keep, run.id, json.dumps(fields))
        else:
            runs = await self._client.runs.list(RunListParams(scenario_id=run.scenario_id, limit=1))
            fields = {"attempt": max(runs.total_count, 1), "principal": principal.id}
            await anyio.to_thread.run_sync(self._keep, run.id, json.dumps(fields))
        return await self.complete(run)

    async def _made(self, run: ScenarioRunView) -> RunDetails:
        scenario = await self._scenario(run)
        environment = scenario.environment if scenario else None
        launch = environment.launch_parameters if environment else None
        lifetime = (launch and launch.keep_alive_time_seconds) or _KEEP_ALIVE_SECONDS
        budget = Budget(time_limit_seconds=lifetime)
        if run.state == RunState.RUNNING and run.start_time_ms is not None:
            budget.time_left_seconds = max(lifetime - (now_ms() - run.start_time_ms) // 1000, 0)
        kept = await anyio.to_thread.run_sync(self._kept, run.id)
        return RunDetails(
            # Where the author's wish can't be read, nothing is shown.
            disclosure=disclosure_of(scenario) if scenario else Disclosure.SEALED,
            working_directory=(environment and environment.working_directory) or HOME,
            isolation="runloop",
            budget=budget,
            **kept,
        )

    async def _scenario(self, run: ScenarioRunView) -> ScenarioView | None:
        """The scenario of a run, as it was when first seen."""
        if (known := self._scenarios.get(run.scenario_id)) is not None:
            return known
        try:
            scenario = await self._client.scenarios.retrieve(run.scenario_id)
        except ApiError:
            return None
        if len(self._scenarios) >= _REMEMBERED:
            self._scenarios.clear()
        self._scenarios[run.scenario_id] = scenario
        return scenario

    def _file(self, run_id: str) -> Path | None:
        return self._folder / f"{run_id}.json" if run_id.replace("_", "").isalnum() else None

    def _keep(self, run_id: str, text: str) -> None:
        if (file := self._file(run_id)) is not None:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            file.write_text(text)

    def _kept(self, run_id: str) -> dict[str, object]:
        file = self._file(run_id)
        try:
            fields = json.loads(file.read_bytes()) if file is not None else {}
            details = RunDetails(attempt=fields["attempt"], principal=fields["principal"])
        except (OSError, ValueError, KeyError, TypeError, ValidationError):
            return {}
        return {"attempt": details.attempt, "principal": details.principal}
