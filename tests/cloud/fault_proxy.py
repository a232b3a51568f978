"""A proxy before the REST face that breaks what goes through it, over real sockets.

Every so manieth answer is a fault, each kind in its turn: so few requests meet them all.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit


class Fault(StrEnum):
    """What becomes of an answer."""

    TOO_MANY = "429"
    BROKEN = "500"
    BUSY = "503"
    BROKEN_AFTER = "500 after it was done"
    BUSY_AFTER = "503 after it was done"
    CUT = "cut in the middle"
    LATE = "later than anyone waits"
    TWICE = "sent twice"


@dataclass(slots=True)
class Request:
    """A request as it came: its first line, headers and body."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def path(self) -> str:
        """Without the query."""
        return self.target.partition("?")[0]


@dataclass(slots=True)
class Answer:
    """An answer as it came."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


Change = Callable[[Any], Any]
"""Makes another value of the JSON of an answer."""


@dataclass(slots=True)
class FaultProxy:
    """Counts what goes through, and breaks some of it.

    Args:
        upstream: The address of the server.
        faults: The kinds of fault, in turn; none where empty.
        every: Every so manieth answer is one.
        late_seconds: How long a late answer is held back.
        change: What becomes of every answer that is JSON.
    """

    upstream: str
    faults: Sequence[Fault] = ()
    every: int = 10
    late_seconds: float = 5
    change: Change | None = None
    requests: Counter[str] = field(default_factory=Counter)
    """How often each method and path was asked for, ids left out."""
    injected: Counter[Fault] = field(default_factory=Counter)
    url: str = ""
    _count: int = 0
    _turn: Any = None

    def next_fault(self) -> Fault | None:
        """The fault of the next answer, if it is one's turn."""
        self._count += 1
        if not self.faults or self._count % self.every:
            return None
        self._turn = self._turn or cycle(self.faults)
        fault: Fault = next(self._turn)
        self.injected[fault] += 1
        return fault

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while (request := await _read_request(reader)) is not None:
                self.requests[f"{request.method} {_without_ids(request.path)}"] += 1
                if not await self._answer(request, reader, writer):
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def _answer(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answers; False where the connection ends with it."""
        fault = self.next_fault()
        if fault in {Fault.TOO_MANY, Fault.BROKEN, Fault.BUSY}:
            await _send(writer, _failure(int(fault.value)))
            return True
        if fault is Fault.TWICE:
            _, answer = await asyncio.gather(self._forward(request), self._forward(request))
        else:
            answer = await self._forward(request)
        if fault in {Fault.BROKEN_AFTER, Fault.BUSY_AFTER}:
            await _send(writer, _failure(int(fault.value[:3])))
            return True
        if fault is Fault.CUT:
            await _send(writer, answer, cut=True)
            return False
        if fault is Fault.LATE:
            try:
                # The client goes when it has waited long enough; what it may send before is of no use any more.
                await asyncio.wait_for(reader.read(), self.late_seconds)
            except TimeoutError:
                await _send(writer, answer)
            return False
        await _send(writer, answer)
        return True

    async def _forward(self, request: Request) -> Answer:
        parts = urlsplit(self.upstream)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            kept = [(name, value) for name, value in request.headers if name.lower() != "connection"]
            head = "".join(f"{name}: {value}\r\n" for name, value in [*kept, ("connection", "close")])
            writer.write(f"{request.method} {request.target} HTTP/1.1\r\n{head}\r\n".encode() + request.body)
            await writer.drain()
            answer = await _read_answer(reader)
        finally:
            writer.close()
        if self.change is not None and ("content-type", "application/json") in answer.headers:
            answer.body = json.dumps(self.change(json.loads(answer.body))).encode()
        return answer


@asynccontextmanager
async def proxying(proxy: FaultProxy) -> AsyncIterator[FaultProxy]:
    """The proxy, listening."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        await proxy.serve(reader, writer)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def _failure(status: int) -> Answer:
    headers = [("content-type", "application/json")]
    if status == 429:
        headers.append(("retry-after-ms", "50"))
    return Answer(status, headers, json.dumps({"code": "fault", "message": f"Injected {status}."}).encode())


async def _read_head(reader: asyncio.StreamReader) -> tuple[str, list[tuple[str, str]]] | None:
    try:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.IncompleteReadError:
        return None
    headers = [(name.lower(), value) for name, _, value in (line.partition(": ") for line in lines[1:] if line)]
    return lines[0], headers


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    head = await _read_head(reader)
    if head is None:
        return None
    method, target, _ = head[0].split(" ")
    length = int(dict(head[1]).get("content-length", 0))
    return Request(method, target, head[1], await reader.readexactly(length))


async def _read_answer(reader: asyncio.StreamReader) -> Answer:
    head = await _read_head(reader)
    if head is None:
        raise ConnectionError("the server ended the connection")
    headers = dict(head[1])
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
    elif "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    else:
        body = await reader.read()
    kept = [
        (name, value) for name, value in head[1] if name not in {"transfer-encoding", "content-length", "connection"}
    ]
    return Answer(int(head[0].split(" ")[1]), kept, body)


async def _send(writer: asyncio.StreamWriter, answer: Answer, *, cut: bool = False) -> None:
    headers = [*answer.headers, ("content-length", str(len(answer.body)))]
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    body = answer.body[: len(answer.body) // 2] if cut else answer.body
    writer.write(f"HTTP/1.1 {answer.status} Answered\r\n{head}\r\n".encode("latin-1") + body)
    await writer.drain()


def _without_ids(path: str) -> str:
    return "/".join("{id}" if len(part) == 25 and part[3] == "_" else part for part in path.split("/"))
