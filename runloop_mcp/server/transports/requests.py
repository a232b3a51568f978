"""The requests that an HTTP server has open, each with bounds, all of which can be ended."""

import logging
import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

import anyio

from runloop_mcp.api.errors import Forbidden, Unauthorized
from runloop_mcp.server.transports.open_calls import StreamedCalls
from runloop_mcp.server.transports.refusal import MESSAGE_PATHS, refuse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPEN_LIMIT: Final = 2000
"""Requests open at once; streams of notifications count as long as they last."""

BODY_SECONDS: Final = 30.0
"""How long a client may take to send a request, beside the time that its size takes at the slowest speed."""

SLOWEST_BYTES_PER_SECOND: Final = 64_000
"""Uploads that are faster than that may take as long as they take."""

SEND_SECONDS: Final = 60.0
"""How long a client may take to read a piece of a response."""

PATIENCE_SECONDS: Final = 1.0
"""How long a client may owe us something when there is no room for others."""

READMIT_SECONDS: Final = 1.0
"""How often it is asked whether the keys of open streams are still good."""

_UNREAD_SECONDS: Final = 10.0
_MOST_UNREAD_BYTES: Final = 64 * 2**20
"""How much of a body that nobody wants is read: a client that is still sending reads no answer, and would lose it."""

_LAST_WORDS_SECONDS: Final = 0.3
"""How long the server tries to tell a client that its request ended."""

_LEAVING_SECONDS: Final = 0.05
"""How long the answer to the last call over SSE gets to be on its way."""

_UNWIND_SECONDS: Final = 0.5
"""How long a cancelled request may take to clean up before the end goes on without it."""

READMIT: Final = "readmit"
"""Key in the ASGI scope's state of a stream: a function to be given what raises once its client may not go on."""

_LOOK_SECONDS: Final = 5.0
"""How long one look at all keys may take: a key that can't be looked up holds up none of the next look."""

Readmission = Callable[[], Awaitable[object]]
"""Equal, and hashable, where one answer is for both."""

_log = logging.getLogger(__name__)


class OpenRequests:
    """ASGI middleware that knows every request in progress.

    Args:
        app: The application behind it.
        body_seconds: How long a client may take to send a request.
        send_seconds: How long a client may take to read a piece of a response.
        streamed: Counts the calls whose answers leave on the streams of SSE.
    """

    def __init__(
        self,
        app: "ASGIApp",
        *,
        body_seconds: float = BODY_SECONDS,
        send_seconds: float = SEND_SECONDS,
        streamed: StreamedCalls | None = None,
    ) -> None:
        self._app = app
        self._streamed = streamed or StreamedCalls()
        self._body_seconds = body_seconds
        self._send_seconds = send_seconds
        self._open: set[_Request] = set()
        self._changed = anyio.Event()
        self._ending = False

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Run one request."""
        if scope["type"] != "http":
            # Nothing here speaks WebSocket, and the lifespan is entered by whoever serves the application.
            await send({"type": "websocket.close"})
            return
        request = _Request(scope, receive, send)
        is_over = self._ending and scope.get("path") not in _ALWAYS_ANSWERED
        if is_over or (len(self._open) >= OPEN_LIMIT and not self.make_room()):
            await request.refuse(503, "The server is ending." if is_over else "Too many requests are open.")
            return
        if request.is_stream:
            scope.setdefault("state", {})[READMIT] = request.set_readmission
        self._open.add(request)
        try:
            with request.run:
                await self._app(scope, request.receive, request.send)
            await request.finish()
        finally:
            self._open.discard(request)
            self._changed.set()
            if request.is_stalled:
                request.abort()

    def make_room(self) -> bool:
        """Drop the connection of the client that has owed us something for the longest; whether there was one.

        Who neither sends nor reads must not keep others out, and needs no key to try.
        """
        slowest = min(self._open, key=_Request.owes_since, default=None)
        if slowest is None or slowest.owes_since() > anyio.current_time() - PATIENCE_SECONDS:
            return False
        self._open.discard(slowest)
        slowest.drop()
        return True

    async def watch(self) -> None:
        """End requests whose clients are too slow, until cancelled.

        One look at all of them every now and then costs a request nothing, other than a timer for each of its steps.
        """
        while True:
            await anyio.sleep(min(self._body_seconds, self._send_seconds) / 10)
            now = anyio.current_time()
            for request in self._open:
                request.check(now - self._body_seconds, now - self._send_seconds)

    async def watch_keys(self) -> None:
        """End streams whose keys or tokens are no longer good, until cancelled.

        A call ends by itself soon; a stream has no end, and was asked for its key when it began.
        """
        while True:
            await anyio.sleep(READMIT_SECONDS)
            streams: dict[Readmission, list[_Request]] = {}
            for request in self._open:
                if request.readmission is not None:
                    streams.setdefault(request.readmission, []).append(request)
            # Each key once, and all at the same time: whoever knows them reads what is kept of them once for all.
            with anyio.move_on_after(_LOOK_SECONDS):
                async with anyio.create_task_group() as looks:
                    for readmission, opened in streams.items():
                        looks.start_soon(_readmit, readmission, opened)

    async def end(self, grace: float) -> None:
        """Accept no more, and let calls in progress finish within `grace` seconds.

        Streams end at once; those of SSE when no call is in progress that is answered on one.
        """
        self._ending = True
        self._leave(streams_of_sse=False)
        with anyio.move_on_after(grace):
            await self._streamed.none_left()
            await anyio.sleep(_LEAVING_SECONDS)
            self._leave(streams_of_sse=True)
            await self._none_left()
        for request in self._open:
            request.run.cancel()
        with anyio.move_on_after(_UNWIND_SECONDS):
            await self._none_left()

    def _leave(self, *, streams_of_sse: bool) -> None:
        for request in self._open:
            if request.is_stream and request.is_of_sse is streams_of_sse:
                request.leave()

    async def _none_left(self) -> None:
        while self._open:
            self._changed = anyio.Event()
            await self._changed.wait()


_ALWAYS_ANSWERED: Final = frozenset({"/healthz"})
"""The server is alive while it ends."""

ABORT: Final = "abort_connection"
"""Key in the ASGI scope's state of a function that drops the connection."""


class _Request:
    """One request: the client's side of it.

    Args:
        scope: What is asked for.
        receive: From the server below.
        send: Likewise.
    """

    def __init__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        self.run = anyio.CancelScope()
        self.is_stream = _is_stream(scope)
        """Whether its response has no end of its own."""
        self.is_of_sse = scope.get("path") == "/sse"
        """Whether the response carries the answers to calls."""
        self._is_message = scope.get("path", "").startswith(MESSAGE_PATHS)
        self.is_stalled = False
        """Whether the client did not read."""
        self._state = scope.get("state", {})
        self._may_have_body = _may_have_body(scope)
        self._receive = receive
        self._send = send
        # Since when the client owes us something: the request, or the taking of a piece of the response.
        self._reading_since: float | None = None
        self._sending_since: float | None = None
        self._awaits_body = False
        self._has_body = False
        self._has_left = False
        self._receiving: set[anyio.CancelScope] = set()
        self._is_late = False
        self._is_gone = False
        self.readmission: Readmission | None = None
        self._is_expelled = False
        self._is_started = False
        self._is_complete = False

    def check(self, read_since: float, sent_since: float) -> None:
        """End it when the client has owed us the request, or the taking of the response, from before these times."""
        self._is_late = self._awaits_body and self._reading_since is not None and self._reading_since < read_since
        self.is_stalled = self._sending_since is not None and self._sending_since < sent_since
        if self._is_late or self.is_stalled:
            self.run.cancel()

    def owes_since(self) -> float:
        """Since when the client has owed us something; infinity where it owes nothing."""
        reading = self._reading_since if self._awaits_body else None
        return min(math.inf if since is None else since for since in (reading, self._sending_since))

    def drop(self) -> None:
        """End it, and the connection that it came on."""
        self.is_stalled = True
        self.run.cancel()
        self.abort()

    def abort(self) -> None:
        """Drop the connection that it came on."""
        if abort := self._state.get(ABORT):
            abort()

    def set_readmission(self, readmission: Readmission) -> None:
        """Say what raises `Unauthorized` or `Forbidden` once the client of this stream may not go on."""
        self.readmission = readmission

    def expel(self) -> None:
        """End a stream whose client may not go on; with its connection where it has not heeded that before."""
        if self._is_expelled:
            self.drop()
            return
        self._is_expelled = True
        self.leave()

    def leave(self) -> None:
        """Make the application of a stream believe that its client went away."""
        self._has_left = True
        for scope in self._receiving:
            scope.cancel()

    async def receive(self) -> "Message":
        """The next part of the request, or that the client went away."""
        if not self._has_body:
            self._reading_since = self._reading_since or anyio.current_time()
            self._awaits_body = True
            try:
                message = self._note(await self._receive())
            finally:
                self._awaits_body = False
            credit = len(message.get("body", b"")) / SLOWEST_BYTES_PER_SECOND
            self._reading_since = min(self._reading_since + credit, anyio.current_time())
            return message
        if not self.is_stream:
            return self._note(await self._receive())
        with anyio.CancelScope() as scope:
            self._receiving.add(scope)
            try:
                if not self._has_left:
                    return self._note(await self._receive())
            finally:
                self._receiving.discard(scope)
        return {"type": "http.disconnect"}

    def _note(self, message: "Message") -> "Message":
        self._is_gone = self._is_gone or message["type"] == "http.disconnect"
        self._has_body = self._has_body or not message.get("more_body", False)
        return message

    async def send(self, message: "Message") -> None:
        """Pass a part of the response on."""
        if self._is_gone or (self._is_started and message["type"] == "http.response.start"):
            # The SDK's SSE endpoint answers once more when its stream has ended.
            return
        self._is_started = True
        is_last = message["type"] == "http.response.body" and not message.get("more_body", False)
        if is_last and self._may_have_body and not self._has_body:
            await self._pass_on({**message, "more_body": True})
            await self._read_away()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        self._is_complete = is_last
        await self._pass_on(message)

    async def _pass_on(self, message: "Message") -> None:
        self._sending_since = anyio.current_time()
        await self._send(message)
        self._sending_since = None

    async def _read_away(self) -> None:
        """Take what nobody wants of the body, within bounds, before the response ends.

        Over HTTP/2, parts of a body that come after that end the whole connection.
        """
        size = 0
        with anyio.move_on_after(_UNREAD_SECONDS):
            while not self._has_body and size <= _MOST_UNREAD_BYTES:
                size += len((await self.receive()).get("body", b""))

    async def finish(self) -> None:
        """End the response of an application that could not."""
        if self.is_stalled or self._is_gone or self._is_complete:
            return
        if self._is_started:
            # An orderly end tells a stream's client to come back; a broken one looks like an error.
            with anyio.move_on_after(_LAST_WORDS_SECONDS):
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        elif self._is_late:
            await self.refuse(408, "The request did not arrive in time.")
        elif self.run.cancelled_caught:
            await self.refuse(503, "The server is ending.")

    async def refuse(self, status: int, message: str) -> None:
        """Answer with an error of the server's own."""
        with anyio.move_on_after(_LAST_WORDS_SECONDS):
            await refuse(
                self._send, status, "unavailable", message, retry_after=PATIENCE_SECONDS, as_rpc=self._is_message
            )


async def _readmit(readmission: Readmission, streams: list[_Request]) -> None:
    """End these streams if their client may not go on."""
    try:
        await readmission()
    except (Unauthorized, Forbidden):
        for stream in streams:
            stream.expel()
    except Exception as error:  # noqa: BLE001  what can't be looked up is no revocation, and others are watched on
        _log.info("Whether a stream's key is still good can't be told just now: %s", error)


def _may_have_body(scope: "Scope") -> bool:
    """Whether it is worth looking for a body."""
    return scope["method"] not in {"GET", "HEAD"} or any(
        name in {b"content-length", b"transfer-encoding"} for name, _ in scope["headers"]
    )


def _is_stream(scope: "Scope") -> bool:
    """Whether the response is a stream of notifications, which has no end of its own."""
    return scope["method"] == "GET" or (b"mcp-method", b"subscriptions/listen") in scope["headers"]
