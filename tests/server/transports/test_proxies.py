"""Serving behind a reverse proxy: whose word is taken, and paths below a prefix, through a real nginx."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp.client import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from served_command import Server, serving_command
from starlette.requests import Request
from starlette.responses import JSONResponse

from runloop_mcp.server.transports.proxies import BehindProxy

PROXY = "10.0.0.7"

NGINX = """
daemon off; pid {folder}/nginx.pid; error_log stderr error;
events {{ worker_connections 64; }}
http {{
  access_log off; client_max_body_size 64m;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    proxy_http_version 1.1; proxy_buffering off; proxy_set_header Connection "";
    proxy_set_header X-Forwarded-Proto https; proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    location /runs/ {{ proxy_pass {server}/; }}
    location /kept/runs/ {{ proxy_pass {server}/runs/; }}
  }}
}}
"""


async def seen(headers: dict[str, str], *, peer: str = PROXY, path: str = "/", **options: Any) -> dict[str, Any]:
    """What an application behind the middleware sees of a request."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope)
        told = {
            "scheme": scope["scheme"],
            "host": request.headers["host"],
            "client": scope["client"][0],
            "path": scope["path"],
            "root": scope.get("root_path", ""),
        }
        await JSONResponse(told)(scope, receive, send)

    behind = BehindProxy(app, **options)
    transport = httpx.ASGITransport(behind, client=(peer, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://inner") as client:
        told: dict[str, Any] = (await client.get(path, headers=headers)).json()
        return told


X_FORWARDED = {"x-forwarded-proto": "https", "x-forwarded-host": "runs.example", "x-forwarded-for": "203.0.113.9"}


@pytest.mark.parametrize("trusted", [["10.0.0.7"], ["10.0.0.0/8"], ["192.0.2.1", "10.0.0.0/24"], ["10.0.0.7/8"]])
@pytest.mark.parametrize(
    "headers",
    [
        X_FORWARDED,
        {name: f"lies, {value}" for name, value in X_FORWARDED.items()},
        X_FORWARDED | {"x-forwarded-for": "198.51.100.1, 203.0.113.9:4711, 10.0.0.3"},
        {"forwarded": "for=203.0.113.9;proto=https;host=runs.example"},
        {"forwarded": 'for="a, b";host=lies, For="203.0.113.9:4711"; Proto=HTTPS; Host="runs.example"'},
        X_FORWARDED | {"forwarded": "for=192.0.2.66;proto=http;host=lies.example"},
    ],
)
async def test_a_trusted_proxy_is_believed(trusted: list[str], headers: dict[str, str]) -> None:
    """Scheme, host and client are the request's own; what came before the proxy's own word is not."""
    told = await seen(headers, trusted=[*trusted, "10.0.0.3"])
    assert (told["scheme"], told["host"], told["client"]) == ("https", "runs.example", "203.0.113.9")


@pytest.mark.parametrize(("peer", "trusted"), [("10.0.0.8", ["10.0.0.7"]), (PROXY, []), ("::1", ["127.0.0.1"])])
async def test_nobody_else_is(peer: str, trusted: list[str]) -> None:
    """From any other address the headers change nothing."""
    told = await seen(X_FORWARDED | {"forwarded": "for=1.2.3.4;host=lies"}, peer=peer, trusted=trusted)
    assert (told["scheme"], told["host"], told["client"]) == ("http", "inner", peer)


async def test_a_mapped_address_is_the_address() -> None:
    """A proxy that reaches a server on IPv6 by its IPv4 address is still the one that was named."""
    assert (await seen(X_FORWARDED, peer="::ffff:10.0.0.7", trusted=[PROXY]))["scheme"] == "https"
    assert (await seen({"forwarded": 'for="[2001:db8::1]:80"'}, trusted=[PROXY]))["client"] == "2001:db8::1"


@pytest.mark.parametrize("headers", [{"x-forwarded-proto": "gopher"}, {"forwarded": "proto=;;=,"}, {"forwarded": '"'}])
async def test_nonsense_changes_nothing(headers: dict[str, str]) -> None:
    """What is no scheme, and what can't be read, is left out."""
    told = await seen(headers, trusted=[PROXY])
    assert (told["scheme"], told["host"], told["client"]) == ("http", "inner", PROXY)


@pytest.mark.parametrize(
    ("path", "inner"), [("/runs/mcp", "/mcp"), ("/runs", "/"), ("/mcp", "/mcp"), ("/runsuite", "/runsuite")]
)
async def test_a_prefix_is_taken_away_where_the_proxy_has_left_it(path: str, inner: str) -> None:
    """Below the prefix, and without it, the same is served."""
    told = await seen({}, path=path, prefix="/runs")
    assert (told["path"], told["root"]) == (inner, "/runs")


@dataclass(frozen=True)
class Proxied:
    """The server behind a real proxy."""

    server: Server
    url: str


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    """The real command behind nginx, which serves it below a path."""
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    assert Path(nginx).exists(), "There is no nginx; run: make setup"
    folder = tmp_path_factory.mktemp("proxied")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    public = f"http://127.0.0.1:{port}/runs"
    more = ["--public-url", public, "--trusted-proxy", "127.0.0.1"]
    with serving_command(folder / "state", *more) as server:
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, server=server.url))
        argv = [nginx, "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]
        with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as process:
            try:
                _reachable(port)
                yield Proxied(server, public)
            finally:
                process.terminate()


def _reachable(port: int) -> None:
    due = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert time.monotonic() < due
            time.sleep(0.01)
        else:
            return


async def works(proxied: Proxied, path: str, mode: Any) -> None:
    """A client lists scenarios over one transport, in one era."""
    url = proxied.url + path
    async with httpx.AsyncClient(headers=proxied.server.headers, trust_env=False, timeout=30) as http:
        over = (
            sse_client(url, headers=proxied.server.headers)
            if path == "/sse"
            else streamable_http_client(url, http_client=http)
        )
        async with Client(over, mode=mode) as client:
            result = await client.call_tool("list_scenarios", {"limit": 1})
            assert not result.is_error


async def test_a_proxy_serves_it_below_a_path(proxied: Proxied) -> None:
    """Both transports work in both eras: the stream of SSE, and an object's address, name what is right outside.

    What the proxy tells of a request is checked like what comes directly.
    """
    for path in ("/mcp", "/sse"):
        for mode in ("auto", "legacy"):
            await works(proxied, path, mode)
    with proxied.server.client(proxied.url) as client:
        made = client.post("/v1/objects", json={"name": "one", "content_type": "text"}).json()
        assert made["upload_url"].startswith(proxied.url + "/v1/signed/")
        keyless = {"authorization": ""}
        assert client.put(made["upload_url"], content=b"contents", headers=keyless).status_code == 200
        assert client.get("/v1/scenarios").status_code == 200
        assert client.get("/healthz").status_code == 200
        assert client.get("/healthz", headers={"host": "evil.example"}).status_code == 421
        assert client.get("/healthz", headers={"origin": "http://evil.example"}).status_code == 403
