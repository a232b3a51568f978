"""Output of an execution as server-sent events, from any byte on, until the execution completes.

An event is `data: {"output": …, "offset": N}`, where N is the byte just past the output: whoever was cut off goes on
with `?offset=N`. There is never an `id:` field, which the clients of the wire can't read.
"""

import json
import logging
from typing import Final

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from runloop_mcp.api.errors import ApiError
from runloop_mcp.api.groups.devboxes import Devboxes
from runloop_mcp.api.models.devbox import OutputRange, OutputStream
from runloop_mcp.rest.attendance import cancel_when_gone

KEEP_ALIVE_SECONDS: Final = 10.0
"""How long nothing may be sent: clients give up a stream that is silent for 30 seconds."""

CHUNK_BYTES: Final = 64_000
"""How much output an event holds at most."""

_LAST_WORDS_SECONDS: Final = 0.3
_KEEP_ALIVE: Final = b": keep-alive\n\n"
_END: Final = {"type": "http.response.body", "body": b"", "more_body": False}
_HEADERS: Final = {"cache-control": "no-cache", "x-accel-buffering": "no"}

_log = logging.getLogger(__name__)


class OutputSource:
    """One stream of an execution, read on from an offset.

    Args:
        devboxes: Where it is read.
        devbox_id: The devbox.
        execution_id: The execution.
        stream: Which of its two streams.
    """

    def __init__(self, devboxes: Devboxes, devbox_id: str, execution_id: str, stream: OutputStream) -> None:
        self._devboxes = devboxes
        self._devbox_id = devbox_id
        self._execution_id = execution_id
        self._stream = stream

    async def read(self, offset: int, wait_seconds: float) -> OutputRange:
        """What comes after the offset, once there is something or the wait is over.

        Raises:
            NotFound: There is no such execution, or its output is no longer kept.
        """
        return await self._devboxes.read_output(
            self._devbox_id,
            self._execution_id,
            self._stream,
            offset=offset,
            limit=CHUNK_BYTES,
            wait_seconds=wait_seconds,
        )


async def stream_output(source: OutputSource, offset: int) -> Response:
    """The answer that streams output from a byte on.

    Raises:
        NotFound: There is no such execution, or its output is no longer kept.
    """
    return OutputEvents(source, offset, await source.read(offset, 0))


class OutputEvents(Response):
    """The events of one stream.

    Args:
        source: What is streamed.
        offset: The byte to begin with; one that is not there yet is waited for.
        first: What was read there.
    """

    media_type = "text/event-stream"

    def __init__(self, source: OutputSource, offset: int, first: OutputRange) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._source = source
        self._offset = offset
        self._next = first

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI passes it
        """Sends events until the execution completes, the client goes away, or the server ends."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        whole = False
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(cancel_when_gone, receive, tasks.cancel_scope)
            try:
                await self._send_all(send)
                whole = True
            except ApiError as error:
                _log.info("The output of an execution could not be streamed to its end: %s", error)
                await _send_body(send, _error_event(error.status, str(error)))
                whole = True
            tasks.cancel_scope.cancel()
        if not whole:
            # An orderly end would read as the end of the output; after this the client comes back for the rest.
            with anyio.move_on_after(_LAST_WORDS_SECONDS, shield=True):
                await _send_body(send, _error_event(408, "The stream was interrupted; resume at the last offset."))
                await send(_END)
            return
        await send(_END)

    async def _send_all(self, send: Send) -> None:
        while True:
            found = self._next
            if found.next_offset > self._offset:
                self._offset = found.next_offset
                await _send_body(send, _event(found))
            elif found.complete:
                return
            else:
                await _send_body(send, _KEEP_ALIVE)
            self._next = await self._source.read(self._offset, KEEP_ALIVE_SECONDS)


async def _send_body(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


def _event(found: OutputRange) -> bytes:
    # ASCII alone, as some parsers of events take more than the two line ends of the standard for the end of a line.
    return b"data: " + json.dumps({"output": found.text, "offset": found.next_offset}).encode() + b"\n\n"


def _error_event(status: int, message: str) -> bytes:
    """An error in the middle of a stream; its code is the status, as it can't be in the head any more."""
    return b"event: error\ndata: " + json.dumps({"code": status, "message": message}).encode() + b"\n\n"
