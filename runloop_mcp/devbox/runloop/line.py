"""The line to an agent: its execution's standard input one way, its standard output as a stream of events the other.

`inside/agent.py` tells what goes over it. What the API delivers twice is passed over, and the client asks for a broken
stream again from where it ended, so that nothing is lost for a connection that is.
"""

import asyncio
import binascii
import contextlib
import zlib
from collections.abc import AsyncIterator

import anyio

from runloop_mcp.api.errors import ApiError, Conflict
from runloop_mcp.api.models.devbox import OutputStream
from runloop_mcp.client.runloop_client import RunloopClient
from runloop_mcp.devbox.docker.frames import HEADER, MOST_DATA

from .bootstrap import modules

_MOST_AT_ONCE = 192 << 10
_MANY_WAIT = 1 << 20
_TURN_AFTER = 16 << 20
"""How much text one execution is asked to carry: the API keeps it all, and not without end."""
_LONGEST_LINE = 256 << 10
_FULL_SECONDS = 0.05


class _Broken(Exception):
    """The line can't go on; the message says why."""


class Line:
    """A stream of bytes to and from an agent.

    Args:
        client: The API.
        devbox_id: The devbox, as the API calls it.
        execution_id: The agent's execution.
        folder: The agent's folder in the devbox.
    """

    def __init__(self, client: RunloopClient, devbox_id: str, execution_id: str, folder: str) -> None:
        self._client = client
        self._devbox_id = devbox_id
        self._execution_id = execution_id
        self._folder = folder
        self._said = self._heard = 0
        """The numbers of the last lines in each direction."""
        self._pending = bytearray()
        self._turns = self._turns_asked = 0
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
                self._more.clear()
                while lines := self._next_lines():
                    await self._send(lines)
        except ApiError as error:
            self._end(f"Its agent can't be reached: {error.message}")

    def _next_lines(self) -> str:
        lines = []
        if self._turns_asked > self._turns:
            self._turns = self._turns_asked
            self._said += 1
            lines.append(f"!{self._said} {self._turns}\n")
        if self.open and (data := bytes(self._pending[:_MOST_AT_ONCE])):
            del self._pending[:_MOST_AT_ONCE]
            self._said += 1
            lines.append(f":{self._said} {binascii.b2a_base64(data, newline=False).decode('ascii')}\n")
        if len(self._pending) <= _MANY_WAIT:
            self._room.set()
        return "".join(lines)

    async def _send(self, text: str) -> None:
        while self.open:
            with contextlib.suppress(Conflict):  # the agent has not read what was sent before
                await self._client.executions.send_stdin(self._devbox_id, self._execution_id, text=text)
                return
            await anyio.sleep(_FULL_SECONDS)

    # From the agent

    async def read(self) -> bytes:
        """What comes next; nothing when the agent has ended, or the line."""
        if not self.open:
            return b""
        with anyio.CancelScope() as self._scope:
            return await anext(self._parts, b"")
        return b""

    async def _read_on(self) -> AsyncIterator[bytes]:
        execution_id = self._execution_id
        try:
            while True:
                turn = 0
                async for data, following in self._lines_of(execution_id):
                    turn = following
                    if data:
                        yield data
                if not turn:
                    return
                pipe = f"{self._folder}/out-{turn}"
                command = f"exec 3<{pipe}; rm -f {pipe}; exec cat <&3"
                execution_id = (await self._client.executions.start(self._devbox_id, command)).execution_id
        except ApiError as error:
            self._end(f"Its agent can't be heard: {error.message}")
        except _Broken as error:
            self._end(str(error))

    async def _lines_of(self, execution_id: str) -> AsyncIterator[tuple[bytes, int]]:
        """What the lines of one execution's output carry, until it ends or another takes over: that one's turn."""
        carried, rest, asked = 0, "", False
        chunks = self._client.executions.stream(self._devbox_id, execution_id, OutputStream.STDOUT)
        async with contextlib.aclosing(chunks):
            async for chunk in chunks:
                carried += len(chunk.text)
                # Once, and by then this one's pipe has a reader: one that is left before it has would lose all.
                if carried > _TURN_AFTER and not asked:
                    asked = True
                    self._turns_asked += 1
                    self._more.set()
                *lines, rest = (rest + chunk.text).split("\n")
                if len(rest) > _LONGEST_LINE:
                    raise _Broken("Its agent talked nonsense.")
                data = bytearray()
                for line in lines:
                    turn = self._take(line, data)
                    if turn:
                        yield bytes(data), turn
                        return
                yield bytes(data), 0

    def _take(self, line: str, data: bytearray) -> int:
        """Adds what a line carries; returns the turn that the next line comes in, where that is another."""
        mark, (number, _, text) = line[:1], line[1:].partition(" ")
        if mark not in (":", "~", "!") or not number.isdecimal():
            return 0  # what a shell has to say for itself
        if int(number) <= self._heard:
            return 0
        self._heard += 1
        if int(number) != self._heard:
            raise _Broken("A part of what its agent said was lost.")
        try:
            if mark == "!":
                return int(text)
            part = binascii.a2b_base64(text)
            data += _spread(part) if mark == "~" else part
        except (ValueError, zlib.error):
            raise _Broken("Its agent talked nonsense.") from None
        return 0

    def _end(self, why: str) -> None:
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


def _spread(squeezed: bytes) -> bytes:
    """A compressed frame as it was; no agent says more at once.

    Raises:
        ValueError: This is more.
    """
    spread = zlib.decompressobj()
    data = spread.decompress(squeezed, MOST_DATA + HEADER)
    if not spread.eof:
        raise ValueError("too much")
    return data
