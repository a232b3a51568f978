"""Refusals of messages over HTTP in words for whoever sent them, and of those that the SDK takes for something else.

Its own words are a library's, with values; and a request whose id is none it takes for a notification, so that its
sender would wait for ever.
"""

import json
from typing import TYPE_CHECKING, Any, Final

from runloop_mcp.server.transports.refusal import MESSAGE_PATHS, refuse

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
        answer = _Answer(receive, send, answers_at_once=scope["path"].startswith("/mcp"))
        await self._app(scope, answer.receive, answer.send)


class _Answer:
    """One response, held back where it refuses a message.

    Args:
        receive: From the client.
        send: To the client.
        answers_at_once: Whether 202 says that there will be no answer; over SSE it says that it comes elsewhere.
    """

    def __init__(self, receive: "Receive", send: "Send", *, answers_at_once: bool) -> None:
        self._answers_at_once = answers_at_once
        self._receive = receive
        self._send = send
        self._asked: list[bytes] = []
        self._is_refused = False
        self._start: Message | None = None
        self._body = b""

    async def receive(self) -> "Message":
        """The next part of the request."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._asked.append(message.get("body", b""))
        return message

    async def send(self, message: "Message") -> None:
        """Pass a part of the response on, or keep it until all is there."""
        if self._is_refused:
            return
        status = message["status"] if message["type"] == "http.response.start" else None
        if status == 202 and self._answers_at_once and _has_unusable_id(b"".join(self._asked)):
            self._is_refused = True
            told = 'The "id" of a request is a string or an integer.'
            await refuse(self._send, 400, "invalid_request", told, as_rpc=True)
            return
        if status == 400:
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


def _has_unusable_id(body: bytes) -> bool:
    """Whether a message that was taken for a notification is a request."""
    if b'"id"' not in body:
        return False
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return False
    if not isinstance(message, dict) or "id" not in message or "method" not in message:
        return False
    identity = message["id"]
    return isinstance(identity, bool) or not isinstance(identity, str | int)


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
