"""Answers of the wire, as bytes that can be sent, and sent again."""

import json
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_JSON: Final = (b"content-type", b"application/json")


class Answer:
    """A whole answer.

    Args:
        body: Its bytes, JSON.
        status: Of HTTP.
        headers: Beside the type and length of the body.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(self, body: bytes, *, status: int = 200, headers: list[tuple[bytes, bytes]] | None = None) -> None:
        self.body = body
        self.status = status
        self.headers = headers or []

    @property
    def is_success(self) -> bool:
        """Whether it tells that the request was carried out."""
        return self.status < 400

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  ASGI
        """Sends it, as an ASGI application."""
        headers = [_JSON, (b"content-length", str(len(self.body)).encode()), *self.headers]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


AnyAnswer = Answer | Response
"""What can be sent: an answer, or what a handler streams."""


def json_answer(value: BaseModel) -> Answer:
    """A model as the wire has it: by the wire's names, without what is None."""
    serializer = type(value).__pydantic_serializer__
    try:
        return Answer(serializer.to_json(value, by_alias=True, exclude_none=True, warnings="none"))
    except PydanticSerializationError:
        # Half a character, which bytes of a devbox can hold and JSON can't.
        plain = serializer.to_python(value, by_alias=True, exclude_none=True, warnings="none")
        return Answer(json.dumps(_whole(plain), ensure_ascii=False, allow_nan=False).encode())


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(item) for item in value]
    return value
