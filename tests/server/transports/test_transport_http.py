"""The HTTP transports, on real processes and sockets."""

import http.client
import json
import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx
import pytest
from mcp.client import Client
from mcp.client.sse import sse_client
from mcp.shared.exceptions import MCPError
from served_child import INITIALIZE, Child, await_file, eventually

JSON_OR_STREAM = {"content-type": "application/json", "accept": "application/json, text/event-stream"}

MODERN = JSON_OR_STREAM | {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call"}


def modern_call(tool: str, **arguments: object) -> tuple[dict[str, str], bytes]:
    """Headers and body of a call of the 2026 era."""
    envelope = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"name": tool, "arguments": arguments, "_meta": envelope}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()
    return MODERN | {"mcp-name": tool}, body


class Visitor:
    """One client connection, of the plainest kind, that can leave without a word."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
        self.session: dict[str, str] = {}

    def start(self, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> None:
        """Send a request."""
        self._connection.request(method, path, body, headers | self.session)

    def post(self, message: dict[str, Any]) -> http.client.HTTPResponse:
        """Post a message to `/mcp` and return the answer, unread."""
        self.start("POST", "/mcp", JSON_OR_STREAM, json.dumps({"jsonrpc": "2.0"} | message).encode())
        return self._connection.getresponse()

    def answer(self) -> http.client.HTTPResponse:
        """The answer to what was sent, unread."""
        return self._connection.getresponse()

    def handshake(self) -> "Visitor":
        """Open a session of the handshake era."""
        opened = self.post({"id": 1, "method": "initialize", "params": INITIALIZE})
        opened.read()
        self.session = {"mcp-session-id": opened.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
        self.post({"method": "notifications/initialized"}).read()
        return self

    def start_call(self, tool: str, **arguments: object) -> None:
        """Start a call within the session."""
        params = {"name": tool, "arguments": arguments}
        message = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params}
        self.start("POST", "/mcp", JSON_OR_STREAM, json.dumps(message).encode())

    def leave(self) -> None:
        """Be gone."""
        self._connection.close()

    close = leave


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one server for all tests after which it must go on living."""
    with Child(tmp_path_factory.mktemp("served"), "http") as child:
        yield child.url()


@pytest.mark.parametrize("path", ["/mcp", "/sse"])
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_sdk_client_works_in_both_eras(url: str, path: str, mode: Any) -> None:
    """Lists, calls, progress and strange output work over both HTTP transports, with and without the handshake."""
    seen: list[float] = []

    async def note(progress: float, _total: float | None, _message: str | None) -> None:
        seen.append(progress)

    async with Client(sse_client(url + path) if path == "/sse" else url + path, mode=mode) as client:
        assert "echo" in {tool.name for tool in (await client.list_tools()).tools}
        result = await client.call_tool("report", {"steps": 3}, progress_callback=note)
        assert result.content[0].text == "reported"
        assert (await client.call_tool("surrogate", {})).content[0].text == "cut \ufffd here"
        numbers = await client.call_tool("not_a_number", {})
        assert numbers.structured_content == {"nan": None, "infinite": [None], "text": "whole"}
        text = "y" * 1_000_000
        assert (await client.call_tool("echo", {"text": text})).content[0].text == text
    assert seen == [1, 2, 3]


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
async def test_one_port_speaks_http_1_and_http_2(url: str, version: str) -> None:
    """HTTP/2 with prior knowledge and HTTP/1.1 are answered on the same port."""
    headers, body = modern_call("huge", size=500_000)
    async with httpx.AsyncClient(
        http1=version == "HTTP/1.1", http2=version == "HTTP/2", trust_env=False, timeout=60
    ) as client:
        health = await client.get(url + "/healthz")
        assert (health.http_version, health.json()["status"]) == (version, "ok")
        called = await client.post(url + "/mcp", headers=headers, content=body)
        assert len(called.json()["result"]["content"][0]["text"]) == 500_000


@pytest.mark.parametrize("path", ["/healthz", "/mcp", "/sse", "/messages/"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"host": "evil.example:8787"}, 421),
        ({"host": "localhost.evil.example"}, 421),
        ({"host": "127.0.0.1:x"}, 421),
        ({"host": ""}, 421),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://localhost.evil.example:8787"}, 403),
        ({"origin": "null"}, 403),
    ],
)
def test_requests_meant_for_others_are_turned_away(url: str, path: str, headers: dict[str, str], status: int) -> None:
    """A foreign Host or Origin reaches nothing, whatever the path."""
    with closing(Visitor(url)) as visitor:
        visitor.start("POST" if path == "/messages/" else "GET", path, headers)
        assert visitor.answer().status == status


@pytest.mark.parametrize(
    "headers",
    [{"host": "localhost:1"}, {"host": "LOCALHOST"}, {"host": "[::1]:9"}, {"origin": "http://localhost:6274"}],
)
def test_this_machine_s_own_names_are_welcome(url: str, headers: dict[str, str]) -> None:
    """Every loopback name works with any port, as a tunnel or a local page needs."""
    with closing(Visitor(url)) as visitor:
        visitor.start("GET", "/healthz", headers)
        assert visitor.answer().status == 200


async def test_a_signal_ends_it_under_open_streams_and_calls(tmp_path: Path) -> None:
    """SIGTERM ends it in order with every kind of stream open, a call running, and a client that does not read."""
    with Child(tmp_path, "http") as child:
        url = child.url()
        session, stream, sse, caller, deaf = (Visitor(url) for _ in range(5))
        session.handshake()
        stream.session = session.session
        stream.start("GET", "/mcp", {"accept": "text/event-stream"})
        assert stream.answer().status == 200
        sse.start("GET", "/sse", {})
        assert sse.answer().status == 200
        headers, body = modern_call("wait_for", name="never")
        caller.start("POST", "/mcp", headers, body)
        session.start_call("wait_for", name="never")
        headers, body = modern_call("huge", size=20_000_000)
        deaf.start("POST", "/mcp", headers, body)
        async with Client(url + "/mcp") as listener:
            with anyio.fail_after(20):
                async with listener.listen(tools_list_changed=True):
                    await anyio.to_thread.run_sync(await_file, tmp_path / "called")
                    child.signal(signal.SIGTERM)
                    assert await anyio.to_thread.run_sync(child.status) == 0
        assert child.has("cancelled")
        assert child.has("lifespan")
        assert child.has("ended")
        for visitor in (session, stream, sse, caller, deaf):
            visitor.leave()


def test_a_call_may_finish_while_it_ends(tmp_path: Path) -> None:
    """A call that is nearly done when the signal comes is answered."""
    with Child(tmp_path, "http") as child, closing(Visitor(child.url())) as visitor:
        headers, body = modern_call("wait_for", name="release")
        visitor.start("POST", "/mcp", headers, body)
        await_file(tmp_path / "called")
        child.signal(signal.SIGTERM)
        (tmp_path / "release").touch()
        assert json.loads(visitor.answer().read())["result"]["content"][0]["text"] == "it came"
        assert child.status() == 0


async def test_while_it_drains_only_calls_in_progress_are_served(tmp_path: Path) -> None:
    """Calls over every transport get their answers; new ones are told to come back, on new connections too."""
    with Child(tmp_path, "http", 300, 60) as child:
        url = child.url()
        async with (
            Client(url + "/mcp") as modern,
            Client(url + "/mcp", mode="legacy") as session,
            Client(sse_client(url + "/sse")) as sse,
            httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as plain,
            anyio.create_task_group() as tasks,
        ):
            answers: list[str] = []

            async def call(client: Client, name: str) -> None:
                result = await client.call_tool("wait_for", {"name": name})
                answers.append(result.content[0].text)

            for client in (modern, session, sse):
                await client.list_tools()
                (tmp_path / "called").unlink(missing_ok=True)
                tasks.start_soon(call, client, "release")
                await anyio.to_thread.run_sync(await_file, tmp_path / "called")
            assert (await plain.get("/readyz")).json() == {"status": "ready"}
            child.signal(signal.SIGTERM)
            with anyio.fail_after(20):
                while (told := await plain.get("/readyz")).status_code == 200:
                    pass
            assert (told.status_code, told.json()["message"]) == (503, "The server is ending.")
            headers, body = modern_call("echo", text="late")
            async with httpx.AsyncClient(trust_env=False, timeout=60) as late:
                refused = await late.post(url + "/mcp", headers=headers, content=body)
                assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
                assert refused.json()["error"]["message"] == "The server is ending."
                assert (await late.get(url + "/healthz")).status_code == 200
            (tmp_path / "release").touch()
        assert answers == ["it came"] * 3
        assert await anyio.to_thread.run_sync(child.status) == 0


def test_ctrl_c_does_not_wait_for_a_drain(tmp_path: Path) -> None:
    """A person at a terminal gets the prompt back, whatever is in progress."""
    with Child(tmp_path, "http", 300, 3600) as child, closing(Visitor(child.url())) as visitor:
        headers, body = modern_call("wait_for", name="never")
        visitor.start("POST", "/mcp", headers, body)
        await_file(tmp_path / "called")
        child.signal(signal.SIGINT)
        assert child.status() == 0
        assert child.has("cancelled")


@pytest.mark.parametrize("path", ["/mcp", "/messages/?session_id=0"])
@pytest.mark.parametrize("is_declared", [True, False])
def test_a_message_that_is_too_large_is_refused(url: str, path: str, is_declared: bool) -> None:
    """Whether a body tells its length or not, MCP clients get an error that they can show, and the server goes on."""
    text = b"x" * 2**20
    with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)) as connection:
        pieces = (text for _ in range(17))
        content = {"content-length": str(17 * 2**20)} if is_declared else {"transfer-encoding": "chunked"}
        connection.request("POST", path, pieces, JSON_OR_STREAM | content, encode_chunked=not is_declared)
        refused = connection.getresponse()
        error = json.loads(refused.read())
        assert (refused.status, error["jsonrpc"], error["id"]) == (413, "2.0", None)
        assert "longer than 16 MiB" in error["error"]["message"]
    with closing(Visitor(url)) as visitor:
        visitor.start("GET", "/healthz", {})
        assert visitor.answer().status == 200


async def test_a_client_is_told_why_its_message_was_refused(url: str, full_size: bool) -> None:
    """The SDK's client raises what the server says about a message that is too large, and can go on."""
    async with Client(url + "/mcp") as client:
        with pytest.raises(MCPError, match="longer than 16 MiB"):
            await client.call_tool("echo", {"text": "x" * (17 * 2**20)})
        text = "y" * ((15 if full_size else 1) * 2**20)
        assert (await client.call_tool("echo", {"text": text})).content[0].text == text


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"garbage", -32700), (b"\xff", -32700), (b"[" * 5000, -32700), (b"[]", -32602), (b'{"jsonrpc":"1.0"}', -32602)],
)
def test_what_is_no_message_is_answered_with_an_error(url: str, body: bytes, code: int) -> None:
    """Garbage and batches are answered with errors of JSON-RPC, and nothing else comes of them."""
    with closing(Visitor(url)) as visitor:
        visitor.start("POST", "/mcp", JSON_OR_STREAM, body)
        answer = visitor.answer()
        assert (answer.status, json.loads(answer.read())["error"]["code"]) == (400, code)


def test_a_client_that_vanishes_leaves_nothing_running(tmp_path: Path) -> None:
    """In the handshake era, whose protocol forbids to take a lost connection for a cancellation, a deadline ends it."""
    with Child(tmp_path, "http", 0.5) as child:
        visitor = Visitor(child.url()).handshake()
        visitor.start_call("wait_for", name="never")
        await_file(tmp_path / "called")
        visitor.leave()
        await_file(tmp_path / "cancelled")


def test_a_client_of_2026_that_vanishes_cancels_its_call(tmp_path: Path) -> None:
    """In the 2026 era a lost connection is a cancellation."""
    with Child(tmp_path, "http") as child:
        visitor = Visitor(child.url())
        headers, body = modern_call("wait_for", name="never")
        visitor.start("POST", "/mcp", headers, body)
        await_file(tmp_path / "called")
        visitor.leave()
        await_file(tmp_path / "cancelled")


def test_connections_of_clients_that_left_are_closed(tmp_path: Path) -> None:
    """A client that closes its connection leaves no descriptor open here, however long others may stay idle."""
    with Child(tmp_path, "http") as child:
        descriptors = Path("/proc", str(child.process.pid), "fd")
        url = child.url()
        before = len(list(descriptors.iterdir()))
        visitors = [Visitor(url) for _ in range(20)]
        for visitor in visitors:
            visitor.start("GET", "/healthz", {})
            visitor.answer().read()
        assert len(list(descriptors.iterdir())) >= before + 20
        for visitor in visitors:
            visitor.leave()
        eventually(lambda: len(list(descriptors.iterdir())) <= before)


def test_sse_alone(tmp_path: Path) -> None:
    """With SSE alone there is no `/mcp`, and a client that leaves its stream ends its call."""
    with Child(tmp_path, "sse") as child:
        address = urlsplit(child.url())
        with closing(Visitor(child.url())) as visitor:
            visitor.start("POST", "/mcp", JSON_OR_STREAM, b"{}")
            assert visitor.answer().status == 404
        with socket.create_connection((address.hostname, address.port)) as stream, stream.makefile("rb") as events:
            stream.sendall(b"GET /sse HTTP/1.1\r\nhost: localhost\r\n\r\n")
            endpoint = next(line[6:].strip() for line in events if line.startswith(b"data: "))
            for message in (
                {"id": 1, "method": "initialize", "params": INITIALIZE},
                {"method": "notifications/initialized"},
                {"id": 2, "method": "tools/call", "params": {"name": "wait_for", "arguments": {"name": "never"}}},
            ):
                with closing(Visitor(child.url())) as visitor:
                    body = json.dumps({"jsonrpc": "2.0"} | message).encode()
                    visitor.start("POST", endpoint.decode(), {"content-type": "application/json"}, body)
                    assert visitor.answer().status == 202
            await_file(tmp_path / "called")
        await_file(tmp_path / "cancelled")
        await_file(tmp_path / "lifespan")
