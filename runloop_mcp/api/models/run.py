"""Runs: one execution of a scenario on a devbox."""

from enum import StrEnum
from typing import Final

from pydantic import Field

from runloop_mcp.api.models.base import PageParams, WireModel
from runloop_mcp.api.models.devbox import QueuePlace
from runloop_mcp.api.models.mounts import Mount
from runloop_mcp.api.models.scenario import LaunchParameters, ScenarioView
from runloop_mcp.api.models.scoring import Disclosure, ScoringContractResult, ScoringMode
from runloop_mcp.api.models.trust import Rescoring, SealedHashes, TamperReport


class RunState(StrEnum):
    """The states of a run: running → scoring → scored → completed, or an end without a score."""

    RUNNING = "running"
    SCORING = "scoring"
    SCORED = "scored"
    COMPLETED = "completed"
    CANCELED = "canceled"
    TIMEOUT = "timeout"
    FAILED = "failed"


class RunProfile(WireModel):
    """What a run adds to the scenario's environment."""

    env_vars: dict[str, str] | None = Field(default=None, alias="envVars")
    launch_parameters: LaunchParameters | None = Field(default=None, alias="launchParameters")
    """What replaces the scenario's, field by field."""
    mounts: list[Mount] | None = None
    """What the devbox gets before the scenario's launch commands run, beside what the scenario gives it."""
    purpose: str | None = None
    secrets: dict[str, str] | None = None
    """Environment variable name → name of the secret that it gets its value from."""


class StartRunParams(WireModel):
    """Starts a run of a scenario."""

    scenario_id: str
    run_name: str | None = None
    metadata: dict[str, str] | None = None
    benchmark_run_id: str | None = None
    run_profile: RunProfile | None = Field(default=None, alias="runProfile")


class Budget(WireModel):
    """What a run has left. None where there is no limit."""

    time_left_seconds: int | None = None
    commands_left: int | None = None
    attempts_left: int | None = None
    """Further runs of this scenario that the principal may start."""
    time_limit_seconds: int | None = None
    """What there was at the beginning; likewise below."""
    commands_limit: int | None = None
    attempts_limit: int | None = None


class RunDetails(WireModel):
    """What the wire has no field for."""

    attempt: int = 1
    """The how-manieth run of this scenario by this principal this is, from 1."""
    principal: str = "local"
    devbox_status: str | None = None
    queue: QueuePlace | None = None
    """The devbox's place in the queue, while its status is `queued`; the run's time has not begun then."""
    working_directory: str = ""
    budget: Budget = Field(default_factory=Budget)
    disclosure: Disclosure = Disclosure.NAMED
    scoring_mode: ScoringMode | None = None
    """The mode in which the run was scored, once it was."""
    isolation: str | None = None
    """The driver and its tier, as recorded when the run started."""
    environment_hash: str | None = None
    """Names the exact files, launch parameters and base that the run started from."""
    end_time_ms: int | None = None
    notes: list[str] = Field(default_factory=list)
    """What happened to the run that its state does not say: why it failed, that its devbox was booted again, …"""
    restored_files: list[str] = Field(default_factory=list)
    """Protected files that the solver had changed and scoring put back, relative to the working directory."""
    sealed: SealedHashes | None = None
    """What the score depends on, as it was at the start."""
    tamper_report: TamperReport | None = None
    """What the solver did beside its answer, once the run was scored."""
    rescorings: list[Rescoring] = Field(default_factory=list)
    """Later scorings by an operator, in order; none of them is the run's score."""


class ScenarioRunView(WireModel):
    """A run as an operator sees it."""

    id: str
    scenario_id: str
    devbox_id: str
    state: RunState | str
    metadata: dict[str, str] = Field(default_factory=dict)
    name: str | None = None
    purpose: str | None = None
    benchmark_run_id: str | None = None
    start_time_ms: int | None = None
    duration_ms: int | None = None
    environment_variables: dict[str, str] | None = None
    secrets_provided: dict[str, str] | None = None
    scoring_contract_result: ScoringContractResult | None = None
    score: float | None = None
    """The total, once scored; one published example reads it here."""
    x_runloop_mcp: RunDetails | None = None
    started_from: ScenarioView | None = Field(default=None, exclude=True)
    """The scenario as the run starts from it, of a run that has just been started, where that is at hand. Not sent."""


VALIDATION: Final = "validation"
"""The purpose of runs that prove a scenario."""


class RunListParams(PageParams):
    """Which runs to list: filters are combined."""

    name: str | None = None
    scenario_id: str | None = None
    benchmark_run_id: str | None = None
    state: str | None = None
    search: str | None = None
