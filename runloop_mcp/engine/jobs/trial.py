"""One trial of a job: a run of a scenario is started, the agent is set on it, the run is scored and completed.

Every step finds out for itself what was done before, so that a server carries on what another one was at.
"""

import json
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import anyio

from runloop_mcp.api.access import Principal
from runloop_mcp.api.errors import ApiError, InvalidState, Unavailable
from runloop_mcp.api.groups.benchmarks import BenchmarkRuns
from runloop_mcp.api.groups.devboxes import Devboxes
from runloop_mcp.api.groups.runs import Runs
from runloop_mcp.api.groups.scenarios import Scenarios
from runloop_mcp.api.models.benchmark import BenchmarkRunState
from runloop_mcp.api.models.benchmark_job import JobAgent, OutcomeFailure
from runloop_mcp.api.models.devbox import DevboxStatus, ExecuteParams, ExecutionStatus, ExecutionView
from runloop_mcp.api.models.run import RunProfile, RunState, ScenarioRunView, StartRunParams
from runloop_mcp.api.models.scenario import LaunchParameters
from runloop_mcp.devbox.port import HOME
from runloop_mcp.engine.store import jobs
from runloop_mcp.engine.store.database import Database
from runloop_mcp.engine.store.jobs import JobRow, TrialRow, TrialState

T = TypeVar("T")

COMMAND: Final = "command"
"""The argument of an agent that starts it."""

_PROBLEM_FILE: Final = f"{HOME}/.problem.md"
_LONGEST_IN_ENVIRONMENT: Final = 100_000
"""Bytes: Linux takes a variable of 128 KiB at most."""
_WAIT_SECONDS: Final = 20.0
_BESIDE_AGENT_SECONDS: Final = 600
"""What a run needs beside the time of its agent: to boot and be set up."""
_LONGEST_RUN_SECONDS: Final = 172_800
_PATIENCE_SECONDS: Final = 600.0
"""How long something may stand in the way that time is to cure."""
_MOST_STARTS: Final = 3
_MOST_BROKEN: Final = 3
_TOLD: Final = 500
"""How many characters of an agent's last words are told."""

_OVER: Final = (DevboxStatus.FAILURE, DevboxStatus.SHUTDOWN)
_OUTCOMES: Final = {
    RunState.SCORED: TrialState.COMPLETED,
    RunState.COMPLETED: TrialState.COMPLETED,
    RunState.TIMEOUT: TrialState.TIMEOUT,
    RunState.CANCELED: TrialState.CANCELED,
}


@dataclass(frozen=True, slots=True)
class Ports:
    """What trials are carried out with."""

    scenarios: Scenarios
    runs: Runs
    devboxes: Devboxes
    benchmark_runs: BenchmarkRuns


class Trial:
    """One trial.

    Args:
        database: Keeps how far it is.
        ports: What it is carried out with.
        job: The job that it is part of.
        row: The trial; its state tells at the end what came of it.
        usual_run_seconds: How long runs may take whose scenario does not say.
    """

    def __init__(self, database: Database, ports: Ports, job: JobRow, row: TrialRow, *, usual_run_seconds: int) -> None:
        self._database = database
        self._ports = ports
        self._job = job
        self._row = row
        self._agent: JobAgent = job.data.agents[row.agent]
        self._principal = Principal(job.principal)
        self._usual_run_seconds = usual_run_seconds

    async def carry_out(self) -> None:
        """Brings the trial to its end, whatever that is; what came of it is kept."""
        row = self._row
        try:
            run = await self._started()
            if run.state is RunState.RUNNING and not row.data.agent_ended:
                await self._solve(run)
            run = await self._scored(run.id)
            if run.state is RunState.SCORED:
                run = await _patiently(lambda: self._ports.runs.complete(run.id, principal=self._principal))
            self._conclude(run)
        except ApiError as error:
            row.state = TrialState.CANCELED if await self._is_canceled() else TrialState.FAILED
            row.data.failure = OutcomeFailure(exception_type=error.code, exception_message=str(error))
            await self._give_up()
        await self._keep()

    async def _started(self) -> ScenarioRunView:
        agent = self._agent
        metadata = {"job": self._job.id, "agent": agent.name}
        if agent.model_name:
            metadata["model"] = agent.model_name
        params = StartRunParams(
            scenario_id=self._row.scenario_id,
            run_name=f"{self._job.name}: {agent.name}",
            metadata=metadata,
            benchmark_run_id=self._job.data.benchmark_run_ids[self._row.agent],
            run_profile=await self._longer_run(),
        )
        run = await _patiently(
            lambda: self._ports.scenarios.start_run(
                params, principal=self._principal, idempotency_key=f"{self._job.id}:{self._row.number}"
            )
        )
        self._row.state, self._row.run_id = TrialState.RUNNING, run.id
        await self._keep()
        return run

    async def _longer_run(self) -> RunProfile | None:
        """More time for the run where the agent is given more than runs have; a scenario that sets its own keeps it."""
        needed = math.ceil(self._time_limit() or 0) + _BESIDE_AGENT_SECONDS
        if needed <= self._usual_run_seconds:
            return None
        environment = (await self._ports.scenarios.retrieve(self._row.scenario_id)).environment
        launch = (environment and environment.launch_parameters) or LaunchParameters()
        if launch.keep_alive_time_seconds is not None or launch.idle_rule() is not None:
            return None
        longer = LaunchParameters(keep_alive_time_seconds=min(needed, _LONGEST_RUN_SECONDS))
        return RunProfile(launch_parameters=longer)

    async def _solve(self, run: ScenarioRunView) -> None:
        """Sets the agent on the run and waits until it has ended, or the run has."""
        data = self._row.data
        if not await self._is_up(run.devbox_id):
            return
        if data.agent_starts >= _MOST_STARTS:
            raise Unavailable(f"The server ended {data.agent_starts} times while the agent was at work.")
        data.agent_starts += 1
        await self._keep()
        try:
            execution = await self._execute(run)
        except InvalidState:
            if (await self._ports.runs.retrieve(run.id)).state is RunState.RUNNING:
                raise
            return  # the run has ended meanwhile: what that means is seen next
        data.agent_ended = True
        details = execution.x_runloop_mcp
        data.timed_out = details is not None and details.timed_out
        data.failure = self._failure(execution)
        await self._keep()

    async def _is_up(self, devbox_id: str) -> bool:
        """Waits for the devbox, for as long as it is queued; tells whether it has not ended."""
        devbox = await self._ports.devboxes.retrieve(devbox_id)
        ready = {*DevboxStatus} - {DevboxStatus.QUEUED, DevboxStatus.PROVISIONING, DevboxStatus.INITIALIZING}
        while devbox.status not in ready:
            devbox = await self._ports.devboxes.wait(devbox_id, until=ready, wait_seconds=_WAIT_SECONDS)
        return devbox.status not in _OVER

    async def _execute(self, run: ScenarioRunView) -> ExecutionView:
        devboxes, devbox_id = self._ports.devboxes, run.devbox_id
        statement = (await self._ports.scenarios.retrieve(run.scenario_id)).input_context.problem_statement
        await _patiently(lambda: devboxes.write_file(devbox_id, _PROBLEM_FILE, statement.encode("utf-8", "replace")))
        params = ExecuteParams(
            command=command_of(self._agent),
            environment=self._environment(statement),
            timeout_seconds=self._time_limit(),
        )
        # A start of its own each time: what a server that has ended was running has ended with it.
        key = f"{self._job.id}:{self._row.number}:{self._row.data.agent_starts}"
        execution = await _patiently(
            lambda: devboxes.execute(devbox_id, params, wait_seconds=_WAIT_SECONDS, idempotency_key=key)
        )
        while execution.status != ExecutionStatus.COMPLETED:
            execution = await devboxes.execution(devbox_id, execution.execution_id, wait_seconds=_WAIT_SECONDS)
        return execution

    def _environment(self, statement: str) -> dict[str, str]:
        variables = {"RL_PROBLEM_FILE": _PROBLEM_FILE}
        if len(statement.encode("utf-8", "replace")) <= _LONGEST_IN_ENVIRONMENT and "\0" not in statement:
            variables["RL_PROBLEM_STATEMENT"] = statement
        if self._agent.model_name:
            variables["RL_MODEL"] = self._agent.model_name
        others = {name: value for name, value in (self._agent.arguments or {}).items() if name != COMMAND}
        if others:
            variables["RL_AGENT_KWARGS"] = json.dumps(others)
        return variables

    def _time_limit(self) -> float | None:
        if self._agent.timeout_seconds is None:
            return None
        orchestrator = self._job.data.orchestrator
        return self._agent.timeout_seconds * ((orchestrator and orchestrator.timeout_multiplier) or 1)

    def _failure(self, execution: ExecutionView) -> OutcomeFailure | None:
        """What is told of an agent that did not end well; its run is scored all the same."""
        if self._row.data.timed_out:
            return OutcomeFailure(
                exception_type="agent_timeout",
                exception_message=f"The agent took longer than {self._time_limit():g} s.",
            )
        if execution.exit_status:
            said = (execution.stderr or execution.stdout or "").strip()[-_TOLD:]
            message = f"The agent ended with exit status {execution.exit_status}."
            return OutcomeFailure(
                exception_type="agent_exit_status", exception_message=f"{message} {said}" if said else message
            )
        return None

    async def _scored(self, run_id: str) -> ScenarioRunView:
        runs, broken = self._ports.runs, 0
        run = await runs.retrieve(run_id)
        while run.state in (RunState.RUNNING, RunState.SCORING):
            run = await _patiently(lambda: runs.score(run_id, wait_seconds=_WAIT_SECONDS, principal=self._principal))
            if run.state is RunState.RUNNING:
                broken += 1
                if broken == _MOST_BROKEN:
                    notes = run.x_runloop_mcp.notes if run.x_runloop_mcp else []
                    raise Unavailable(f"The run could not be scored. {notes[-1] if notes else ''}".rstrip())
        return run

    def _conclude(self, run: ScenarioRunView) -> None:
        data = self._row.data
        self._row.state = _OUTCOMES.get(RunState(run.state), TrialState.FAILED)
        if self._row.state is TrialState.COMPLETED and data.timed_out:
            self._row.state = TrialState.TIMEOUT  # what was there by then is scored
        data.score, data.duration_ms = run.score, run.duration_ms
        if self._row.state is TrialState.FAILED:
            notes = run.x_runloop_mcp.notes if run.x_runloop_mcp else []
            told = notes[-1] if notes else f"The run is {run.state}."
            data.failure = OutcomeFailure(exception_type=f"run_{run.state}", exception_message=told)

    async def _is_canceled(self) -> bool:
        benchmark_run_id = self._job.data.benchmark_run_ids[self._row.agent]
        state = (await self._ports.benchmark_runs.retrieve(benchmark_run_id)).state
        return state == BenchmarkRunState.CANCELED

    async def _give_up(self) -> None:
        """Ends the run of a trial that came to nothing, so that its devbox does not stay."""
        if self._row.run_id is None:
            return
        try:
            run = await _patiently(lambda: self._ports.runs.cancel(str(self._row.run_id)))
        except ApiError:
            run = await self._ports.runs.retrieve(self._row.run_id)
        self._row.data.duration_ms, self._row.data.score = run.duration_ms, run.score

    async def _keep(self) -> None:
        await _patiently(lambda: self._database.write(lambda connection: jobs.save_trial(connection, self._row)))


def command_of(agent: JobAgent) -> str:
    """What starts an agent, run by bash."""
    return (agent.arguments or {}).get(COMMAND) or agent.name


async def _patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Calls until nothing stands in the way any more that time cures, for as long as patience lasts."""
    deadline = anyio.current_time() + _PATIENCE_SECONDS
    while True:
        try:
            return await call()
        except ApiError as error:
            if not error.retryable or anyio.current_time() > deadline:
                raise
            await anyio.sleep(error.retry_after or 1)
