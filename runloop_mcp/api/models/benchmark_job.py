"""Benchmark jobs: agents that are set to solve scenarios, and what came of it."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from runloop_mcp.api.models.base import PageParams, WireModel


class AgentEnvironment(WireModel):
    """What an agent finds in its environment."""

    environment_variables: dict[str, str] | None = None
    secrets: dict[str, str] | None = None
    """Environment variable → name of the secret."""


class JobAgent(WireModel):
    """An agent of a job, and how it is started."""

    type: Literal["job_agent"] = "job_agent"
    name: str
    agent_id: str | None = None
    """The agent that is mounted; where absent, the newest agent of this name, if there is one."""
    agent_environment: AgentEnvironment | None = None
    arguments: dict[str, str] | None = Field(default=None, alias="kwargs")
    """`command`: what starts it, run by bash in the working directory; its name where absent."""
    model_name: str | None = None
    timeout_seconds: float | None = Field(default=None, gt=0)


class Orchestrator(WireModel):
    """How a job is carried out."""

    n_attempts: int | None = Field(default=None, ge=1)
    n_concurrent_trials: int | None = Field(default=None, ge=1)
    quiet: bool | None = None
    timeout_multiplier: float | None = Field(default=None, gt=0)


class ScenariosJobSpec(WireModel):
    """A job over scenarios."""

    type: Literal["scenarios"]
    scenario_ids: list[str]
    agent_configs: list[JobAgent]
    orchestrator_config: Orchestrator | None = None


class BenchmarkJobSpec(WireModel):
    """A job over the scenarios of a benchmark."""

    type: Literal["benchmark"]
    benchmark_id: str
    agent_configs: list[JobAgent]
    orchestrator_config: Orchestrator | None = None


class HarborJobSpec(WireModel):
    """A job described in another tool's format, which no backend here carries out."""

    type: Literal["harbor"]
    inline_yaml: str


JobSpec = Annotated[ScenariosJobSpec | BenchmarkJobSpec | HarborJobSpec, Field(discriminator="type")]


class BenchmarkJobCreateParams(WireModel):
    """A new job."""

    name: str | None = None
    spec: JobSpec | None = None


class BenchmarkJobState(StrEnum):
    """The states of a job, as the wire spells them."""

    INITIALIZING = "initializing"
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"


class BenchmarkJobListParams(PageParams):
    """Which jobs to list."""

    name: str | None = None


class OutcomeFailure(WireModel):
    """Why a scenario of a job failed."""

    exception_message: str
    exception_type: str


class ScenarioOutcome(WireModel):
    """What came of one scenario."""

    scenario_definition_id: str
    scenario_name: str
    state: str
    """`COMPLETED`, `FAILED`, `TIMEOUT` or `CANCELED`."""
    duration_ms: int | None = None
    failure_reason: OutcomeFailure | None = None
    scenario_run_id: str | None = None
    score: float | None = None


class BenchmarkOutcome(WireModel):
    """What came of one agent."""

    agent_name: str
    benchmark_run_id: str
    n_completed: int
    n_failed: int
    n_timeout: int
    scenario_outcomes: list[ScenarioOutcome]
    average_score: float | None = None
    duration_ms: int | None = None
    model_name: str | None = None


class InProgressRun(WireModel):
    """An agent that is at it."""

    benchmark_run_id: str
    start_time_ms: int
    state: str
    agent_config: JobAgent | None = None
    duration_ms: int | None = None


class ResolvedJobSpec(WireModel):
    """What a job is carried out with."""

    agent_configs: list[JobAgent]
    scenario_ids: list[str]
    orchestrator_config: Orchestrator | None = None


class BenchmarkJobView(WireModel):
    """A job."""

    id: str
    name: str
    state: BenchmarkJobState | str
    create_time_ms: int
    benchmark_outcomes: list[BenchmarkOutcome] | None = None
    failure_reason: str | None = None
    in_progress_runs: list[InProgressRun] | None = None
    job_source: dict[str, Any] | None = None
    job_spec: ResolvedJobSpec | None = None
