"""Custom scorers: scripts that are registered under a type of their own."""

from typing import Any, Final

from pydantic import Field

from runloop_mcp.api.models.base import NOT_BLANK, PageParams, WireModel
from runloop_mcp.api.models.scenario import ScenarioEnvironment
from runloop_mcp.api.models.scoring import ScoringFunctionResult

_TYPE: Final[dict[str, Any]] = {"pattern": r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$"}


class ScorerView(WireModel):
    """A custom scorer."""

    id: str
    type: str
    """What scenarios name it by, in `custom_scorer_type`."""
    bash_script: str
    """Finds its parameters as JSON in `RL_SCORER_CONTEXT`, and prints the score on its last line."""


class ScorerCreateParams(WireModel):
    """What a new custom scorer is made of."""

    type: str = Field(json_schema_extra=_TYPE)
    bash_script: str = Field(json_schema_extra=NOT_BLANK)


class ScorerUpdateParams(WireModel):
    """What a custom scorer is to be from now on; runs that have started keep the scorer that they started with."""

    type: str = Field(json_schema_extra=_TYPE)
    bash_script: str = Field(json_schema_extra=NOT_BLANK)


class ScorerListParams(PageParams):
    """Which custom scorers to list."""

    search: str | None = None
    """Part of the type or id, in any case."""


class ScorerValidateParams(WireModel):
    """What to try a custom scorer on."""

    scoring_context: Any = Field(default_factory=dict)
    """What a scenario would give as `scorer_params`."""
    environment_parameters: ScenarioEnvironment | None = None


class ScorerValidation(WireModel):
    """What a custom scorer gave when it was tried."""

    name: str
    scoring_context: Any = None
    scoring_result: ScoringFunctionResult
    environment_parameters: ScenarioEnvironment | None = None
