"""The line to an agent: its execution's standard input one way, its standard output as a stream of events the other.

`inside/agent.py` tells what goes over it. What the API delivers twice is passed over, and a broken stream is asked for
again from where it ended, so that nothing is lost for a connection that is.
"""

import asyncio
import binascii
from collections.abc import AsyncIterator

import anyio
import httpx

from runloop_mcp.api.errors import ApiError, Conflict
from runloop_mcp.api.models.devbox import ExecutionStatus
from runloop_mcp.client.failures import error_of
from runloop_mcp.client.wire import Refused

from .bootstrap import modules
from .calls import Calls, not_there

_MOST_AT_ONCE = 192 << 10
_MANY_WAIT = 1 << 20
_TURN_AFTER = 16 << 20
"""How much text one execution is asked to carry: the API keeps it all, and not without end."""
_MOST_KEPT = 1 << 20
_PATIENCE_SECONDS = 60.0
_FULL_SECONDS = 0.05
_AGAIN_SECONDS = 0.1
_LONGEST_AGAIN_SECONDS = 2.0


class Line:
    """A stream of bytes to and from an agent.

    Args:
        calls: The API.
        devbox_id: The devbox, as the API calls it.
        execution_id: The agent's execution.
        folder: The agent's folder in the devbox.
    """

    def __init__(self, calls: Calls, devbox_id: str, execution_id: str, folder: str) -> None:
        self._calls = calls
        self._devbox_id = devbox_id
        self._execution_id = execution_id
        self._folder = folder
        self._out = execution_id
        """The execution that carries the agent's output now."""
        self._offset = 0
        self._carried = 0
        self._turns = 0
        self._turning = False
        self._text = ""
        """The beginning of a line."""
        self._heard = 0
        self._said = 0
        self._pending = bytearray()
        self._orders: list[str] = []
        self._more = asyncio.Event()
        self._room = asyncio.Event()
        self._parts = self._read_on()
        self._scope: anyio.CancelScope | None = None
        self.open = True
        self.why = ""
        """Why it ended, in a sentence; empty: it was closed, or the agent ended."""

    # To the agent

    def write(self, data: bytes) -> None:
        """Sends bytes, as soon as what was written before is sent."""
        self._pending += data
        self._more.set()

    async def drained(self) -> None:
        """Returns when not much waits."""
        while self.open and len(self._pending) > _MANY_WAIT:
            self._room.clear()
            await self._room.wait()

    async def write_on(self) -> None:
        """Sends what is written, until the line is closed; the agent's code first."""
        try:
            await self._send(modules())
            while self.open:
                await self._more.wait()
                if not self.open:
                    return
                await self._send(self._next_lines())
        except ApiError as error:
            self.end(f"Its agent can't be reached: {error.message}")

    def _next_lines(self) -> str:
        lines = []
        while self._orders:
            self._said += 1
            lines.append(f"!{self._said} {self._orders.pop(0)}\n")
        if self._pending:
            data = bytes(self._pending[:_MOST_AT_ONCE])
            del self._pending[:_MOST_AT_ONCE]
            self._said += 1
            lines.append(f":{self._said} {binascii.b2a_base64(data, newline=False).decode('ascii')}\n")
        if not self._pending:
            self._more.clear()
        if len(self._pending) <= _MANY_WAIT:
            self._room.set()
        return "".join(lines)

    async def _send(self, text: str) -> None:
        while text and self.open:
            try:
                await self._calls.send_stdin(self._devbox_id, self._execution_id, text)
            except Conflict:  # the agent has not read what was sent before
                await anyio.sleep(_FULL_SECONDS)
            else:
                return

    # From the agent

    async def read(self) -> bytes:
        """What comes next; nothing when the agent has ended, or the line."""
        if not self.open:
            return b""
        with anyio.CancelScope() as self._scope:
            return await anext(self._parts, b"")
        return b""

    async def _read_on(self) -> AsyncIterator[bytes]:
        pause = _AGAIN_SECONDS
        silent_since = anyio.current_time()
        while self.open:
            try:
                async with self._calls.stdout(self._devbox_id, self._out, self._offset) as events:
                    async for text, offset in events:
                        pause, silent_since = _AGAIN_SECONDS, anyio.current_time()
                        turned = self._turns
                        if data := self._heard_in(text, offset):
                            yield data
                        if self._turns != turned:
                            break
                if self.why:
                    return
                if self._turns == 0 or not self._turned:
                    pass
            except (httpx.TransportError, TimeoutError, Refused) as failure:
                if anyio.current_time() - silent_since > _PATIENCE_SECONDS:
                    self.end(f"The Runloop API can't be reached: {_reason(failure)}.")
                    return
            if await self._has_ended(silent_since):
                return
            await anyio.sleep(pause)
            pause = min(pause * 2, _LONGEST_AGAIN_SECONDS)

    def end(self, why: str) -> None:
        """Ends the line because it can't go on."""
        self.why = self.why or why
        self.close()

    def close(self) -> None:
        """Ends the line."""
        if self.open:
            self.open = False
            self._more.set()
            self._room.set()
            if self._scope is not None:
                self._scope.cancel()
