"""The line to a container's agent: one stream of bytes, which stands in for the sandbox's socket and its descriptors.

What a devbox passes along with a request, and what it gets with an answer, are pipes of this server; what goes through
them travels in frames. Nothing that the agent says is trusted: it is held to the frames' sizes and the room it has.
"""

import asyncio
import fcntl
import marshal
import os
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from runloop_mcp.devbox.sandbox.channel import OnAnswer

from .frames import HEADER, MOST_ANSWER, MOST_DATA, WINDOW, Kind, frame
from .streams import Inward, Outward

_PATIENCE_SECONDS = 30.0
_KILLED_SECONDS = 0.5


class Carrier(Protocol):
    """A stream of bytes in both directions."""

    def write(self, data: bytes) -> None:
        """Sends bytes; what can't be sent yet waits."""

    async def drained(self) -> None:
        """Returns when not much waits."""

    async def read(self) -> bytes:
        """What comes next; nothing when the other side has ended."""

    def close(self) -> None:
        """Ends it."""


class _Nonsense(Exception):
    """The agent said what no agent says."""


@dataclass(slots=True, eq=False)
class _News:
    """What is told once the output that came before it is written, or has been held up for long."""

    tell: Callable[[], None]
    after: Sequence[tuple[Outward, int]]
    """The outputs that go first, and how far."""
    process: int | None = None
    """Whose end it is."""
    report: int | None = None
    """The stream that it is a part of."""
    timer: asyncio.TimerHandle | None = None


class AgentChannel:
    """Sends requests and hands on answers, until one side closes.

    Args:
        carrier: The stream, owned from now on; `run` reads it.
        on_answer: Called in the event loop with each answer.
        on_closed: Called once, when the agent is gone or has talked nonsense.
        window: How many bytes of a stream of the agent's may be on their way.
    """

    def __init__(
        self, carrier: Carrier, on_answer: OnAnswer, on_closed: Callable[[], None], window: int = WINDOW
    ) -> None:
        self._carrier = carrier
        self._window = window
        self._on_answer = on_answer
        self._on_closed = on_closed
        self._loop = asyncio.get_running_loop()
        self._received = bytearray()
        self._last_stream = 0
        self._outward: dict[int, Outward] = {}
        self._inward: dict[int, Inward] = {}
        self._named: dict[int, Outward] = {}
        """Those of `_outward` that a shell's commands write to."""
        self._reports: set[int] = set()
        """Streams in which a shell tells of its commands."""
        self._of_token: dict[int, list[Outward]] = {}
        self._replies: dict[int, tuple[int, str]] = {}
        """The stream that an answer may open, and what it is: `f` a file, `o` a pipe of output, `i` one of input."""
        self._handed_out: dict[int, int] = {}
        """The stream behind a descriptor that was given away."""
        self._news: list[_News] = []
        self.open = True

    async def run(self) -> None:
        """Takes what the agent says, until it is gone."""
        try:
            while self.open and (data := await self._carrier.read()):
                self._take(data)
        except (OSError, _Nonsense):
            pass
        finally:
            self.close()

    # To the agent

    def send(self, request: Any, descriptors: Sequence[int] = ()) -> None:
        """Sends a request; the caller keeps its descriptors and can close them at once."""
        if not self.open:
            return
        operation, token = request[0], request[1]
        streams = [self._stream_for(descriptor) for descriptor in descriptors]
        if operation == "start":
            outputs = [self._outward[number] for number, way in streams if way == "o"]
            self._of_token[token] = outputs
            if len(request) > 5 and request[5]:
                self._reports.add(outputs[0].number)
        elif operation == "find":
            self._of_token[token] = [self._outward[streams[0][0]]]
        elif operation == "kill":
            self._hurry(request[2])
        reply = self._next_stream()
        if operation in ("read", "fifo"):
            way = "f" if operation == "read" else "i" if request[3] else "o"
            self._replies[token] = (reply, way)
        self._send(Kind.REQUEST, 0, marshal.dumps((reply, streams, request), 4))

    def begin_file(self, request: tuple[Any, ...]) -> int:
        """Sends a request that data follows; gives the stream for `send_data` and `end_data`."""
        number = self._next_stream()
        self._send(Kind.REQUEST, 0, marshal.dumps((number, [], request), 4))
        return number

    async def send_data(self, number: int, data: bytes | memoryview) -> None:
        """Sends data of a file; returns when the engine has taken most of it."""
        self._send(Kind.DATA, number, bytes(data))
        if self.open:
            await self._carrier.drained()

    def end_data(self, number: int) -> None:
        """Ends a file's data."""
        self._send(Kind.END, number)

    def only_write(self, descriptor: int) -> None:
        """Has a pipe that was handed out go on without its reading side in the container."""
        if (number := self._handed_out.get(descriptor)) is not None:
            self._send(Kind.ONLY_WRITE, number)

    def _send(self, kind: Kind, number: int, data: bytes = b"") -> None:
        if self.open:
            self._carrier.write(frame(kind, number, data))

    def _next_stream(self) -> int:
        self._last_stream += 1
        return self._last_stream

    def _stream_for(self, descriptor: int) -> tuple[int, str]:
        """The stream that a descriptor becomes which goes along: the other end of its pipe stays with the caller."""
        number = self._next_stream()
        own = os.dup(descriptor)
        if fcntl.fcntl(own, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY:
            self._outward[number] = Outward(number, own, self._send, self._settle, window=self._window)
            return number, "o"
        self._inward[number] = Inward(number, own, self._send)
        return number, "i"

    # From the agent

    def _take(self, data: bytes) -> None:
        received = self._received
        received += data
        position = 0
        while self.open and len(received) - position >= HEADER:
            length = int.from_bytes(received[position + 5 : position + HEADER], "big")
            if length > MOST_DATA:
                raise _Nonsense
            end = position + HEADER + length
            if len(received) < end:
                break
            number = int.from_bytes(received[position + 1 : position + 5], "big")
            self._frame(received[position], number, bytes(received[position + HEADER : end]))
            position = end
        del received[:position]

    def _frame(self, kind: int, number: int, data: bytes) -> None:
        if kind == Kind.ANSWER:
            self._answer(data)
        elif kind == Kind.DATA:
            if (outward := self._outward.get(number)) is None:
                return  # nobody wants it any more
            if number in self._reports:
                self._tell_later(
                    _News(lambda: self._hand_on(outward, data), _so_far(self._named.values()), report=number)
                )
            else:
                self._hand_on(outward, data)
        elif kind == Kind.END:
            self._end(number)
        elif kind == Kind.ROOM and len(data) == 4:
            if (inward := self._inward.get(number)) is not None:
                inward.more_room(int.from_bytes(data, "big"))
        else:
            raise _Nonsense

    @staticmethod
    def _hand_on(outward: Outward, data: bytes) -> None:
        if not outward.take(data):
            raise _Nonsense

    def _end(self, number: int) -> None:
        self._reports.discard(number)
        if (outward := self._outward.pop(number, None)) is not None:
            self._named.pop(number, None)
            if any(news.report == number for news in self._news):
                self._tell_later(_News(outward.end, (), report=number))
            else:
                outward.end()
        elif (inward := self._inward.pop(number, None)) is not None:
            inward.close()

    def _answer(self, data: bytes) -> None:
        if len(data) > MOST_ANSWER:
            raise _Nonsense
        word, _, rest = data.partition(b" ")
        numbers = rest.split(b" ", 2)
        try:
            token, number = int(numbers[0]), int(numbers[1])
            answer = (word.decode("ascii"), token, number, b"".join(numbers[2:]).decode(errors="replace"))
        except (ValueError, IndexError) as error:
            raise _Nonsense from error
        reply = self._replies.pop(token, None)
        if answer[0] == "exit":
            outputs = self._of_token.pop(token, [])
            self._tell_later(_News(lambda: self._on_answer(*answer, None), _so_far(outputs), process=token))
            return
        descriptor = None
        if answer[0] == "opened" and reply is not None:
            descriptor = self._open_reply(*reply)
        self._on_answer(*answer, descriptor)

    def _open_reply(self, number: int, way: str) -> int:
        ours, theirs = socket.socketpair()
        handed_out = ours.detach()
        if way == "i":
            self._inward[number] = Inward(number, theirs.detach(), self._send)
            self._handed_out[handed_out] = number
        else:
            outward = Outward(number, theirs.detach(), self._send, self._settle, is_socket=True, window=self._window)
            self._outward[number] = outward
            if way == "o":
                self._named[number] = outward
        return handed_out

    # What has to wait for output

    def _tell_later(self, news: _News) -> None:
        self._news.append(news)
        self._settle()
        if news in self._news:
            news.timer = self._loop.call_later(_PATIENCE_SECONDS, self._tell, news)

    def _settle(self) -> None:
        held: set[int] = set()  # reports whose beginning still waits
        for news in list(self._news):
            if news not in self._news:  # told by one of those before
                continue
            ready = news.report not in held and all(
                output.reaches(far) and output.number not in held for output, far in news.after
            )
            if ready:
                self._tell(news)
            elif news.report is not None:
                held.add(news.report)

    def _tell(self, news: _News) -> None:
        if news in self._news:
            self._news.remove(news)
            if news.timer is not None:
                news.timer.cancel()
            try:
                news.tell()
            except _Nonsense:
                self.close()

    def _hurry(self, token: int) -> None:
        """A process is being killed: its end does not wait long for somebody who takes its output slowly."""
        for news in self._news:
            if news.process == token and news.timer is not None:
                news.timer.cancel()
                news.timer = self._loop.call_later(_KILLED_SECONDS, self._tell, news)

    def close(self) -> None:
        """Closes this end; `on_closed` is called if it was open."""
        if not self.open:
            return
        self.open = False
        self._carrier.close()
        for news in self._news:
            if news.timer is not None:
                news.timer.cancel()
        self._news.clear()
        for outward in self._outward.values():
            outward.close()
        for inward in self._inward.values():
            inward.close()
        self._on_closed()


def _so_far(outputs: Iterable[Outward]) -> list[tuple[Outward, int]]:
    return [(output, output.received) for output in outputs]
