"""The errors of the wire, as the OpenAPI document has them."""

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class ErrorStatus:
    """A status that requests fail with."""

    name: str
    description: str
    is_retried: bool = False
    """Whether the same request can succeed later, at least sometimes."""


ERRORS: Final = {
    400: ErrorStatus(
        "BadRequest", "The request is not valid, or what it is about is in a state that forbids it, for good."
    ),
    401: ErrorStatus("Unauthorized", "There is no key, or one that is not known."),
    403: ErrorStatus("Forbidden", "The key may not do this, or nobody may do it to this thing."),
    404: ErrorStatus("NotFound", "There is nothing of this id, or no such operation."),
    408: ErrorStatus("Timeout", "What was waited for has not happened yet.", is_retried=True),
    409: ErrorStatus("Conflict", "Something stands in the way that time will cure.", is_retried=True),
    413: ErrorStatus("TooLarge", "The body is larger than is read."),
    422: ErrorStatus("Unprocessable", "The request is well formed and can't be carried out."),
    429: ErrorStatus("RateLimited", "Too many at once.", is_retried=True),
    500: ErrorStatus("Unexpected", "Something went wrong that nobody foresaw.", is_retried=True),
    503: ErrorStatus("Unavailable", "What the request needs is missing or broken here.", is_retried=True),
}
"""By status."""

_SHOULD_RETRY: Final = {
    "description": "Whether the same request can succeed later.",
    "required": True,
    "schema": {"type": "string", "enum": ["true", "false"]},
}
_RETRY_AFTER_MS: Final = {
    "description": "After how many milliseconds to try again, where that can help.",
    "schema": {"type": "integer", "minimum": 0},
}
_RETRY_AFTER: Final = {
    "description": "Likewise in seconds.",
    "schema": {"type": "integer", "minimum": 0},
}


def error_responses(schema: dict[str, Any]) -> dict[str, Any]:
    """The components that operations refer to.

    Args:
        schema: Of the body of an error.
    """
    return {
        error.name: {
            "description": error.description,
            "headers": _headers(error),
            "content": {"application/json": {"schema": schema}},
        }
        for error in ERRORS.values()
    }


def _headers(error: ErrorStatus) -> dict[str, Any]:
    headers: dict[str, Any] = {"x-should-retry": _SHOULD_RETRY}
    if error.is_retried:
        headers |= {"retry-after-ms": _RETRY_AFTER_MS, "retry-after": _RETRY_AFTER}
    return headers
