"""Benchmarks: sets of scenarios, and runs of all of them."""

from enum import StrEnum

from pydantic import Field

from runloop_mcp.api.models.base import NOT_BLANK, PageParams, WireModel
from runloop_mcp.api.models.run import RunProfile


class BenchmarkStatus(StrEnum):
    """Whether a benchmark can be started."""

    ACTIVE = "active"
    ARCHIVED = "archived"


class BenchmarkView(WireModel):
    """A benchmark."""

    id: str
    name: str
    status: BenchmarkStatus | str = BenchmarkStatus.ACTIVE
    scenario_ids: list[str] = Field(default_factory=list, alias="scenarioIds")
    """In order, each once."""
    metadata: dict[str, str] = Field(default_factory=dict)
    attribution: str | None = None
    description: str | None = None
    is_public: bool | None = None
    required_environment_variables: list[str] | None = None
    required_secret_names: list[str] | None = None


class BenchmarkCreateParams(WireModel):
    """What a new benchmark is made of."""

    name: str = Field(json_schema_extra=NOT_BLANK)
    scenario_ids: list[str] | None = None
    metadata: dict[str, str] | None = None
    attribution: str | None = None
    description: str | None = None
    required_environment_variables: list[str] | None = None
    required_secret_names: list[str] | None = None


class BenchmarkUpdateParams(WireModel):
    """What to replace in a benchmark: null or absent keeps the value, an empty value clears it."""

    name: str | None = Field(default=None, json_schema_extra=NOT_BLANK)
    scenario_ids: list[str] | None = None
    metadata: dict[str, str] | None = None
    attribution: str | None = None
    description: str | None = None
    required_environment_variables: list[str] | None = None
    required_secret_names: list[str] | None = None


class BenchmarkScenariosParams(WireModel):
    """Which scenarios to add to a benchmark, and which to take out of it."""

    scenarios_to_add: list[str] | None = None
    scenarios_to_remove: list[str] | None = None


class BenchmarkListParams(PageParams):
    """Which benchmarks to list: filters are combined."""

    name: str | None = None
    """The exact name."""
    search: str | None = None
    """Part of the name, description or id, in any case."""
    is_public: bool | None = None
    status: BenchmarkStatus | None = BenchmarkStatus.ACTIVE
    """None lists archived ones too."""


class BenchmarkRunState(StrEnum):
    """The states of a run of a benchmark."""

    RUNNING = "running"
    CANCELED = "canceled"
    COMPLETED = "completed"
    FAILED = "failed"


class BenchmarkStartRunParams(WireModel):
    """Starts a run of a benchmark. Its scenarios are started one by one, with its id as `benchmark_run_id`."""

    benchmark_id: str
    run_name: str | None = None
    metadata: dict[str, str] | None = None
    run_profile: RunProfile | None = Field(default=None, alias="runProfile")
    """What the runs of its scenarios begin with, where they say nothing else."""


class BenchmarkRunListParams(PageParams):
    """Which runs of benchmarks to list: filters are combined."""

    benchmark_id: str | None = None
    name: str | None = None
    state: str | None = None


class BenchmarkRunView(WireModel):
    """A run of a benchmark."""

    id: str
    state: BenchmarkRunState | str
    start_time_ms: int
    metadata: dict[str, str] = Field(default_factory=dict)
    benchmark_id: str | None = None
    duration_ms: int | None = None
    environment_variables: dict[str, str] | None = None
    name: str | None = None
    purpose: str | None = None
    score: float | None = None
    """The mean of the scores of its scenarios' runs, once it is completed."""
    secrets_provided: dict[str, str] | None = None
    x_principal: str | None = None
    """Who started it, where that is known."""
    x_scenario_ids: list[str] | None = None
    """The scenarios of its benchmark as they were when it started, in order, where that is known."""
