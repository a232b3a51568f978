"""The web application and its bounds, in this process."""

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx
import pytest
from mcp.server import MCPServer
from served_child import INITIALIZE
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from runloop_mcp.access.keyring import open_keyring
from runloop_mcp.api.access import LOCAL_OPERATOR, Principal, Role
from runloop_mcp.api.errors import InvalidRequest, Unauthorized, Unavailable
from runloop_mcp.server.transports import requests as open_requests
from runloop_mcp.server.transports.authentication import Authentication
from runloop_mcp.server.transports.exposure import listen, url_of
from runloop_mcp.server.transports.http import http_app, serve_app
from runloop_mcp.server.transports.requests import ABORT, OpenRequests
from runloop_mcp.server.transports.session_shares import RUN_SHARE
from runloop_mcp.server.transports.short_calls import ShortCalls
from runloop_mcp.server.transports.signals import Stop

HEADERS = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
OPENING = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": INITIALIZE}


def client_of(app: Any, host: str = "localhost") -> httpx.AsyncClient:
    """A client that calls an application without a socket."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://{host}")


@pytest.mark.parametrize(
    "host",
    [
        "0.0.0.0",  # noqa: S104  refused is what it has to be
        "::",
        "",
        "192.168.1.4",
        "localhost.example",
        "127.0.0.1.example",
    ],
)
def test_it_refuses_to_listen_off_loopback(host: str) -> None:
    """Without authentication no other machine may come in, and the error says what to do instead."""
    with pytest.raises(InvalidRequest, match=r"without authentication.*keys create.*127\.0\.0\.1.*ssh -L"):
        listen(host, 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.7.87", "localhost", "::1"])
def test_loopback_is_served_without_keys(host: str) -> None:
    """This machine's own addresses can be listened on although nobody needs a key."""
    with listen(host, 0) as listener:
        assert "127." in url_of(listener) or "[::1]" in url_of(listener)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104  what is tested
def test_with_keys_it_listens_anywhere(host: str) -> None:
    """Where nobody is served without a key, every address can be listened on; the loopback is told as the place."""
    with listen(host, 0, authenticated=True) as listener:
        assert urlsplit(url_of(listener)).hostname in ("127.0.0.1", "::1")


@pytest.mark.parametrize("host", ["", "203.0.113.7", "no..host"])
def test_an_address_that_this_machine_has_not_is_named(host: str) -> None:
    """What can't be listened on is refused with what to give instead."""
    with pytest.raises(Unavailable, match=f"Cannot listen on {host} port.*--host"):
        listen(host, 0, authenticated=True)


@pytest.mark.parametrize("port", [None, 70_000])
def test_a_port_that_cannot_be_had_is_named(port: int | None) -> None:
    """A port in use, or none, gives an error that names it and what to do."""
    with listen("127.0.0.1", 0) as taken:
        number = taken.getsockname()[1] if port is None else port
        assert url_of(taken) == f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(Unavailable, match=rf"port {number}.*--port"):
            listen("127.0.0.1", number)


async def test_more_can_be_served_beside_it() -> None:
    """Further routes are served under the same checks, and what they need is held open while serving."""
    events: list[str] = []

    @asynccontextmanager
    async def store() -> AsyncIterator[None]:
        events.append("opened")
        yield
        events.append("closed")

    async def ping(_: Request) -> Response:
        return PlainTextResponse("pong")

    app = http_app(MCPServer("beside"), routes=[Route("/v1/ping", ping)], lifespans=[store])
    async with app.router.lifespan_context(app):
        assert events == ["opened"]
        async with client_of(app) as client:
            assert (await client.get("/v1/ping")).text == "pong"
        async with client_of(app, "evil.example") as client:
            assert (await client.get("/v1/ping")).status_code == 421
    assert events == ["opened", "closed"]


async def test_serving_ends_when_it_is_asked_to() -> None:
    """`serve_app` tells its address when it can be reached, and returns when asked to stop."""
    stop = Stop()
    async with anyio.create_task_group() as tasks:
        reached = anyio.Event()
        urls: list[str] = []

        def ready(url: str) -> None:
            urls.append(url)
            reached.set()

        async def serve() -> None:
            await serve_app(http_app(MCPServer("short")), port=0, ready=ready, stop=stop)

        tasks.start_soon(serve)
        with anyio.fail_after(20):
            await reached.wait()
            async with httpx.AsyncClient(trust_env=False) as client:
                assert (await client.get(urls[0] + "/healthz")).status_code == 200
        stop.ask("test")
    port = int(urls[0].rsplit(":", 1)[1])
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        pass


async def test_sessions_are_bounded_and_idle_ones_end() -> None:
    """One session too many is refused, and room comes back when an idle one is closed."""
    app = http_app(MCPServer("bounded"), session_limit=1, session_idle_seconds=0.05)
    async with app.router.lifespan_context(app), client_of(app) as client:
        assert (await client.post("/mcp", headers=HEADERS, json=OPENING)).status_code == 200
        assert (await client.post("/mcp", headers=HEADERS, json=OPENING)).status_code == 503
        with anyio.fail_after(20):
            # Nobody tells when a session is closed; that there is room again is how a client sees it.
            while (await client.post("/mcp", headers=HEADERS, json=OPENING)).status_code != 200:  # noqa: ASYNC110 - nobody tells
                await anyio.sleep(0.01)


async def test_a_solver_leaves_room_for_others(tmp_path: Path) -> None:
    """It has a share of the sessions, the smaller where it is bound to a run; one that it ends makes room again."""
    keyring = await open_keyring(tmp_path)
    operator, solver = (await keyring.create("ann")).key, (await keyring.create("sol", Role.SOLVER)).key
    token = (await keyring.run_tokens.mint("scr_" + "x" * 21, seconds=60)).token
    app = http_app(MCPServer("shared"), access=keyring)
    async with app.router.lifespan_context(app), client_of(app) as client:

        async def opened(key: str) -> httpx.Response:
            return await client.post("/mcp", headers=HEADERS | {"authorization": f"Bearer {key}"}, json=OPENING)

        first = await opened(token)
        assert {(await opened(token)).status_code for _ in range(RUN_SHARE - 1)} == {200}
        refused = await opened(token)
        assert refused.status_code == 503
        assert f"{RUN_SHARE} sessions" in refused.json()["error"]["message"]
        eras = [("mcp-protocol-version", "2025-06-18"), ("mcp-protocol-version", "2026-07-28")]
        headers = [*HEADERS.items(), ("authorization", f"Bearer {token}"), *eras]
        assert (await client.post("/mcp", headers=headers, json=OPENING)).status_code == 503
        for key in (operator, solver):
            assert {(await opened(key)).status_code for _ in range(RUN_SHARE + 1)} == {200}
        ended = {"authorization": f"Bearer {token}", "mcp-session-id": first.headers["mcp-session-id"]}
        assert (await client.delete("/mcp", headers=HEADERS | ended)).status_code == 200
        assert (await opened(token)).status_code == 200


async def test_a_call_has_a_deadline() -> None:
    """A call that runs too long is stopped, and its caller is told so."""
    server = MCPServer("slow")
    stopped = anyio.Event()

    @server.tool()
    async def forever() -> str:
        try:
            await anyio.sleep_forever()
        finally:
            stopped.set()

    app = http_app(server, call_seconds=0.05)
    async with app.router.lifespan_context(app), client_of(app) as client:
        opened = await client.post("/mcp", headers=HEADERS, json=OPENING)
        session = HEADERS | {"mcp-session-id": opened.headers["mcp-session-id"]}
        await client.post("/mcp", headers=session, json={"jsonrpc": "2.0", "method": "notifications/initialized"})
        call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "forever", "arguments": {}}}
        answer = await client.post("/mcp", headers=session, json=call)
        assert "stopped after 0.05 s" in answer.text
        assert stopped.is_set()


class Peer:
    """The client's side of one ASGI request, played by a test."""

    def __init__(self, method: str = "POST", body: bytes | None = None) -> None:
        self._body = body
        self.sent: list[dict[str, Any]] = []
        self.dropped = False
        self.scope = {"type": "http", "method": method, "headers": [], "state": {ABORT: self._drop}}

    async def receive(self) -> dict[str, Any]:
        """Send the body, if there is one; say nothing more."""
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body}
        await anyio.sleep_forever()
        raise AssertionError

    async def send(self, message: Any) -> None:
        """Take a part of the response."""
        self.sent.append(message)

    async def stall(self, _: Any) -> None:
        """Take nothing."""
        await anyio.sleep_forever()

    def _drop(self) -> None:
        self.dropped = True


async def run_watched(requests: OpenRequests, *asgi: Any) -> None:
    """Run a request to its end while slow clients are watched for."""
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(requests.watch)
            await requests(*asgi)
            tasks.cancel_scope.cancel()


async def read_body(scope: Any, receive: Any, send: Any) -> None:
    """An application that wants the request's body and says so."""
    await send_text(send, repr(await receive()))


async def send_text(send: Any, text: str) -> None:
    """Answer with a text."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": text.encode()})


async def test_a_request_that_does_not_arrive_is_given_up() -> None:
    """A client that never sends the body it promised gets 408."""
    peer = Peer()
    await run_watched(OpenRequests(read_body, body_seconds=0.05), peer.scope, peer.receive, peer.send)
    assert peer.sent[0]["status"] == 408


async def test_a_large_request_may_take_as_long_as_its_size_needs() -> None:
    """A client that keeps sending is not given up, however long that takes in all."""
    bound, pieces = 0.05, iter([b"x" * 64_000] * 4)

    async def receive() -> dict[str, Any]:
        await anyio.sleep(bound)
        return {"type": "http.request", "body": (piece := next(pieces, b"")), "more_body": bool(piece)}

    async def read_all(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            pass
        await send_text(send, "all")

    peer = Peer()
    await run_watched(OpenRequests(read_all, body_seconds=bound * 1.5), peer.scope, receive, peer.send)
    assert peer.sent[0]["status"] == 200


async def test_a_response_that_is_not_taken_is_given_up() -> None:
    """The connection of a client that does not read is dropped."""
    peer = Peer()

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await send_text(send, "unread")

    await run_watched(OpenRequests(answer, send_seconds=0.05), peer.scope, peer.receive, peer.stall)
    assert peer.dropped


async def test_at_the_end_new_requests_are_refused_and_streams_end_in_order() -> None:
    """A stream's application sees its client leave, and the response ends as it should."""
    peer, late = Peer("GET", b""), Peer()
    streaming = anyio.Event()
    seen: list[object] = []

    async def stream(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "http.request"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        streaming.set()
        seen.append(await receive())

    requests = OpenRequests(stream)
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(requests, peer.scope, peer.receive, peer.send)
            await streaming.wait()
            await requests.end(grace=10)
        await requests(late.scope, late.receive, late.send)
    assert seen == [{"type": "http.disconnect"}]
    assert peer.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
    assert late.sent[0]["status"] == 503
    assert "ending" in json.loads(late.sent[1]["body"])["message"]


async def test_at_the_end_calls_that_go_on_are_cancelled() -> None:
    """A call that outlasts the grace is cancelled and its client told."""
    peer = Peer()
    called = anyio.Event()

    async def call(scope: Any, receive: Any, send: Any) -> None:
        called.set()
        await anyio.sleep_forever()

    requests = OpenRequests(call)
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(requests, peer.scope, peer.receive, peer.send)
            await called.wait()
            await requests.end(grace=0.05)
    assert peer.sent[0]["status"] == 503


class Door:
    """Who is let in, and what was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.closed = False

    async def authenticate(self, key: str) -> Principal:
        """A key of which nobody can tell once it is closed, and others which are no longer good then."""
        self.asked.append(key)
        if self.closed and key == "slow":
            await anyio.sleep_forever()
        if self.closed:
            raise Unauthorized("It is closed.")
        return LOCAL_OPERATOR


async def test_the_key_of_many_streams_is_asked_for_once_and_waits_for_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither many streams of one key nor a key that can't be looked up hold up the end of what was revoked."""
    monkeypatch.setattr(open_requests, "READMIT_SECONDS", 0.01)
    door, left = Door(), 0
    all_there, all_left = anyio.Event(), anyio.Event()

    async def stream(scope: Any, receive: Any, send: Any) -> None:
        nonlocal left
        await receive()
        if len(door.asked) == len(keys):
            all_there.set()
        await receive()
        left += 1
        if left == len(keys) - 1:
            all_left.set()

    keys = ["slow", *["good"] * 20]
    requests = OpenRequests(Authentication(stream, door))  # type: ignore[arg-type]  # all of it that is asked
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            for key in keys:
                peer = Peer("GET", b"")
                peer.scope |= {"path": "/sse", "headers": [(b"authorization", b"Bearer " + key.encode())]}
                tasks.start_soon(requests, peer.scope, peer.receive, peer.send)
            await all_there.wait()
            door.asked.clear()
            door.closed = True
            tasks.start_soon(requests.watch_keys)
            await all_left.wait()
            tasks.cancel_scope.cancel()
    assert sorted(door.asked) == ["good", "slow"]


@pytest.mark.parametrize(
    "body", [b'{"wait_seconds":9}', rb'{"wait\u005fseconds":9}', '{"wait_seconds":9}'.encode("utf-16")]
)
async def test_a_read_that_waits_is_no_short_one_however_that_is_written(body: bytes) -> None:
    """It is answered on a stream, which tells of progress and ends with its client."""
    peer, heard = Peer("POST", body), []
    told = {"mcp-method": "tools/call", "mcp-name": "get_run", "mcp-protocol-version": "2026-07-28"} | HEADERS
    peer.scope |= {"path": "/mcp", "headers": [(name.encode(), value.encode()) for name, value in told.items()]}

    async def streaming(scope: Any, receive: Any, send: Any) -> None:
        heard.append((await receive())["body"])

    calls = ShortCalls(streaming, None, lambda _: True)  # type: ignore[arg-type]  # nothing is short
    await calls(peer.scope, peer.receive, peer.send)
    assert heard == [body]
