"""Many clients of MCP over streamable HTTP at once, each a connection and next to nothing else."""

import asyncio
import json
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from transport_floor import ENVELOPE

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")


@dataclass(frozen=True, slots=True)
class Load:
    """What many calls took."""

    p50_ms: float
    p99_ms: float
    per_second: float


def call_of(tool: str, arguments: Mapping[str, Any]) -> bytes:
    """A call of a tool, as a whole HTTP request of the era without sessions."""
    params = {"name": tool, "arguments": arguments, "_meta": ENVELOPE}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()
    head = [
        "POST /mcp HTTP/1.1",
        "host: 127.0.0.1:80",
        "content-type: application/json",
        "accept: application/json, text/event-stream",
        "mcp-protocol-version: 2026-07-28",
        "mcp-method: tools/call",
        f"mcp-name: {tool}",
        f"content-length: {len(body)}",
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


async def answer_to(port: int, request: bytes) -> dict[str, Any]:
    """The result of one call.

    Raises:
        RuntimeError: It failed.
    """
    client = _Client(request, 1, 0)
    await _run(port, [client])
    result: dict[str, Any] = json.loads(client.last)["result"]
    if result.get("isError"):
        raise RuntimeError(str(result))
    return result


async def load(port: int, request: bytes, *, clients: int, calls: int) -> Load:
    """Has clients make one call after the other, all at the same time.

    Args:
        port: Of the server on this machine.
        request: The call.
        clients: How many.
        calls: How many calls all of them make, beside one each that does not count.

    Raises:
        RuntimeError: A call failed.
    """
    each = math.ceil(calls / clients)
    made = [_Client(request, each + 1, 1) for _ in range(clients)]
    await _run(port, made)
    taken = sorted(one for client in made for one in client.taken)
    seconds = max(client.ended for client in made) - min(client.began for client in made)
    at = [taken[min(int(len(taken) * part), len(taken) - 1)] * 1000 for part in (0.5, 0.99)]
    return Load(at[0], at[1], len(taken) / seconds)


async def drop(port: int, request: bytes, *, connections: int, at_once: int = 20) -> None:
    """Has clients vanish: every other one in the middle of its request, the rest while it is carried out."""
    for first in range(0, connections, at_once):
        writers = []
        for number in range(first, min(first + at_once, connections)):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request if number % 2 else request[: len(request) // 2])
            writers.append(writer)
        await asyncio.gather(*(writer.drain() for writer in writers))
        for writer in writers:
            writer.transport.abort()


def _itself(client: "_Client") -> "_Client":
    return client


async def _run(port: int, clients: "list[_Client]") -> None:
    loop = asyncio.get_running_loop()
    connections = [await loop.create_connection(partial(_itself, client), "127.0.0.1", port) for client in clients]
    for client in clients:
        client.begin()
    try:
        await asyncio.wait_for(asyncio.gather(*(client.done for client in clients)), 300)
    finally:
        for transport, _ in connections:
            transport.abort()


class _Client(asyncio.Protocol):
    """One connection, on which the same call is made so many times."""

    def __init__(self, request: bytes, calls: int, warm_up: int) -> None:
        self._request = request
        self._left = calls
        self._warm_up = warm_up
        self._data = b""
        self._sent = 0.0
        self._transport: asyncio.WriteTransport
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.taken: list[float] = []
        self.began = self.ended = 0.0
        self.last = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def begin(self) -> None:
        """Makes the first call."""
        self._sent = time.perf_counter()
        if len(self.taken) == 0 and self._warm_up == 0:
            self.began = self.began or self._sent
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, found, body = self._data.partition(b"\r\n\r\n")
        length = _LENGTH.search(head) if found else None
        if found and (length is None or not head.startswith(b"HTTP/1.1 200")):
            self._fail(f"No answer with a length: {self._data[:500]!r}")
        elif length is not None and len(body) >= int(length[1]):
            self._data = b""
            self._answered(body)

    def _answered(self, body: bytes) -> None:
        if b'"isError":true' in body:
            self._fail(body[:500].decode())
            return
        self.last = body
        self.ended = time.perf_counter()
        if self._warm_up:
            self._warm_up -= 1
        else:
            self.taken.append(self.ended - self._sent)
        self._left -= 1
        if self._left:
            self.begin()
        elif not self.done.done():
            self.done.set_result(None)

    def _fail(self, reason: str) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(reason))

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(f"The server closed the connection: {error}")
