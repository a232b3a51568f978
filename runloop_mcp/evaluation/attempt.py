"""One attempt at a scenario: a run is started, an agent works on it, and it is scored and completed."""

import math
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from runloop_mcp.api.access import Principal
from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import ApiError, InvalidState, Unavailable
from runloop_mcp.api.models.devbox import DevboxStatus, DevboxView
from runloop_mcp.api.models.run import RunProfile, RunState, ScenarioRunView, StartRunParams
from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.api.models.scoring import ScoringFunctionState
from runloop_mcp.evaluation.agent import Task, run_agent
from runloop_mcp.evaluation.results import AgentEnd, AttemptKey, AttemptResult, read_record, write_record

PURPOSE = "eval"
"""The purpose of the runs made here."""

_WAIT_SECONDS = 20
_QUEUE_SECONDS = 2
"""How often it is told which place a devbox has in the queue."""
_GIVE_UP_SECONDS = 10
_SCORING_TRIES = 3
_TIME_TO_SCORE = 10
"""Seconds of a run's time that its agent does not get, so that scoring is asked for in time."""
_UP = frozenset({DevboxStatus.RUNNING, DevboxStatus.FAILURE, DevboxStatus.SHUTDOWN})


@dataclass(frozen=True, slots=True)
class Terms:
    """What all attempts of an evaluation have in common."""

    eval_id: str
    agent: str
    """The agent's command, for the shell."""
    timeout_seconds: float
    folder: Path
    """Where what agents print is kept."""
    server_for: Callable[[str], Sequence[str]]
    """The command that serves the tools of a run over stdio, by the run's id."""
    problem_of: Callable[[ScenarioView], str]
    """A problem as a solver sees it."""
    model: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    """Where required environment variables get their values from."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to be made."""

    scenario: ScenarioView
    number: int
    """From 1."""

    @property
    def key(self) -> AttemptKey:
        """Which attempt this is."""
        return AttemptKey(self.scenario.id, self.number)


@dataclass(frozen=True, slots=True)
class AttemptMaker:
    """Makes attempts on a backend; whatever goes wrong is a result, with its reason."""

    backend: Backend
    terms: Terms
    on_step: Callable[[Attempt, str], None]
    """Told what is being done, in a few words."""

    async def make(self, attempt: Attempt, begun: ScenarioRunView | None) -> AttemptResult:
        """The result of an attempt.

        A run that was begun for it before is brought to its end where its agent has ended. One whose agent was
        interrupted is given up, and another is begun: half an agent's work says nothing about the agent.
        """
        logs = self.terms.folder / attempt.scenario.id / str(attempt.number)
        run, end, error = begun, None, ""
        try:
            if run is not None:
                end = _end_of(run, logs)
                run = await self._taken_up(run, end)
            if run is None:
                run = await self._start(attempt)
                end = await self._solve(attempt, run, logs)
            self.on_step(attempt, "scoring")
            run = await self._scored(run)
        except (ApiError, OSError) as failure:
            error = str(failure)
            run = run and await self.backend.runs.retrieve(run.id)
        return self._result(attempt, run, end, error, logs)

    async def _taken_up(self, run: ScenarioRunView, end: AgentEnd | None) -> ScenarioRunView | None:
        """A run of this attempt that was begun before, if it can be brought to its end."""
        if run.state in {RunState.SCORING, RunState.SCORED, RunState.COMPLETED}:
            return run
        if run.state == RunState.RUNNING:
            if end is not None:
                return run
            await self._give_up(run)
        return None

    async def _start(self, attempt: Attempt) -> ScenarioRunView:
        scenario, terms = attempt.scenario, self.terms
        variables = scenario.required_environment_variables or []
        metadata = {"eval": terms.eval_id, "attempt": str(attempt.number)}
        params = StartRunParams(
            scenario_id=scenario.id,
            run_name=terms.eval_id,
            metadata=metadata | ({"model": terms.model} if terms.model else {}),
            run_profile=RunProfile(
                env_vars={name: terms.environment[name] for name in variables if name in terms.environment},
                secrets={name: name for name in scenario.required_secret_names or []},
                purpose=PURPOSE,
            ),
        )
        # A principal of its own: attempts are independent of each other, so each is its solver's first.
        principal = Principal(f"{terms.eval_id}-{secrets.token_hex(6)}")
        self.on_step(attempt, "starting")
        # Shielded, because a run whose id never came back could not be given up.
        started: ScenarioRunView
        with anyio.CancelScope(shield=True):
            started = await self.backend.scenarios.start_run(params, principal=principal)
        return started

    async def _solve(self, attempt: Attempt, run: ScenarioRunView, logs: Path) -> AgentEnd:
        """Lets the agent work on a run that has just been started."""
        try:
            run = await self._booted(attempt, run)
            self.on_step(attempt, "agent")
            task = Task(
                run=run,
                scenario=attempt.scenario,
                problem=self.terms.problem_of(attempt.scenario),
                attempt=attempt.number,
                server=self.terms.server_for(run.id),
                timeout_seconds=self._time_for(run),
                model=self.terms.model,
            )
            end = await run_agent(self.terms.agent, task, logs)
            write_record(logs / "agent.json", end)
        except BaseException:
            with anyio.move_on_after(_GIVE_UP_SECONDS, shield=True):
                await self._give_up(run)
            raise
        return end

    async def _booted(self, attempt: Attempt, run: ScenarioRunView) -> ScenarioRunView:
        """The run, once its devbox is up, however long that has to wait for its turn."""
        devbox = await self.backend.devboxes.retrieve(run.devbox_id)
        step = _WAIT_SECONDS if self.backend.waits_cost_requests else _QUEUE_SECONDS
        while devbox.status not in _UP:
            self.on_step(attempt, _waiting(devbox))
            devbox = await self.backend.devboxes.wait(run.devbox_id, until={*_UP}, wait_seconds=step)
        run = await self.backend.runs.retrieve(run.id)
        if run.state != RunState.RUNNING:
            raise Unavailable(_notes(run) or f"The run is {run.state}.")
        return run

    def _time_for(self, run: ScenarioRunView) -> float:
        """How long the agent may take: what it is given, and no longer than the run itself may."""
        left = run.x_runloop_mcp.budget.time_left_seconds if run.x_runloop_mcp else None
        return min(self.terms.timeout_seconds, math.inf if left is None else max(left - _TIME_TO_SCORE, 1))

    async def _scored(self, run: ScenarioRunView) -> ScenarioRunView:
        """The run, scored where it was not, and completed where it is scored."""
        runs = self.backend.runs
        for _ in range(_SCORING_TRIES):
            run = await runs.retrieve(run.id)
            if run.state == RunState.RUNNING:
                run = await runs.score(run.id, wait_seconds=_WAIT_SECONDS)
            while run.state == RunState.SCORING:
                run = await runs.wait(run.id, leaving={RunState.SCORING}, wait_seconds=_WAIT_SECONDS)
            if run.state != RunState.RUNNING:
                break
        return await runs.complete(run.id) if run.state == RunState.SCORED else run

    async def _give_up(self, run: ScenarioRunView) -> None:
        try:
            await self.backend.runs.cancel(run.id)
        except InvalidState:
            return  # it has come to its end meanwhile

    def _result(
        self, attempt: Attempt, run: ScenarioRunView | None, end: AgentEnd | None, error: str, logs: Path
    ) -> AttemptResult:
        judged = _judged(run) if run and not error else None
        return AttemptResult(
            eval_id=self.terms.eval_id,
            scenario=attempt.scenario.name,
            scenario_id=attempt.scenario.id,
            attempt=attempt.number,
            run_id=run.id if run else "",
            model=self.terms.model,
            state=run.state if run else RunState.FAILED,
            score=run.score if run and judged is not None else None,
            counted=judged is not None,
            seconds=end.seconds if end else None,
            agent_exit_status=end.exit_status if end else None,
            agent_timed_out=end.timed_out if end else False,
            error=error or (_notes(run) if run and judged is None else judged) or None,
            logs=str(logs),
        )


def _end_of(run: ScenarioRunView, logs: Path) -> AgentEnd | None:
    """How the agent that worked on a run ended, if it has."""
    end = read_record(logs / "agent.json", AgentEnd)
    return end if end is not None and end.run_id == run.id else None


def _judged(run: ScenarioRunView) -> str | None:
    """What is to be said of a run whose result counts, empty where nothing is; None where it does not count."""
    match run.state:
        case RunState.COMPLETED:
            result = run.scoring_contract_result
            failed = [
                function.scoring_function_name
                for function in (result.scoring_function_results if result else [])
                if function.state == ScoringFunctionState.ERROR
            ]
            return f"Scorers failed: {', '.join(failed)}." if failed else ""
        case RunState.CANCELED:
            return "The agent gave the run up."
        case RunState.TIMEOUT:
            return _notes(run) or "The run's time was over before it was scored."
        case _:
            return None


def _notes(run: ScenarioRunView) -> str:
    return " ".join(run.x_runloop_mcp.notes[-1:]) if run.x_runloop_mcp else ""


def _waiting(devbox: DevboxView) -> str:
    queue = devbox.x_runloop_mcp.queue if devbox.x_runloop_mcp else None
    return f"queued, place {queue.place} of {queue.length}" if queue else str(devbox.status)
