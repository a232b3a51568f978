"""What pydantic finds wrong with a document, in words for its author: file, line, field, and what is valid."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from runloop_mcp.api.models.scoring import SCORER_TYPES
from runloop_mcp.engine.scenarios.checks import field_name
from runloop_mcp.engine.scenarios.document import Node, Problem

_MEANINGS = {
    "missing": "this field is required",
    "model_type": "must hold fields (`name: value`)",
    "model_attributes_type": "must hold fields (`name: value`)",
    "dict_type": "must hold fields (`name: value`)",
    "list_type": "must be a list",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_type": "must be a whole number",
    "int_parsing_size": "is too large a number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "string_pattern_mismatch": "must consist of letters, digits, '_' and '-'",
    "union_tag_not_found": f"must have a type: one of {', '.join(SCORER_TYPES)}",
}


def problems_of(error: ValidationError, root: Node, file: str, model: type[BaseModel]) -> list[Problem]:
    """Every problem of a document, in the order of its lines."""
    problems = [_problem(details, root, file, model) for details in error.errors(include_url=False)]
    return sorted(problems, key=lambda problem: problem.line)


def _problem(details: ErrorDetails, root: Node, file: str, model: type[BaseModel]) -> Problem:
    path = _path_in(root, details["loc"])
    node = root.at(path)
    message = _message(details, path, root, model)
    # A missing field is looked for where its fields stand, anything else where its name does.
    line = node.key_line or node.line
    return Problem(file, line, field_name(path), message)


def _path_in(root: Node, location: Sequence[str | int]) -> list[str | int]:
    """The location without the names of scorer types, which pydantic puts between a scorer and its fields."""
    path: list[str | int] = []
    for part in location:
        inside = root.at(path).value
        if path[-1:] == ["scorer"] and isinstance(inside, dict) and part in SCORER_TYPES and part not in inside:
            continue
        path.append(part)
    return path


def _message(details: ErrorDetails, path: list[str | int], root: Node, model: type[BaseModel]) -> str:
    kind, context = details["type"], details.get("ctx", {})
    match kind:
        case "extra_forbidden":
            return _unknown(str(path[-1]), _fields_at(model, path[:-1], root))
        case "union_tag_invalid":
            return _not_one_of(str(context["tag"]), SCORER_TYPES)
        case "literal_error" | "enum":
            expected = [name.strip("' ") for name in str(context["expected"]).replace(" or ", ", ").split(",")]
            return _not_one_of(str(details["input"]), expected)
        case _ if kind in _MEANINGS:
            return _MEANINGS[kind]
        case _:
            return details["msg"].replace("Input should", "must", 1)


def _unknown(name: str, valid: Sequence[str]) -> str:
    near = get_close_matches(name, valid, n=1, cutoff=0.6)
    guess = f"did you mean {near[0]}? " if near else ""
    return f"there is no such field; {guess}Valid here: {', '.join(valid)}"


def _not_one_of(value: str, valid: Sequence[str]) -> str:
    near = get_close_matches(value, valid, n=1, cutoff=0.6)
    guess = f"; did you mean {near[0]}?" if near and len(valid) > 1 else ""
    choices = f"one of {', '.join(valid)}" if len(valid) > 1 else valid[0]
    return f"{value!r} must be {choices}{guess}"


def _fields_at(model: type[BaseModel], path: Sequence[str | int], root: Node) -> list[str]:
    """The fields that are valid in the mapping at a path."""
    current: Any = model
    for depth, part in enumerate(path):
        if isinstance(part, str):
            current = current.model_fields[part].annotation
        models = list(_models_in(current))
        if len(models) > 1:
            node = root.at(path[: depth + 1])
            scorer_type = node.value["type"].value if isinstance(node.value, dict) and "type" in node.value else None
            models = [m for m in models if scorer_type in get_args(m.model_fields["type"].annotation)]
        if models:
            current = models[0]
    return list(current.model_fields)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]
