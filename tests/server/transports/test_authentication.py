"""Keys before everything that is served over HTTP, on a real socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from mcp.client import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.server import MCPServer
from served_child import INITIALIZE
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from runloop_mcp.access.keyring import FILE, Keyring, open_keyring
from runloop_mcp.api.access import PRINCIPAL
from runloop_mcp.server.caller import CALLER
from runloop_mcp.server.transports.http import http_app, serve_app
from runloop_mcp.server.transports.signals import Stop

HEADERS = {"content-type": "application/json", "accept": "application/json, text/event-stream"}


@dataclass
class Served:
    """A server that knows keys."""

    url: str
    keyring: Keyring

    def client(self, **headers: str) -> httpx.AsyncClient:
        """A plain client."""
        return httpx.AsyncClient(base_url=self.url, headers=headers, trust_env=False, timeout=20)

    async def key(self, name: str) -> str:
        """A fresh key."""
        return (await self.keyring.create(name)).key


@asynccontextmanager
async def serving(folder: Path, *, authenticated: bool = True) -> AsyncIterator[Served]:
    """A server with a tool, a route and an address that is signed, all of which tell who called."""
    server = MCPServer("keyed")

    @server.tool(structured_output=False)
    async def who() -> str:
        caller = CALLER.get()
        return caller.id if caller else "nobody"

    async def whom(request: Request) -> Response:
        principal = request.scope.get("state", {}).get(PRINCIPAL)
        return PlainTextResponse(principal.id if principal else "nobody")

    keyring, stop, ready = await open_keyring(folder), Stop(), anyio.Event()
    routes = [Route("/v1/whom", whom, methods=["GET", "POST"]), Route("/v1/signed/whom", whom)]
    app = http_app(server, routes=routes, access=keyring if authenticated else None)
    urls: list[str] = []

    def announce(url: str) -> None:
        urls.append(url)
        ready.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: serve_app(app, port=0, ready=announce, stop=stop))
        with anyio.fail_after(20):
            await ready.wait()
        yield Served(urls[0], keyring)
        stop.ask("test")


PATHS = ["/mcp", "/sse", "/messages/?session_id=0", "/v1/whom", "/v1/signed", "/nowhere"]
CHALLENGE = 'Bearer realm="runloop-mcp"'


@pytest.mark.parametrize(
    ("headers", "challenge"),
    [
        ([], CHALLENGE),
        ([("authorization", "")], CHALLENGE),
        ([("authorization", "Bearer")], CHALLENGE),
        ([("authorization", "Basic KEY")], CHALLENGE),
        ([("authorization", "Bearer KEY"), ("authorization", "Bearer KEY")], CHALLENGE),
        ([("x-api-key", "KEY")], CHALLENGE),
        ([("authorization", "Bearer rlmcp_wrong")], f'{CHALLENGE}, error="invalid_token"'),
        ([("authorization", "Bearer KEYx")], f'{CHALLENGE}, error="invalid_token"'),
    ],
)
async def test_nothing_is_served_without_a_key(tmp_path: Path, headers: list[tuple[str, str]], challenge: str) -> None:
    """A request without exactly one good key gets the wire's 401, learns how to get one, and not to retry."""
    async with serving(tmp_path) as served, served.client() as client:
        key = await served.key("laptop")
        sent = [(name, value.replace("KEY", key)) for name, value in headers]
        for path in PATHS:
            for method in ("GET", "POST", "DELETE"):
                body = b"x" * 1000 if method == "POST" else None
                answer = await client.request(method, path, headers=sent, content=body)
                assert (answer.status_code, answer.headers["www-authenticate"]) == (401, challenge)
                assert answer.headers["x-should-retry"] == "false"
                assert answer.json().keys() == {"code", "message"}
                assert "runloop-mcp keys create" in answer.json()["message"]
                assert key not in answer.text


async def test_health_the_document_and_signed_addresses_need_no_key(tmp_path: Path) -> None:
    """What holds no secret, and what is signed by itself, is served without."""
    async with serving(tmp_path) as served, served.client() as client:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/v1/signed/whom")).text == "nobody"
        missing = await client.get("/openapi.json")
        assert (missing.status_code, missing.json()) == (404, {"code": "not_found", "message": "Not Found"})


async def test_strangers_learn_nothing_of_the_server_s_files(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where the file of keys can't be used, the log tells why, once; whoever asks is told to ask the operator."""
    async with serving(tmp_path) as served, served.client(authorization="Bearer rlmcp_unknown") as client:
        (tmp_path / FILE).chmod(0o644)
        for _ in range(2):
            answer = await client.get("/whom")
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert str(tmp_path) not in answer.text
        (tmp_path / FILE).chmod(0o600)
        assert (await client.get("/whom")).status_code == 401
    assert [str(tmp_path / FILE) in record.message for record in caplog.records] == [True]


async def test_a_route_learns_who_calls(tmp_path: Path) -> None:
    """The principal of the key is in the state of the request, for each request on one connection anew."""
    async with serving(tmp_path) as served, served.client() as client:
        first, second = await served.keyring.create("laptop"), await served.keyring.create("build")
        for key in (first, second, first):
            answer = await client.get("/v1/whom", headers={"authorization": f"bearer  {key.key}"})
            assert answer.text == f"key:{key.id}"


async def test_a_revoked_key_is_refused_on_an_open_connection(tmp_path: Path) -> None:
    """A connection is no way around."""
    async with serving(tmp_path) as served, served.client() as client:
        key = await served.keyring.create("laptop")
        client.headers["authorization"] = f"Bearer {key.key}"
        assert (await client.get("/v1/whom")).status_code == 200
        await served.keyring.revoke(key.id)
        assert (await client.get("/v1/whom")).status_code == 401


@pytest.mark.parametrize("path", ["/mcp", "/sse"])
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_tool_learns_who_calls(tmp_path: Path, path: str, mode: Any) -> None:
    """Over each transport and in both eras, each client's calls are those of its own key."""
    async with serving(tmp_path) as served:
        for name in ("laptop", "build"):
            made = await served.keyring.create(name)
            headers = {"authorization": f"Bearer {made.key}"}
            async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=20) as http:
                over = (
                    sse_client(served.url + path, headers=headers)
                    if path == "/sse"
                    else streamable_http_client(served.url + path, http_client=http)
                )
                async with Client(over, mode=mode) as client:
                    assert (await client.call_tool("who", {})).content[0].text == f"key:{made.id}"


async def test_a_session_is_its_owners(tmp_path: Path) -> None:
    """Whoever learns of a session's id gets nothing in it with another key."""
    opening = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": INITIALIZE}
    async with serving(tmp_path) as served, served.client(**HEADERS) as client:
        mine, theirs = [{"authorization": f"Bearer {await served.key(name)}"} for name in ("mine", "theirs")]
        opened = await client.post("/mcp", json=opening, headers=mine)
        session = {"mcp-session-id": opened.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
        ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
        assert (await client.post("/mcp", json=ping, headers=session | theirs)).status_code == 404
        assert (await client.post("/mcp", json=ping, headers=session | mine)).status_code == 200


@pytest.mark.parametrize("key", [None, "Bearer whatever", "nonsense"])
async def test_without_authentication_any_key_will_do(tmp_path: Path, key: str | None) -> None:
    """Clients that insist on sending a key are served as those without."""
    async with serving(tmp_path, authenticated=False) as served, served.client() as client:
        answer = await client.get("/v1/whom", headers={} if key is None else {"authorization": key})
        assert answer.text == "local"
