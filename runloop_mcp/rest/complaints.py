"""What is wrong with a body or query, by the names that the client gave."""

from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_MOST: Final = 5
"""Complaints told at once."""


def complaint(error: ValidationError, given: Any) -> str:
    """What is wrong with each field, such as `input_context.problem_statement: Field required`.

    It repeats no value, as that may be a secret.

    Args:
        error: What validation found.
        given: What was validated.
    """
    found = error.errors(include_url=False, include_context=False)
    told = [f"{_field(detail, given)}: {detail['msg']}" for detail in found[:_MOST]]
    if len(found) > _MOST:
        told.append(f"and {len(found) - _MOST} more")
    return "; ".join(told) + "."


def _field(detail: ErrorDetails, given: Any) -> str:
    """Where it is, without the names of types that pydantic puts between where a union is told apart."""
    path, last = [], len(detail["loc"]) - 1
    for index, part in enumerate(detail["loc"]):
        if isinstance(given, dict) and (part in given or index == last):
            given = given.get(part)
        elif isinstance(given, list) and isinstance(part, int):
            given = given[part] if part < len(given) else None
        else:
            continue
        path.append(str(part))
    return ".".join(path) or "The body"
