"""Refusals of the SDK's HTTP transport in words for whoever sent the message: its own are a library's, with values."""

import json
from typing import TYPE_CHECKING, Any, Final

from runloop_mcp.server.transports.refusal import MESSAGE_PATHS

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LONGEST: Final = 100_000
"""Bytes of a refusal; what is longer is none."""

_WORDS: Final = {
    "Parse error": "Not JSON. Post one JSON-RPC 2.0 message.",
    "Validation error": 'Not a JSON-RPC 2.0 message: "jsonrpc" is "2.0", "method" a string and "params" an object.',
}


class PlainRefusals:
    """ASGI middleware; costs nothing where nothing is refused.

    Args:
        app: The application behind it.
    """

    def __init__(self, app: "ASGIApp") -> None:
        self._app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Run one request."""
        if scope["type"] != "http" or not scope.get("path", "").startswith(MESSAGE_PATHS):
            await self._app(scope, receive, send)
            return
        await self._app(scope, receive, _Answer(send).send)


class _Answer:
    """One response, held back where it refuses a message."""

    def __init__(self, send: "Send") -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: "Message") -> None:
        """Pass a part of the response on, or keep it until all is there."""
        if message["type"] == "http.response.start" and message["status"] == 400:
            self._start = message
            return
        if self._start is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        is_whole = not message.get("more_body", False)
        if not is_whole and len(self._body) <= _LONGEST:
            return
        body = _plain(self._body) if is_whole else self._body
        start, self._start = self._start, None
        headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
        if is_whole:
            headers.append((b"content-length", str(len(body)).encode()))
        await self._send({**start, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": not is_whole})


def _plain(body: bytes) -> bytes:
    """The refusal in our words, where it is one of those that need them."""
    try:
        told: Any = json.loads(body)
        message = told["error"]["message"]
    except (ValueError, KeyError, TypeError):
        return body
    words = _WORDS.get(str(message).partition(":")[0])
    if words is None:
        return body
    told["error"]["message"] = words
    return json.dumps(told).encode()
