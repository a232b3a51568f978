"""Runs of a scenario that are nobody's attempts: begun, worked on, scored and ended."""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio

from runloop_mcp.api.access import Principal
from runloop_mcp.api.backend import Backend
from runloop_mcp.api.models.devbox import DevboxStatus, ExecuteParams, ExecutionStatus, ExecutionView
from runloop_mcp.api.models.run import VALIDATION, RunProfile, RunState, ScenarioRunView, StartRunParams
from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.api.models.scoring import ScoringContractResult
from runloop_mcp.validation.verdicts import Unproven, Verdict

_WAIT_SECONDS = 20
_CLEAN_UP_SECONDS = 10
_TAIL_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class Trials:
    """Makes trial runs on a backend."""

    backend: Backend
    environment: Mapping[str, str]
    """Where required environment variables get their values from."""
    limiter: anyio.CapacityLimiter
    """How many runs there are at a time."""

    @asynccontextmanager
    async def run(self, scenario: ScenarioView) -> AsyncIterator[ScenarioRunView]:
        """A run of the scenario whose devbox is up, or can't be; it has ended when the block has."""
        async with self.limiter, self._started(scenario) as run:
            await self._booted(run)
            yield run

    async def begins_with(self, scenario: ScenarioView) -> list[str]:
        """Names the exact files and launch parameters that runs begin with, and how isolated their devboxes are."""
        async with self.limiter, self._started(scenario) as run:
            details = run.x_runloop_mcp
            return [details.environment_hash or "", details.isolation or ""] if details else []

    async def execute(self, run: ScenarioRunView, command: ExecuteParams) -> ExecutionView:
        """Runs a command on the run's devbox to its end."""
        execution = await self.backend.devboxes.execute(run.devbox_id, command, wait_seconds=_WAIT_SECONDS)
        while execution.status != ExecutionStatus.COMPLETED:
            execution = await self.backend.devboxes.execution(
                run.devbox_id, execution.execution_id, wait_seconds=_WAIT_SECONDS
            )
        return execution

    async def apply(self, run: ScenarioRunView, reference: ExecuteParams) -> None:
        """Applies the reference.

        Raises:
            Unproven: It fails.
        """
        execution = await self.execute(run, reference)
        if execution.exit_status != 0:
            raise Unproven(Verdict.INVALID, _unapplied(reference, execution))

    async def score(self, run: ScenarioRunView) -> ScoringContractResult:
        """Scores the run.

        Raises:
            Unproven: It has no score: our own machinery broke, or its time is up.
        """
        scored = await self.backend.runs.score(run.id, wait_seconds=_WAIT_SECONDS)
        while scored.state == RunState.SCORING:
            scored = await self.backend.runs.wait(run.id, leaving={RunState.SCORING}, wait_seconds=_WAIT_SECONDS)
        if scored.scoring_contract_result is None:
            raise _unscored(scored)
        return scored.scoring_contract_result

    @asynccontextmanager
    async def _started(self, scenario: ScenarioView) -> AsyncIterator[ScenarioRunView]:
        variables = scenario.required_environment_variables or []
        profile = RunProfile(
            env_vars={name: self.environment[name] for name in variables if name in self.environment},
            secrets={name: name for name in scenario.required_secret_names or []},
            purpose=VALIDATION,
        )
        params = StartRunParams(scenario_id=scenario.id, run_name=VALIDATION, run_profile=profile)
        # A principal of its own: the run is nobody's attempt, and uses up none where attempts are limited.
        principal = Principal(f"{VALIDATION}-{secrets.token_hex(6)}")
        # Shielded, because a run whose id never came back could not be ended.
        with anyio.CancelScope(shield=True):
            run = await self.backend.scenarios.start_run(params, principal=principal)
        try:
            yield run
        finally:
            with anyio.move_on_after(_CLEAN_UP_SECONDS, shield=True):
                await self._end(run.id)

    async def _booted(self, run: ScenarioRunView) -> None:
        """Waits until the devbox is up, or can't be, however long it has to wait for its turn."""
        settled = {DevboxStatus.RUNNING, DevboxStatus.FAILURE, DevboxStatus.SHUTDOWN}
        while True:
            devbox = await self.backend.devboxes.wait(run.devbox_id, until=settled, wait_seconds=_WAIT_SECONDS)
            if devbox.status in settled:
                return

    async def _end(self, run_id: str) -> None:
        run = await self.backend.runs.retrieve(run_id)
        if run.state == RunState.SCORED:
            await self.backend.runs.complete(run_id)
        elif run.state in (RunState.RUNNING, RunState.SCORING):
            await self.backend.runs.cancel(run_id)


def _unscored(run: ScenarioRunView) -> Unproven:
    notes = " ".join(run.x_runloop_mcp.notes) if run.x_runloop_mcp else ""
    verdict = Verdict.TIMEOUT if run.state == RunState.TIMEOUT else Verdict.ERROR
    return Unproven(verdict, f"The run is {run.state} and has no score. {notes}".rstrip())


def _unapplied(command: ExecuteParams, execution: ExecutionView) -> str:
    what = "The reference patch does not apply" if command.stdin else "The reference commands fail"
    said = "\n".join(part.strip() for part in (execution.stdout, execution.stderr) if part and part.strip())
    return f"{what} (exit status {execution.exit_status}): {said[-_TAIL_CHARACTERS:] or 'no output'}"
