"""Clients that are many, and that say nothing or read nothing: none of them has a key, and none harms another."""

from pathlib import Path
from urllib.parse import urlsplit

import anyio
import h2.connection
import h2.events
import pytest
from anyio.abc import SocketStream
from h2.settings import SettingCodes
from test_authentication import Served, serving

from runloop_mcp.server.transports import asgi_server, requests


async def connected(served: Served) -> SocketStream:
    """A connection that has said nothing."""
    address = urlsplit(served.url)
    return await anyio.connect_tcp(address.hostname or "", address.port or 0)


class Http2:
    """A client of HTTP/2 without manners.

    Args:
        stream: Its connection.
        window: How many bytes of an answer it takes.
    """

    def __init__(self, stream: SocketStream, window: int = 65_535) -> None:
        self._stream = stream
        self._connection = h2.connection.H2Connection()
        self._window = window
        self._next = 1

    async def begin(self) -> "Http2":
        """Greets."""
        self._connection.initiate_connection()
        self._connection.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: self._window})
        await self._flush()
        return self

    async def ask(self, method: str, path: str, *, is_whole: bool = True) -> int:
        """Sends the head of a request; gives the number of its stream."""
        number, self._next = self._next, self._next + 2
        head = [(":method", method), (":scheme", "http"), (":authority", "localhost"), (":path", path)]
        self._connection.send_headers(number, head, end_stream=is_whole)
        await self._flush()
        return number

    async def send(self, number: int, data: bytes, *, is_last: bool = False) -> None:
        """Sends a part of a body."""
        self._connection.send_data(number, data, end_stream=is_last)
        await self._flush()

    async def status(self, number: int) -> int:
        """The status of an answer."""
        with anyio.fail_after(20):
            while True:
                for event in self._connection.receive_data(await self._stream.receive()):
                    if isinstance(event, h2.events.ResponseReceived) and event.stream_id == number:
                        return int(dict(event.headers or [])[b":status"])

    async def _flush(self) -> None:
        await self._stream.send(self._connection.data_to_send())


async def test_clients_that_say_nothing_keep_nobody_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When there are as many connections as there may be, those that never had a request make room, oldest first."""
    monkeypatch.setattr(asgi_server, "CONNECTION_LIMIT", 5)
    async with serving(tmp_path) as served, served.client() as client, served.client() as later:
        assert (await client.get("/healthz")).status_code == 200
        silent = [await connected(served) for _ in range(8)]
        assert (await later.get("/healthz")).status_code == 200
        with anyio.fail_after(20), pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
            await silent[0].receive()
        # The one that was served before was worth more.
        assert (await client.get("/healthz")).status_code == 200
        for stream in silent:
            await stream.aclose()


async def test_clients_that_read_nothing_keep_nobody_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When there are as many requests as there may be, those make room whose clients do not take the answer."""
    monkeypatch.setattr(requests, "OPEN_LIMIT", 5)
    monkeypatch.setattr(requests, "PATIENCE_SECONDS", 0)
    async with serving(tmp_path) as served, served.client() as client:
        greedy = await connected(served)
        asking = await Http2(greedy, window=0).begin()
        for _ in range(5):
            # The head of the answer comes, the rest is not taken.
            assert await asking.status(await asking.ask("GET", "/v1/whom")) == 401
        assert (await client.get("/healthz")).status_code == 200
        await greedy.aclose()


async def test_a_refused_upload_leaves_its_connection_to_others(tmp_path: Path) -> None:
    """Over HTTP/2 a request that is refused before its body has come ends nothing else; its answer comes at once."""
    async with serving(tmp_path) as served:
        stream = await connected(served)
        uploading = await Http2(stream).begin()
        number = await uploading.ask("POST", "/v1/whom", is_whole=False)
        await uploading.send(number, b"x" * 1000)
        assert await uploading.status(number) == 401
        await uploading.send(number, b"x" * 1000)
        await uploading.send(number, b"x" * 1000, is_last=True)
        assert await uploading.status(await uploading.ask("GET", "/healthz")) == 200
        await stream.aclose()
