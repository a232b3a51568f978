"""Errors as the wire has them: a status, `{"code", "message"}`, and whether and when to try again."""

import json
import logging
import math
import traceback
from typing import Final

from pydantic import ConfigDict
from starlette.types import Scope

from runloop_mcp.api.errors import ApiError
from runloop_mcp.api.models.base import WireModel
from runloop_mcp.rest.answers import Answer

RETRY_AFTER_SECONDS: Final = 1.0
"""What is said where a retry can help and nobody knows when."""

_LONGEST_NAMED: Final = 200
"""Characters of a request that is told what it was."""

_log = logging.getLogger(__name__)


class ErrorView(WireModel):
    """An error."""

    model_config = ConfigDict(title="Error")

    code: str
    """The kind of error, such as `not_found`."""
    message: str
    """What happened, what is valid, and what to do next."""
    hint: str | None = None
    """What to do next: the end of the message, told apart. Of this server, beside the wire."""


def failed(error: ApiError) -> Answer:
    """The answer that an error stands for."""
    return failure(
        error.status,
        error.code,
        str(error),
        hint=error.hint,
        retryable=error.retryable,
        retry_after=error.retry_after,
    )


def failure(
    status: int,
    code: str,
    message: str,
    *,
    hint: str = "",
    retryable: bool = False,
    retry_after: float | None = None,
) -> Answer:
    """An error that clients of the wire understand.

    Args:
        status: Of HTTP.
        code: The kind of error.
        message: For people and models.
        hint: What the message ends with, where that is what to do next.
        retryable: Whether the same request can succeed later.
        retry_after: Seconds after which that makes sense, where known.
    """
    headers = [(b"x-should-retry", b"true" if retryable else b"false")]
    if retryable:
        seconds = RETRY_AFTER_SECONDS if retry_after is None else retry_after
        headers.append((b"retry-after-ms", str(math.ceil(seconds * 1000)).encode()))
        headers.append((b"retry-after", str(math.ceil(seconds)).encode()))
    said = {"code": code, "message": message} | ({"hint": hint} if hint else {})
    # Plain ASCII: half a character that came with the request leaves as an escape, which every parser reads.
    return Answer(json.dumps(said).encode(), status=status, headers=headers)


def unknown_route(scope: Scope) -> Answer:
    """What every request gets that is no operation of the API: clients would try a 501 again and again."""
    asked = f"{scope['method']} {scope['path']}"
    named = asked if len(asked) <= _LONGEST_NAMED else f"{asked[:_LONGEST_NAMED]}…"
    return failure(404, "not_found", f"There is no {named} here; /openapi.json lists what there is.")


def unexpected(operation_id: str, error: Exception) -> Answer:
    """What nobody foresaw. The log gets where it happened and what kind it was, never the values it is about."""
    _log.error("%s failed unexpectedly: %s at %s", operation_id, type(error).__name__, _places(error))
    return failure(500, "error", "Something unexpected went wrong in this server; its log says where.", retryable=True)


def _places(error: Exception) -> str:
    """Where it was raised, and where we were then, if that was in what others wrote."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "runloop_mcp" in frame.filename]
    places = [f"{frame.filename}:{frame.lineno}" for frame in (*frames[-1:], *ours[-1:])]
    return " from ".join(dict.fromkeys(places))
