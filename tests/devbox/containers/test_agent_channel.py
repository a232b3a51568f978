"""What a server does with an agent that a solver has taken over: nothing that it says is believed."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator

import anyio
import pytest
import pytest_asyncio
from boxes import PATIENCE_SECONDS

from runloop_mcp.devbox.docker.attachment import Attachment
from runloop_mcp.devbox.docker.channel import AgentChannel
from runloop_mcp.devbox.docker.frames import MOST_ANSWER, MOST_DATA, WINDOW, Kind, frame

STDOUT, STDERR = 1, 2


class Line:
    """A channel whose other end the test speaks for."""

    def __init__(self) -> None:
        self.answers: asyncio.Queue[tuple[str, int, int]] = asyncio.Queue()
        self.closed = anyio.Event()
        self.channel: AgentChannel
        self.attachment: Attachment
        self.writer: asyncio.StreamWriter

    def heard(self, word: str, token: int, number: int, _text: str, descriptor: int | None) -> None:
        """Keeps an answer."""
        if descriptor is not None:
            os.close(descriptor)
        self.answers.put_nowait((word, token, number))

    async def say(self, *data: bytes, stream: int = STDOUT) -> None:
        """Says something as a container does, through the engine."""
        for each in data:
            self.writer.write(bytes([stream, 0, 0, 0]) + len(each).to_bytes(4, "big") + each)
        await self.writer.drain()


@pytest_asyncio.fixture
async def line() -> AsyncIterator[Line]:
    """A channel that runs."""
    line = Line()
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    _, line.writer = await asyncio.open_connection(sock=theirs)
    line.attachment = Attachment(reader, writer)
    line.channel = AgentChannel(line.attachment, line.heard, line.closed.set)
    running = asyncio.create_task(line.channel.run())
    yield line
    line.channel.close()
    line.writer.close()
    await running


def _start(line: Line, token: int = 1) -> tuple[int, int, int]:
    """Sends a request to start something; gives the reading ends of its outputs and the first stream's number."""
    outs, errs = os.pipe(), os.pipe()
    line.channel.send(("start", token, [], b"/", {}), [outs[1], errs[1]])
    os.close(outs[1])
    os.close(errs[1])
    return outs[0], errs[0], 1


@pytest.mark.parametrize(
    "said",
    [
        frame(Kind.ANSWER, 0, b"ready"),
        frame(Kind.ANSWER, 0, b"ready zero one"),
        frame(Kind.ANSWER, 0, b"\xff 0 0"),
        frame(Kind.ANSWER, 0, b"ready 0 0 " + b"x" * MOST_ANSWER),
        frame(Kind.DATA, 1, b"x" * (MOST_DATA + 1)),
        b"D" + b"\0\0\0\1" + b"\xff\xff\xff\xff",
        frame(Kind.ROOM, 1, b"\1\1\1"),
        frame(Kind.REQUEST, 0, b"x"),
        b"?" + bytes(8),
        b"HTTP/1.1 400 Bad Request\r\n",
    ],
)
async def test_nonsense_ends_the_channel(line: Line, said: bytes) -> None:
    """What no agent says closes the line; nothing is handed on and nothing waits for ever."""
    outs, errs, _ = _start(line)
    await line.say(said)
    with anyio.fail_after(PATIENCE_SECONDS):
        await line.closed.wait()
    assert line.answers.empty()
    for end in (outs, errs):
        assert os.read(end, 1) == b"", "what waits for output sees its end"
        os.close(end)


async def test_more_than_its_room_ends_the_channel(line: Line) -> None:
    """Data that nobody takes is bounded: an agent that sends more than it was given room for is cut off."""
    outs, errs, number = _start(line)
    part = frame(Kind.DATA, number, b"x" * MOST_DATA)
    await line.say(*[part] * (WINDOW // MOST_DATA))
    await line.say(frame(Kind.ANSWER, 0, b"started 1 0"))
    with anyio.fail_after(PATIENCE_SECONDS):
        assert await line.answers.get() == ("started", 1, 0)
        assert line.channel.open
        await line.say(*[part] * 4)
        await line.closed.wait()
    os.close(outs)
    os.close(errs)


async def test_what_nobody_asked_for_is_dropped(line: Line) -> None:
    """Data, ends and room of streams that there are not change nothing, nor does an answer that opens unasked."""
    await line.say(frame(Kind.DATA, 77, b"x"), frame(Kind.END, 77), frame(Kind.ROOM, 77, bytes(4)))
    await line.say(b"whatever", stream=STDERR)
    await line.say(frame(Kind.ANSWER, 0, b"opened 5 0"))
    with anyio.fail_after(PATIENCE_SECONDS):
        assert await line.answers.get() == ("opened", 5, 0)
    assert line.channel.open
    assert line.attachment.said == b"whatever"


async def test_an_end_waits_for_the_output_before_it(line: Line) -> None:
    """The end of a process is told when what it printed has been taken, however the bytes were cut into pieces."""
    outs, errs, number = _start(line)
    data = os.urandom(3 * MOST_DATA)
    frames = [frame(Kind.DATA, number, data[at : at + MOST_DATA]) for at in range(0, len(data), MOST_DATA)]
    frames += [frame(Kind.END, number), frame(Kind.ANSWER, 0, b"exit 1 0")]
    whole = b"".join(frames)
    await line.say(*(whole[at : at + 40_001] for at in range(0, len(whole), 40_001)))
    taken = b""
    with anyio.fail_after(PATIENCE_SECONDS):
        while len(taken) < len(data):
            if len(data) - len(taken) > MOST_DATA:  # more than the pipe here holds
                assert line.answers.empty()
            taken += await anyio.to_thread.run_sync(os.read, outs, 50_000)
        assert await line.answers.get() == ("exit", 1, 0)
    assert taken == data
    os.close(outs)
    os.close(errs)
