"""The one place where what went wrong on the way to Runloop's API, or there, becomes an error of ours."""

import json
from collections.abc import Mapping
from typing import Any, Final

import httpx

from runloop_mcp.api.errors import (
    ApiError,
    Conflict,
    Forbidden,
    InvalidRequest,
    InvalidState,
    NotFound,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from runloop_mcp.client.retries import asked_seconds

_LONGEST_MESSAGE: Final = 4_000
_KINDS: Final[Mapping[int, type[ApiError]]] = {
    400: InvalidRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    405: NotFound,
    409: Conflict,
    410: NotFound,
    413: InvalidRequest,
    415: InvalidRequest,
    422: InvalidRequest,
    429: RateLimited,
}
_HINTS: Final[Mapping[int, str]] = {
    401: "Check the key: RUNLOOP_API_KEY names it, and RUNLOOP_BASE_URL where it is good. Keys of Runloop are made at"
    " https://platform.runloop.ai.",
    403: "The key is known but may not do this, or this account has no access to it.",
    413: "Send less at once.",
    429: "Fewer calls or devboxes at once help.",
}
_ALWAYS_HINTED: Final = frozenset({401, 403})


def error_of(response: httpx.Response, about: str) -> ApiError:
    """What an answer means that is no success.

    Args:
        response: The answer, read.
        about: What was asked for, such as `POST /v1/devboxes`: told where the answer itself says nothing.
    """
    status = response.status_code
    said = _said(response)
    message = str(said.get("message") or "").strip()[:_LONGEST_MESSAGE]
    told = bool(message)
    if not told:
        message = f"The Runloop API answered {about} with status {status}."
    hint = str(said.get("hint") or "")
    if hint:
        message = message.removesuffix(hint).rstrip()
    elif not told or status in _ALWAYS_HINTED:
        hint = _HINTS.get(status, "")
    if status == InvalidRequest.status and said.get("code") == InvalidState.code:
        return InvalidState(message, hint=hint)
    kind = _KINDS.get(status)
    if kind is None and status < httpx.codes.INTERNAL_SERVER_ERROR:
        kind = InvalidRequest
    if kind is None:
        # A 503 of the embedded engine names what is missing there: time alone does not cure that.
        lasting = response.headers.get("x-should-retry") == "false"
        return Unavailable(
            message, hint=hint, retryable=not lasting, retry_after=None if lasting else asked_seconds(response.headers)
        )
    retry_after = asked_seconds(response.headers) if kind.retryable_by_default else None
    return kind(message, hint=hint, retry_after=retry_after)


def unreachable(error: Exception, host: str) -> Unavailable:
    """What it means that no (whole) answer came."""
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return Unavailable(
            f"The Runloop API at {host} did not answer in time, also when asked again.", hint="", retryable=True
        )
    return Unavailable(
        f"The Runloop API at {host} can't be reached: {_reason(error)}.",
        hint="Check the network, and RUNLOOP_BASE_URL.",
        retryable=True,
    )


def not_understood(about: str, what: str) -> Unavailable:
    """What it means that an answer came that is none."""
    return Unavailable(
        f"The Runloop API answered {about} with something that is no such answer: {what}.",
        hint="Check RUNLOOP_BASE_URL: is it the address of a Runloop API?",
    )


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().rstrip(".")


def _said(response: httpx.Response) -> dict[str, Any]:
    try:
        said = json.loads(response.content)
    except (ValueError, httpx.ResponseNotRead):
        return {}
    return said if isinstance(said, dict) else {}
