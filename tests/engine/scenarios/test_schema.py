"""The format for editors, and the format against the wire."""

from typing import get_args

import pytest
from pydantic import BaseModel

from runloop_mcp.api.models import scenario as wire_scenario
from runloop_mcp.api.models import scoring as wire_scoring
from runloop_mcp.engine.scenarios import folder_format
from runloop_mcp.engine.scenarios.schema import SCHEMA_FILE, schema_text


def test_the_schema_beside_the_code_is_the_formats_own() -> None:
    """Editors check what the loader checks; `python -m runloop_mcp.engine.scenarios.schema` writes the file anew."""
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text()


PAIRS: list[tuple[type[BaseModel], type[BaseModel], set[str], set[str]]] = [
    (
        getattr(folder_format, name),
        getattr(wire_scoring, name),
        set(),
        {"x_bash_script"} if name == "CustomScorer" else set(),
    )
    for name in (
        "CommandScorer",
        "BashScriptScorer",
        "PythonScriptScorer",
        "AstGrepScorer",
        "TestBasedScorer",
        "CustomScorer",
        "ScorerTestFile",
        "ScoringFunction",
        "ScoringContract",
    )
] + [
    (getattr(folder_format, name), getattr(wire_scenario, name), set(), set())
    for name in (
        "InputContext",
        "AfterIdle",
        "LifecycleConfiguration",
        "UserParameters",
        "LaunchParameters",
        "ScenarioEnvironment",
    )
]
PAIRS.append(
    (
        folder_format.ScenarioDocument,
        wire_scenario.ScenarioView,
        {"format", "requires"},
        {"id", "status", "is_public", "x_missing_programs"},
    )
)


@pytest.mark.parametrize(
    ("in_folder", "on_wire", "more", "fewer"), PAIRS, ids=lambda value: getattr(value, "__name__", "")
)
def test_the_format_has_the_wires_fields(
    in_folder: type[BaseModel], on_wire: type[BaseModel], more: set[str], fewer: set[str]
) -> None:
    """A field that the wire gains is not forgotten in the format."""
    fields = {name for name in in_folder.model_fields if not name.endswith("_file")}
    assert fields - more == set(on_wire.model_fields) - fewer


def test_every_scorer_type_is_known() -> None:
    """The format takes the scorer types that the wire takes."""
    union = get_args(folder_format.Scorer)[0]
    types = {get_args(model.model_fields["type"].annotation)[0] for model in get_args(union)}
    assert types == set(wire_scoring.SCORER_TYPES)
