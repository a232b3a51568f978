"""What the query of a request says, as a model."""

import re
from functools import lru_cache
from typing import Any, Final, get_args, get_origin
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.rest.complaints import complaint

_METADATA: Final = re.compile(r"metadata\[([^\[\]]*)\](\[in\])?")
"""`metadata[key]=v` and `metadata[key][in]=a,b`."""


@lru_cache(maxsize=256)
def read_query(model: type[BaseModel], query: bytes) -> BaseModel:
    """The query; what the model does not know and what is blank counts as absent: clients send a null so.

    The same query gives the same model, which is not to be changed.

    Raises:
        InvalidRequest: A value is not valid; the message names it.
    """
    if not query:
        return _validated(model, {})
    given: dict[str, Any] = {}
    metadata: dict[str, list[str]] = {}
    lists: dict[str, list[str]] = {}
    for name, value in _pairs(query):
        if not value:
            continue
        if name in model.model_fields and name != "metadata":
            if _is_list(model.model_fields[name].annotation):
                lists.setdefault(name, []).append(value)
            else:
                given[name] = value
        elif (match := _METADATA.fullmatch(name)) and "metadata" in model.model_fields:
            metadata.setdefault(match[1], []).extend(value.split(",") if match[2] else [value])
    # Validation of strings knows no lists; these are strings whatever the client sent.
    return _validated(model, given).model_copy(update=lists | ({"metadata": metadata} if metadata else {}))


def _is_list(annotation: object) -> bool:
    """Whether a field is a list of strings, which a query repeats."""
    return list in {get_origin(each) for each in (annotation, *get_args(annotation))}


def _pairs(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query.decode("ascii"), errors="strict", max_num_fields=1000)
    except ValueError as error:
        raise InvalidRequest(
            "The query is not valid: it has to be UTF-8, percent-encoded, of at most 1,000 parameters."
        ) from error


def _validated(model: type[BaseModel], given: dict[str, Any]) -> BaseModel:
    try:
        return model.model_validate_strings(given)
    except ValidationError as error:
        raise InvalidRequest(complaint(error, given), hint="This is about the query of the request.") from error
