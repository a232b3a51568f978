"""A server that answers as a test tells it to, over a real socket, and remembers what it was asked."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Its body."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send back."""

    status: int = 200
    body: Any = None
    """Bytes, or what becomes JSON."""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    """Whether the connection ends in the middle of the body."""
    dripping: bool = False
    """Whether the body comes byte by byte, each soon enough and all of them never."""
    silent: bool = False
    """Whether nothing is sent at all until the client goes."""


Script = Callable[[Asked], Answer | Awaitable[Answer]]


class ScriptedServer:
    """A server on a port of its own."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.asked: list[Asked] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while (asked := await _read(reader)) is not None:
                self.asked.append(asked)
                answer = self._script(asked)
                if not isinstance(answer, Answer):
                    answer = await answer
                if answer.silent:
                    await reader.read()
                    return
                if not await _write(writer, answer):
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(*answers: Answer, script: Script | None = None) -> AsyncIterator[ScriptedServer]:
    """A server that follows a script, or gives these answers, the last of them for ever."""
    left = list(answers)
    scripted = ScriptedServer(script or (lambda _: left.pop(0) if len(left) > 1 else left[0]))
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        await scripted.serve(reader, writer)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    scripted.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield scripted
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    except asyncio.IncompleteReadError:
        return None
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    else:
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    path, _, query = target.partition("?")
    return Asked(method, path, query, headers, body)


async def _write(writer: asyncio.StreamWriter, answer: Answer) -> bool:
    """Sends it; False where the connection ends with it."""
    body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), **answer.headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"HTTP/1.1 {answer.status} Said\r\n{head}\r\n".encode())
    if answer.dripping:
        for position in range(len(body)):
            writer.write(body[position : position + 1])
            await writer.drain()
            await asyncio.sleep(0.05)
    else:
        writer.write(body[: len(body) // 2] if answer.cut else body)
    await writer.drain()
    return not answer.cut
