"""Scoring contracts and their results.

The six scorer types differ in their fields and are told apart by `type`.
"""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, SerializeAsAny, ValidationInfo, ValidatorFunctionWrapHandler, WrapValidator

from runloop_mcp.api.models.base import ANSWERED, WireModel


class CommandScorer(WireModel):
    """Exit status 0 of the command is 1.0, any other 0.0."""

    type: Literal["command_scorer"]
    command: str


class BashScriptScorer(WireModel):
    """The script prints the score; its exit status is not the score."""

    type: Literal["bash_script_scorer"]
    bash_script: str


class PythonScriptScorer(WireModel):
    """The script runs in an isolated interpreter with its requirements and prints the score."""

    type: Literal["python_script_scorer"]
    python_script: str
    requirements_contents: str | None = None
    python_version_constraint: str | None = None


class AstGrepScorer(WireModel):
    """At least one match of the pattern is 1.0, none 0.0."""

    type: Literal["ast_grep_scorer"]
    pattern: str
    search_directory: str
    lang: str | None = None


class ScorerTestFile(WireModel):
    """A file that a test-based scorer writes before its command runs."""

    file_path: str
    """Relative to the working directory."""
    file_contents: str = ""


class TestBasedScorer(WireModel):
    """Writes the test files, runs the command; exit status 0 is 1.0, any other 0.0."""

    __test__ = False  # pytest takes names that begin with Test for test classes

    type: Literal["test_based_scorer"]
    test_command: str
    test_files: list[ScorerTestFile] = Field(default_factory=list)


class CustomScorer(WireModel):
    """Runs the registered scorer's script with the parameters as JSON context."""

    type: Literal["custom_scorer"]
    custom_scorer_type: str
    scorer_params: Any = None
    x_bash_script: str | None = None
    """The script as it was registered when the run started (ours); scenarios themselves never hold it."""


Scorer = Annotated[
    CommandScorer | BashScriptScorer | PythonScriptScorer | AstGrepScorer | TestBasedScorer | CustomScorer,
    Field(discriminator="type"),
]


class OtherScorer(WireModel):
    """A scorer of a type that is not known here, as another server tells it; nothing here takes or runs one."""

    type: str


SCORER_TYPES = (
    "ast_grep_scorer",
    "bash_script_scorer",
    "command_scorer",
    "custom_scorer",
    "python_script_scorer",
    "test_based_scorer",
)


def _known_or_told(value: Any, known: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    """A scorer; of any type where it is read from what another server answered."""
    if info.context is ANSWERED and isinstance(value, dict) and value.get("type") not in SCORER_TYPES:
        return OtherScorer.model_validate(value)
    return known(value)


class ScoringFunction(WireModel):
    """A scorer with a name and a weight."""

    name: str = Field(pattern=r"^[a-zA-Z0-9_-]+$")
    scorer: Annotated[SerializeAsAny[Scorer], WrapValidator(_known_or_told)]
    weight: float = Field(gt=0, le=1)


class ScoringContract(WireModel):
    """The scoring functions of a scenario; their weights sum to 1."""

    scoring_function_parameters: list[ScoringFunction] = Field(json_schema_extra={"minItems": 1})


class ScoringMode(StrEnum):
    """What a scoring devbox is made of (`metadata.scoring`)."""

    CLEAN = "clean"
    """The pristine environment plus the solver's working directory."""
    FORK = "fork"
    """The solver's whole disk."""
    LIVE = "live"
    """The solver's own devbox, in place."""


class Disclosure(StrEnum):
    """What a solver learns from scoring (`metadata.disclosure`)."""

    SEALED = "sealed"
    """That it was scored."""
    SUMMARY = "summary"
    """The total."""
    NAMED = "named"
    """The score of each function."""
    FULL = "full"
    """That, and the scorers' output."""


class ScoringFunctionState(StrEnum):
    """How a scoring function ended."""

    UNKNOWN = "unknown"
    COMPLETE = "complete"
    ERROR = "error"
    """The scorer failed or timed out; its score is 0 and its output says why."""


class ScoringFunctionResult(WireModel):
    """What one scoring function gave."""

    scoring_function_name: str
    score: float
    state: ScoringFunctionState | str
    output: str
    x_weight: float | None = None
    """The function's weight, in 0..1 (ours)."""
    x_duration_ms: int | None = None
    """How long the scorer ran (ours)."""


class ScoringContractResult(WireModel):
    """What scoring gave: the weighted sum of the functions' scores."""

    score: float
    scoring_function_results: list[ScoringFunctionResult]
    x_complete: bool | None = None
    """False where a function ended in error, so that the total is not the last word (ours)."""
