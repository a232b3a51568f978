"""Scenarios: a problem statement, an environment, a scoring contract and a reference output."""

from enum import StrEnum
from typing import Any

from pydantic import Field

from runloop_mcp.api.models.base import NOT_BLANK, PageParams, WireModel
from runloop_mcp.api.models.scoring import ScoringContract


class ScenarioStatus(StrEnum):
    """Whether a scenario can be started."""

    ACTIVE = "active"
    ARCHIVED = "archived"


class ValidationType(StrEnum):
    """How the reference output proves the scorers right."""

    UNSPECIFIED = "UNSPECIFIED"
    FORWARD = "FORWARD"
    """Apply the reference to the environment; the score must be 1.0."""
    REVERSE = "REVERSE"
    """The environment holds the solution; the reference is the patch taken away from it."""
    EVALUATION = "EVALUATION"
    """There is no pass mark."""


class InputContext(WireModel):
    """What the solver is told."""

    problem_statement: str = Field(json_schema_extra=NOT_BLANK)
    additional_context: Any = None


class AfterIdle(WireModel):
    """What happens to a devbox that nobody uses."""

    idle_time_seconds: int = Field(gt=0)
    on_idle: str
    """`shutdown` or `suspend`."""


class LifecycleConfiguration(WireModel):
    """What happens to a devbox over its life. Hooks and triggers are kept and echoed."""

    after_idle: AfterIdle | None = None


class UserParameters(WireModel):
    """The user that commands run as."""

    uid: int
    username: str


class LaunchParameters(WireModel):
    """How a devbox is launched; fields that a local devbox can't honour are kept and echoed."""

    after_idle: AfterIdle | None = None
    """Overrides `keep_alive_time_seconds`, and `lifecycle.after_idle`."""
    architecture: str | None = None
    available_ports: list[int] | None = None
    custom_cpu_cores: float | None = None
    custom_disk_size: int | None = None
    custom_gb_memory: int | None = None
    keep_alive_time_seconds: int | None = Field(default=None, ge=1, le=172_800)
    """Seconds until the devbox shuts down by itself; 3600 where absent."""
    launch_commands: list[str] | None = None
    lifecycle: LifecycleConfiguration | None = None
    network_policy_id: str | None = None
    provisioning_tier: str | None = None
    required_services: list[str] | None = None
    resource_size_request: str | None = None
    user_parameters: UserParameters | None = None

    def idle_rule(self) -> AfterIdle | None:
        """What happens to the devbox when nobody uses it, if anything does."""
        return self.after_idle or (self.lifecycle.after_idle if self.lifecycle else None)


class ScenarioEnvironment(WireModel):
    """The devbox that a run of the scenario gets."""

    blueprint_id: str | None = None
    snapshot_id: str | None = None
    launch_parameters: LaunchParameters | None = None
    working_directory: str | None = None
    """Where commands start over MCP and where scorers run; `/home/user/work` where absent."""


class ScenarioView(WireModel):
    """A scenario as an operator sees it. Holds what a solver must not see: the reference output and the scorers."""

    id: str
    name: str
    status: ScenarioStatus | str = ScenarioStatus.ACTIVE
    input_context: InputContext
    scoring_contract: ScoringContract
    metadata: dict[str, str] = Field(default_factory=dict)
    environment: ScenarioEnvironment | None = None
    is_public: bool | None = None
    reference_output: str | None = None
    required_environment_variables: list[str] | None = None
    required_secret_names: list[str] | None = None
    scorer_timeout_sec: int | None = None
    validation_type: ValidationType | str | None = None
    x_missing_programs: list[str] | None = None
    """Programs that it requires and that devboxes here have not, so that it can't be started; None where none is known
    to be missing."""


class ScenarioCreateParams(WireModel):
    """What a new scenario is made of."""

    name: str = Field(json_schema_extra=NOT_BLANK)
    input_context: InputContext
    scoring_contract: ScoringContract
    environment_parameters: ScenarioEnvironment | None = None
    metadata: dict[str, str] | None = None
    reference_output: str | None = None
    required_environment_variables: list[str] | None = None
    required_secret_names: list[str] | None = None
    scorer_timeout_sec: int | None = Field(default=None, gt=0)
    validation_type: ValidationType | None = None


class InputContextUpdate(WireModel):
    """The part of an input context to replace."""

    problem_statement: str | None = None
    additional_context: Any = None


class ScenarioUpdateParams(WireModel):
    """What to replace in a scenario: null or absent keeps the value, an empty value clears it."""

    name: str | None = Field(default=None, json_schema_extra=NOT_BLANK)
    input_context: InputContextUpdate | None = None
    scoring_contract: ScoringContract | None = None
    environment_parameters: ScenarioEnvironment | None = None
    metadata: dict[str, str] | None = None
    reference_output: str | None = None
    required_environment_variables: list[str] | None = None
    required_secret_names: list[str] | None = None
    scorer_timeout_sec: int | None = Field(default=None, gt=0)
    validation_type: ValidationType | None = None


class ScenarioListParams(PageParams):
    """Which scenarios to list: filters are combined."""

    name: str | None = None
    """The exact name."""
    search: str | None = None
    """Words that must all occur in id, name, summary, tags or problem statement, in any case."""
    tags: list[str] | None = None
    """Tags that the scenario must all carry (ours; the wire has none)."""
    status: ScenarioStatus | None = ScenarioStatus.ACTIVE
    """None lists archived ones too."""
    benchmark_id: str | None = None
    """Those of this benchmark."""
    is_public: bool | None = None
    """Those that came with the program, or those that did not."""
    validation_type: str | None = None
