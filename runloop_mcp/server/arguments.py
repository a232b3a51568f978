"""Strict arguments: what a tool is not told in its own words is refused, with what would be right."""

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, TypeVar

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from runloop_mcp.server.schemas import input_schema

_DEEPEST = 60
_LARGEST = 2**63 - 1
_SURROGATE = re.compile("[\ud800-\udfff]")


class Arguments(BaseModel):
    """The arguments of a tool, or an object within them. Absent and null mean the same."""

    model_config = ConfigDict(extra="forbid", defer_build=True, hide_input_in_errors=True, frozen=True)


RunId = Annotated[str, Field(description="The run's id, scr_…")]
ExecutionId = Annotated[str, Field(description="exe_…, from exec_on_devbox")]
ScenarioId = Annotated[str, Field(description="The scenario's id, scn_…")]
Cursor = Annotated[str | None, Field(description="next_cursor of the page before")]
Limit = Annotated[int, Field(ge=1, le=100, description="Most items to return")]
IdempotencyKey = Annotated[str | None, Field(description="The same key asks once only")]
Ask = Annotated[bool, Field(description="false: does not ask the user")]
WaitSeconds = Annotated[float, Field(ge=0, le=20)]

A = TypeVar("A", bound=Arguments)


def parse(tool: str, model: type[A], given: Mapping[str, Any]) -> A:
    """The arguments of a call, checked.

    Raises:
        ToolError: They are not valid. The text names every argument at fault and what would be valid, and holds none of
            the values, which may be secret.
    """
    values = {name: value for name, value in given.items() if value is not None}
    schema = input_schema(model)
    properties: dict[str, dict[str, Any]] = schema["properties"]
    if deep := [name for name, value in values.items() if is_too_deep(value)]:
        raise ToolError("\n".join(f"`{name}` is nested too deeply: use at most {_DEEPEST} levels." for name in deep))
    if huge := [name for name, value in values.items() if _is_huge(value)]:
        raise ToolError("\n".join(f"`{name}` holds a number beyond ±{_LARGEST}: use a smaller one." for name in huge))
    for name, value in values.items():
        if isinstance(value, str) and properties.get(name, {}).get("type") in {"object", "array"}:
            values[name] = _decoded(value)
    problems = [
        f"`{name}` holds half of a surrogate pair (\\ud800 to \\udfff), which is no character: send valid Unicode."
        for name, value in values.items()
        if _broken(value)
    ]
    if not problems:
        try:
            return model.model_validate(values)
        except ValidationError as error:
            problems = _problems(tool, error, schema)
    raise ToolError("\n".join(problems))


def is_too_deep(value: object) -> bool:
    """Whether lists and objects lie in each other deeper than anything that an argument means."""
    level = [value]
    for _ in range(_DEEPEST + 1):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return False
    return True


def _is_huge(value: object) -> bool:
    """Whether it is or holds a whole number that no store can keep. Not for what is too deep."""
    if isinstance(value, int):
        return abs(value) > _LARGEST
    return any(map(_is_huge, _inside(value)))


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _decoded(value: str) -> Any:
    """What a client meant that sends lists and objects as JSON in a string, as some do."""
    try:
        decoded = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return decoded if isinstance(decoded, list | dict) and not is_too_deep(decoded) else value


def _broken(value: object) -> bool:
    if isinstance(value, str):
        return _SURROGATE.search(value) is not None
    if isinstance(value, dict):
        return any(_broken(part) for item in value.items() for part in item)
    return isinstance(value, list) and any(_broken(item) for item in value)


def _problems(tool: str, error: ValidationError, schema: dict[str, Any]) -> list[str]:
    """One sentence for each argument at fault, in the order of the arguments."""
    properties: dict[str, dict[str, Any]] = schema["properties"]
    found: dict[str, str] = {}
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        name = str(fault["loc"][0]) if fault["loc"] else ""
        if (inner := _inner(fault["loc"], schema)) is not None:
            found.setdefault(name, _fault_inside(fault["type"], fault["loc"], inner))
        elif fault["type"] == "extra_forbidden":
            found[name] = _unknown(tool, name, list(properties))
        elif fault["type"] == "missing":
            meaning = properties[name].get("description", "")
            found[name] = f"`{name}` is missing: it must be {describe(properties[name])}." + (
                f" {meaning.rstrip('.')}." if meaning else ""
            )
        else:
            found[name] = f"`{name}` must be {describe(properties.get(name, {}))}."
    order = list(properties)
    return [found[name] for name in sorted(found, key=lambda name: order.index(name) if name in order else len(order))]


def _inner(location: tuple[int | str, ...], schema: dict[str, Any]) -> dict[str, Any] | None:
    """The schema of the object inside an argument in which the fault is; None where it is in no such object."""
    found = None
    for step in location[:-1]:
        schema = schema.get("items", {}) if isinstance(step, int) else schema.get("properties", {}).get(step, {})
        if "properties" in schema:
            found = schema
    return found


def _fault_inside(kind: str, location: tuple[int | str, ...], inner: dict[str, Any]) -> str:
    """What is wrong inside an argument that is an object or a list of such."""
    fields: dict[str, dict[str, Any]] = inner["properties"]
    *place, last = location
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).removeprefix(".")
    if kind == "extra_forbidden":
        return f"`{where}` has a field that there is not. Its fields: {', '.join(fields)}."
    wanted = describe(fields.get(str(last), {}))
    path = f"{where}[{last}]" if isinstance(last, int) else f"{where}.{last}"
    return f"`{path}` is missing: it must be {wanted}." if kind == "missing" else f"`{path}` must be {wanted}."


def _unknown(tool: str, name: str, valid: list[str]) -> str:
    shown = name if re.fullmatch(r"[\w.-]{1,60}", name) else "One argument"
    near = difflib.get_close_matches(name, valid, n=1, cutoff=0.5) or [v for v in valid if name in v or v in name][:1]
    guess = f" Did you mean `{near[0]}`?" if near else ""
    return f"`{shown}` is no argument of {tool}.{guess} Its arguments: {', '.join(valid)}."


def describe(schema: Mapping[str, Any]) -> str:
    """What a value of this JSON schema is, in words, as in "an integer from 1 to 100"."""
    if "enum" in schema:
        return "one of " + ", ".join(f'"{value}"' for value in schema["enum"])
    kind = str(schema.get("type"))
    if kind == "array" and schema.get("items", {}).get("type") == "object":
        return f"a list of objects with {', '.join(schema['items'].get('properties', {}))}"
    if kind == "object" and schema.get("properties"):
        parts = [f"`{name}` ({describe(part)})" for name, part in schema["properties"].items()]
        return f"an object with any of {', '.join(parts)}"
    if kind == "object" and schema.get("additionalProperties") is True:
        return "an object"
    if kind in {"integer", "number"}:
        return _KINDS[kind] + _bounds(schema)
    words = "a non-empty string" if schema.get("minLength") else _KINDS.get(kind, "a string")
    return f"{words} that is not empty" if schema.get("minItems") else words


_KINDS = {
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list of strings",
    "object": 'an object with string values, as in {"NAME": "value"}',
}


def _bounds(schema: Mapping[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f" from {low:g} to {high:g}"
    if low is not None:
        return f" of at least {low:g}"
    above = schema.get("exclusiveMinimum")
    return f" above {above:g}" if above is not None else ""
