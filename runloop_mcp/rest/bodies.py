"""The JSON bodies of requests, as models."""

from collections.abc import Sequence
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json, to_json
from starlette.types import Receive

from runloop_mcp.api.errors import ApiError, InvalidRequest
from runloop_mcp.rest.complaints import complaint

MOST_BYTES: Final = 32 * 1024 * 1024
"""The largest JSON body. Files are uploaded in other ways."""


class TooLarge(InvalidRequest):
    """The body is larger than is read."""

    status = 413
    code = "too_large"


class ClientLeft(ApiError):
    """The client went away before its request was whole."""


async def read_body(receive: Receive, most: int = MOST_BYTES) -> bytes:
    """The body of a request.

    Raises:
        TooLarge: It is larger than `most` bytes.
        ClientLeft: The client went away.
    """
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False) and message["type"] == "http.request" and len(body) <= most:
        return body
    parts, size = [], 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientLeft("The client went away.")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise TooLarge(
                f"The body is larger than {most // 2**20} MiB.",
                hint="Put large contents into an object, or write them into the devbox with upload_file.",
            )
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()


def parse_body(model: type[BaseModel], body: bytes) -> BaseModel:
    """The model that a body stands for. Nothing at all is as good as an empty object.

    Types are those of JSON: a number in quotes is no number. Fields that the model does not know are kept, and a null
    where there can be none is as good as an absent field.

    Raises:
        InvalidRequest: It is no JSON object, or a field is not valid; the message names it.
    """
    _refuse_non_numbers(body)
    try:
        return model.model_validate_json(body or b"{}", strict=True)
    except ValidationError as error:
        first = error
    given = _parsed(body)
    nulls = [detail["loc"] for detail in first.errors(include_url=False) if detail["input"] is None]
    if not nulls:
        raise _invalid(first, given)
    for location in nulls:
        _take_out(given, location)
    try:
        return model.model_validate_json(to_json(given), strict=True)
    except ValidationError as error:
        raise _invalid(error, given) from error


def _refuse_non_numbers(body: bytes) -> None:
    """NaN and infinity are not JSON, and the parser of models takes them."""
    if b"NaN" in body or b"Infinity" in body:
        _parsed(body)


def _parsed(body: bytes) -> Any:
    """The JSON value of a body.

    Raises:
        InvalidRequest: It is none.
    """
    try:
        given = from_json(body or b"{}", allow_inf_nan=False)
    except ValueError as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.", hint="Send a JSON object in UTF-8.") from error
    if not isinstance(given, dict):
        raise InvalidRequest("The body is JSON, but not an object.", hint="Send a JSON object, in braces.")
    return given


def _invalid(error: ValidationError, given: Any) -> InvalidRequest:
    return InvalidRequest(complaint(error, given))


def _take_out(given: Any, location: Sequence[int | str]) -> None:
    """Removes the null that validation stumbled over; names of types in its location lead nowhere and are passed."""
    for part in location:
        if isinstance(given, dict) and part in given:
            if given[part] is None:
                del given[part]
                return
            given = given[part]
        elif isinstance(given, list) and isinstance(part, int) and part < len(given):
            given = given[part]
