"""Scoring contracts as arguments: the wire's fields, with errors that say which scorer needs what."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.models.scoring import ScoringContract, ScoringFunction
from runloop_mcp.server.arguments import Arguments
from runloop_mcp.server.rendering.quantities import score_text

_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_ROUNDING: Final = 1e-3


class TestFile(Arguments):
    """A file that a test-based scorer writes."""

    __test__ = False  # pytest takes names that begin with Test for test classes

    file_path: str
    file_contents: str


class ScorerGiven(Arguments):
    """A scorer; which fields it has depends on its type."""

    type: Literal[
        "command_scorer",
        "bash_script_scorer",
        "python_script_scorer",
        "test_based_scorer",
        "ast_grep_scorer",
        "custom_scorer",
    ]
    command: Annotated[str | None, Field(description="command_scorer: exit status 0 scores 1")] = None
    bash_script: Annotated[str | None, Field(description="bash_script_scorer: prints the score, 0 to 1")] = None
    python_script: Annotated[str | None, Field(description="python_script_scorer: prints the score")] = None
    requirements_contents: Annotated[str | None, Field(description="python_script_scorer: its requirements.txt")] = None
    test_command: Annotated[str | None, Field(description="test_based_scorer: exit status 0 scores 1")] = None
    test_files: Annotated[
        list[TestFile] | None, Field(description="test_based_scorer: written before; hidden from the solver")
    ] = None
    pattern: Annotated[str | None, Field(description="ast_grep_scorer: a match scores 1")] = None
    search_directory: Annotated[str | None, Field(description="ast_grep_scorer")] = None
    lang: Annotated[str | None, Field(description="ast_grep_scorer")] = None
    custom_scorer_type: Annotated[str | None, Field(description="custom_scorer: the type of create_scorer")] = None
    scorer_params: Annotated[dict[str, Any] | None, Field(description="custom_scorer")] = None


class FunctionGiven(Arguments):
    """A scoring function."""

    name: Annotated[str, Field(min_length=1, description="Letters, digits, _ and -")]
    weight: Annotated[float, Field(gt=0, le=1, description="All weights sum to 1")]
    scorer: ScorerGiven


Functions = Annotated[list[FunctionGiven], Field(min_length=1, description="What gives the score")]

_FIELDS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "command_scorer": (("command",), ()),
    "bash_script_scorer": (("bash_script",), ()),
    "python_script_scorer": (("python_script",), ("requirements_contents",)),
    "test_based_scorer": (("test_command",), ("test_files",)),
    "ast_grep_scorer": (("pattern", "search_directory"), ("lang",)),
    "custom_scorer": (("custom_scorer_type",), ("scorer_params",)),
}
"""By type of scorer: the fields that it needs, and those that it may have."""


def contract_of(functions: Sequence[FunctionGiven]) -> ScoringContract:
    """The scoring contract that was given.

    Raises:
        InvalidRequest: A scorer lacks what its type needs or has what its type has not, a name is none or is there
            twice, or the weights don't sum to 1.
    """
    if not functions:
        raise InvalidRequest("`scoring_functions` is empty.", hint="A scenario needs one scoring function at least.")
    for place, function in enumerate(functions):
        _check(f"scoring_functions[{place}]", function)
    names = [function.name for function in functions]
    if len(set(names)) < len(names):
        raise InvalidRequest("Two of `scoring_functions` have one name.", hint="Give each a name of its own.")
    total = sum(function.weight for function in functions)
    if abs(total - 1) > _ROUNDING:
        raise InvalidRequest(f"The weights sum to {score_text(total)}.", hint="Give weights that sum to 1.")
    return ScoringContract(
        scoring_function_parameters=[
            ScoringFunction.model_validate(function.model_dump(exclude_none=True)) for function in functions
        ]
    )


def _check(place: str, function: FunctionGiven) -> None:
    if not _NAME.fullmatch(function.name):
        raise InvalidRequest(f"`{place}.name` is not valid.", hint="It may have letters, digits, _ and -.")
    given = set(function.scorer.model_dump(exclude_none=True)) - {"type"}
    needed, possible = _FIELDS[function.scorer.type]
    missing = [name for name in needed if name not in given]
    if missing:
        raise InvalidRequest(f"`{place}.scorer` lacks `{missing[0]}`.", hint=_fields(function.scorer.type))
    foreign = sorted(given - {*needed, *possible})
    if foreign:
        raise InvalidRequest(f"`{place}.scorer` has `{foreign[0]}`.", hint=_fields(function.scorer.type))


def _fields(kind: str) -> str:
    needed, possible = _FIELDS[kind]
    may = f" and may have {', '.join(possible)}" if possible else ""
    return f"A {kind} needs {', '.join(needed)}{may}."
