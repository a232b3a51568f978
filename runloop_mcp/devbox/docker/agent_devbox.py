"""A devbox whose agent answers on a stream of bytes, seen from outside: its shells' pipes and its files."""

import asyncio
import errno
import socket
import stat
from abc import ABC
from collections.abc import Callable

import anyio

from runloop_mcp.api.errors import ApiError, InvalidRequest, Unavailable
from runloop_mcp.devbox.port import DevboxSpec, FileData
from runloop_mcp.devbox.sandbox.channel import OnAnswer
from runloop_mcp.devbox.sandbox.files import MAX_READ, file_failure
from runloop_mcp.devbox.sandbox.process import Spawn
from runloop_mcp.devbox.sandbox.supervised import SupervisedDevbox
from runloop_mcp.devbox.to_the_end import to_the_end

from .channel import AgentChannel, Carrier
from .frames import WINDOW

_ABOUT = 12
_CHUNK = 64 << 10
_ANSWER_SECONDS = 30.0
_READ_SECONDS = 120.0


class AgentDevbox(SupervisedDevbox, ABC):
    """A devbox with an agent in it.

    Args:
        devbox_id: Its id.
        spec: What it is made of.
        carrier: The stream to its agent, owned from now on.
        spawn: Runs what must go on when nobody waits.
        window: How many bytes of a stream of the agent's may be on their way, as the agent has it too.
    """

    def __init__(
        self, devbox_id: str, spec: DevboxSpec, carrier: Carrier, spawn: Spawn, *, window: int = WINDOW
    ) -> None:
        self._agent: AgentChannel

        def connect(on_answer: OnAnswer, on_closed: Callable[[], None]) -> AgentChannel:
            self._agent = AgentChannel(carrier, on_answer, on_closed, window)
            return self._agent

        super().__init__(devbox_id, spec, connect, spawn)
        spawn(self._agent.run)

    # Its shells' pipes

    async def make_fifo(self, name: str, *, both_ways: bool) -> int:  # noqa: D102 - see the base
        gone, self._gone_fifos = self._gone_fifos, []
        word, number, opened = await self._ask("fifo", name.encode(), both_ways, gone)
        if word == "opened" and opened is not None:
            return opened
        raise Unavailable(f"The shell gets no pipe for its command: error {number or errno.EIO}.")

    def writing_end(self, descriptor: int) -> int:  # noqa: D102 - see the base
        self._agent.only_write(descriptor)
        with socket.socket(fileno=descriptor) as taken:
            try:
                return taken.dup().detach()
            finally:
                taken.detach()

    # Files

    async def read_file(self, path: str, *, offset: int = 0, limit: int | None = None) -> FileData:  # noqa: D102 - see the port
        most = MAX_READ if limit is None else min(limit, MAX_READ)
        word, number, opened = await self._ask("read", self._path(path), offset, most)
        if word != "opened" or opened is None:
            raise file_failure(number, path, "read")
        with socket.socket(fileno=opened) as content:
            content.setblocking(False)
            try:
                with anyio.fail_after(_READ_SECONDS):
                    about = await _taken(content, _ABOUT)
                    size, mode = int.from_bytes(about[:8], "big"), int.from_bytes(about[8:], "big")
                    if limit is None and size - offset > MAX_READ:
                        raise InvalidRequest(
                            f"{path} holds {size} bytes, more than is read at once.",
                            hint=f"Read it in parts with offset and limit, of up to {MAX_READ} bytes each.",
                        )
                    data = await _taken(content, most)
            except TimeoutError as error:
                self.end("Its agent did not send a file.")
                raise self._gone() from error
        if len(about) < _ABOUT or (len(data) < min(most, size - offset) and not self.alive):
            raise file_failure(errno.EIO, path, "read") if self.alive else self._gone()
        return FileData(data, size, stat.S_IMODE(mode))

    async def write_file(self, path: str, data: bytes, *, mode: int | None = None) -> None:  # noqa: D102 - see the port
        async with self._gate.change():
            await to_the_end(self._write(path, data, mode))

    async def _write(self, path: str, data: bytes, mode: int | None) -> None:
        if not self.alive:
            raise self._gone()
        where = self._path(path)
        self._last_token += 1
        token = self._last_token
        call = self._calls[token] = asyncio.get_running_loop().create_future()
        number = self._agent.begin_file(("write", token, where, -1 if mode is None else stat.S_IMODE(mode), len(data)))
        view = memoryview(data)
        for position in range(0, len(data), _CHUNK):
            if call.done():  # it could not be opened
                break
            try:
                await self._agent.send_data(number, view[position : position + _CHUNK])
            except OSError as error:
                raise self._gone() from error
        self._agent.end_data(number)
        try:
            with anyio.fail_after(_ANSWER_SECONDS):
                word, failure, _ = await asyncio.shield(call)
        except TimeoutError as error:
            self.end("Its agent did not answer.")
            raise self._gone() from error
        if word != "done":
            raise _write_failure(failure, path)


def _write_failure(number: int, path: str) -> ApiError:
    return file_failure(number, path, "write")


async def _taken(content: socket.socket, size: int) -> bytes:
    """So much of what comes out of a socket; less where it ends before."""
    loop = asyncio.get_running_loop()
    data = bytearray()
    while len(data) < size and (part := await loop.sock_recv(content, min(size - len(data), 1 << 20))):
        data += part
    return bytes(data)
