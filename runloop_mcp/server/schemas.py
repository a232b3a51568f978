"""JSON schemas as models read them: no titles, no definitions, nothing said twice. Every byte costs their context."""

from functools import cache
from typing import Any

from pydantic import BaseModel


@cache
def input_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of a tool's arguments. Null stands for absent, so it is not mentioned."""
    return _schema(model, "validation")


@cache
def output_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of a tool's structured result, in which what is null is left out."""
    return _schema(model, "serialization")


def _schema(model: type[BaseModel], mode: Any) -> dict[str, Any]:
    schema = model.model_json_schema(mode=mode)
    definitions = schema.pop("$defs", {})
    slim: dict[str, Any] = _slim(schema, definitions)
    slim.pop("description", None)  # the docstring of the class is for people
    slim.setdefault("properties", {})
    return slim


def _slim(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_slim(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "anyOf" in node:
        (only,) = [option for option in node["anyOf"] if option.get("type") != "null"]
        node = {**{key: value for key, value in node.items() if key != "anyOf"}, **only}
    if "$ref" in node:
        target = definitions[node["$ref"].removeprefix("#/$defs/")]
        node = {**{key: value for key, value in target.items() if key != "description"}, **node}
        del node["$ref"]
    slim: dict[str, Any] = {}
    for key, value in sorted(node.items()):  # pydantic's own order depends on what was built before
        if key == "properties":
            slim[key] = {name: _slim(each, definitions) for name, each in value.items()}
        elif key == "title" or (key == "default" and (value is None or value == [])):
            continue
        else:
            slim[key] = _slim(value, definitions)
    return slim
