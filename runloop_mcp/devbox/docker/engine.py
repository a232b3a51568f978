"""The engine's API, as far as devboxes need it: requests, streams of archives, and connections that it hands over."""

import asyncio
import json
import socket
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import anyio
import httpx

from runloop_mcp.api.errors import Unavailable

from .address import REMEDY, Address
from .attachment import Attachment

_SECONDS = 60.0
_LONG_SECONDS = 600.0
_CONNECT_SECONDS = 10.0
_WANTED_VERSION = (1, 41)
_MOST_HEAD = 64 << 10


class Refused(Exception):
    """The engine's answer was an error: its status, and what it said."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Engine:
    """A Docker-compatible engine. Close it after use.

    Every call raises `Refused` where the engine answers with an error, and `Unavailable` where it does not answer.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self._tls = address.tls()
        transport = httpx.AsyncHTTPTransport(
            uds=str(address.socket) if address.socket else None,
            verify=self._tls or False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=8),
        )
        timeout = httpx.Timeout(_SECONDS, connect=_CONNECT_SECONDS, pool=None)
        # Not compressed: what goes from one container to another would be for nothing.
        headers = {"Accept-Encoding": "identity"}
        self._client = httpx.AsyncClient(
            transport=transport, base_url=address.base_url, timeout=timeout, headers=headers
        )
        self._prefix = ""
        self.version: dict[str, Any] = {}
        """What the engine says of itself; empty before `greet`."""

    async def greet(self) -> None:
        """Learns which versions of the API the engine speaks, and agrees on one."""
        about = await self.get("/version")
        newest = _numbers(about.get("ApiVersion", "1.41"))
        oldest = _numbers(about.get("MinAPIVersion", "1.12"))
        chosen = max(oldest, min(newest, _WANTED_VERSION))
        self._prefix = f"/v{chosen[0]}.{chosen[1]}"
        self.version = about

    @property
    def is_podman(self) -> bool:
        """Whether it is Podman, which behaves a little differently here and there."""
        return any("podman" in str(each.get("Name")).lower() for each in self.version.get("Components") or ())

    async def close(self) -> None:
        """Ends its connections."""
        await self._client.aclose()

    # Requests

    async def get(self, path: str, /, **query: Any) -> Any:
        """What a GET request gives."""
        return _content(await self._request("GET", path, query))

    async def exists(self, path: str, /, **query: Any) -> bool:
        """Whether a HEAD or GET request finds something."""
        try:
            await self._request("HEAD" if path.endswith("/archive") else "GET", path, query)
        except Refused as refused:
            if refused.status == 404:
                return False
            raise
        return True

    async def post(self, path: str, body: Any = None, /, *, seconds: float = _SECONDS, **query: Any) -> Any:
        """What a POST request with a JSON body gives."""
        return _content(await self._request("POST", path, query, json=body, timeout=seconds))

    async def delete(self, path: str, /, **query: Any) -> bool:
        """Deletes something; False where it is not there."""
        try:
            await self._request("DELETE", path, query, timeout=_LONG_SECONDS)
        except Refused as refused:
            if refused.status == 404:
                return False
            raise
        return True

    async def _request(self, method: str, path: str, query: dict[str, Any], **options: Any) -> httpx.Response:
        with _as_unavailable(self.address):
            response = await self._client.request(method, self._prefix + path, params=_params(query), **options)
        if response.status_code >= 400:
            raise Refused(response.status_code, _message(response.content, response.status_code))
        return response

    # Archives

    @asynccontextmanager
    async def archive_of(self, container: str, path: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """The files below a path of a container, as the parts of a tar archive."""
        url = f"{self._prefix}/containers/{quote(container)}/archive"
        with _as_unavailable(self.address):
            async with self._client.stream("GET", url, params={"path": path}, timeout=_LONG_SECONDS) as response:
                if response.status_code >= 400:
                    raise Refused(response.status_code, _message(await response.aread(), response.status_code))
                yield response.aiter_raw()

    async def put_archive(self, container: str, path: str, content: AsyncIterable[bytes] | bytes) -> None:
        """Unpacks a tar archive into a directory of a container, owners and all."""
        headers = {"Content-Type": "application/x-tar"}
        query = {"path": path}
        url = f"/containers/{quote(container)}/archive"
        await self._request("PUT", url, query, content=content, headers=headers, timeout=_LONG_SECONDS)

    async def send(
        self, path: str, content: AsyncIterable[bytes] | bytes, /, **query: Any
    ) -> AsyncIterator[dict[str, Any]]:
        """Posts an archive, and gives the messages in which the engine tells of its progress as they come."""
        url = self._prefix + path
        headers = {"Content-Type": "application/x-tar"}
        with _as_unavailable(self.address):
            async with self._client.stream(
                "POST", url, params=_params(query), content=content, headers=headers, timeout=_LONG_SECONDS
            ) as response:
                if response.status_code >= 400:
                    raise Refused(response.status_code, _message(await response.aread(), response.status_code))
                async for line in response.aiter_lines():
                    if line.strip():
                        yield json.loads(line)

    # Connections

    async def attach(self, container: str) -> Attachment:
        """A container's standard streams; best before it is started, so that nothing is lost."""
        path = f"{self._prefix}/containers/{quote(container)}/attach?stream=1&stdin=1&stdout=1&stderr=1"
        with anyio.fail_after(_CONNECT_SECONDS), _as_unavailable(self.address):
            reader, writer = await self._connect()
            if self.address.socket is None:  # so that the end of the other machine is noticed
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            try:
                writer.write(
                    f"POST {path} HTTP/1.1\r\nHost: docker\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n"
                    "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n".encode()
                )
                head = await reader.readuntil(b"\r\n\r\n")
                status = int(head.split(b" ", 2)[1])
                if status >= 300:
                    said = await reader.read(_MOST_HEAD)
                    raise Refused(status, _message(said, status))  # noqa: TRY301 - the connection is closed below
            except asyncio.IncompleteReadError as error:
                writer.close()
                raise OSError("the connection ended") from error
            except BaseException:
                writer.close()
                raise
        return Attachment(reader, writer)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.address.socket is not None:
            return await asyncio.open_unix_connection(str(self.address.socket))
        return await asyncio.open_connection(self.address.host, self.address.port, ssl=self._tls)


class _as_unavailable:  # noqa: N801 - used as a statement
    """Turns what keeps the engine from answering into an error that tells what to do."""

    def __init__(self, address: Address) -> None:
        self._address = address

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, httpx.TimeoutException | TimeoutError):
            raise Unavailable(
                f"The container engine at {self._address.shown} did not answer in time.",
                hint="Look at its load and its log, then try again.",
                retryable=True,
            ) from error
        if isinstance(error, httpx.HTTPError | OSError | ValueError):
            raise Unavailable(
                f"The container engine at {self._address.shown} can't be reached: {error}.", hint=REMEDY
            ) from error


def _params(query: dict[str, Any]) -> httpx.QueryParams:
    """What a query is made of; a tuple's parts each become a parameter of that name."""
    pairs: list[tuple[str, str | int | float | bool | None]] = [
        (name, part if isinstance(part, str) else json.dumps(part))
        for name, value in query.items()
        for part in (value if isinstance(value, tuple) else (value,))
        if part is not None
    ]
    return httpx.QueryParams(pairs)


def _content(response: httpx.Response) -> Any:
    return response.json() if response.content.strip() else None


def _message(content: bytes, status: int) -> str:
    try:
        said = json.loads(content)
        return str(said.get("message") or said.get("cause") or said)
    except (ValueError, AttributeError):
        return content.decode(errors="replace").strip()[:500] or f"status {status}"


def _numbers(version: str) -> tuple[int, int]:
    major, _, minor = version.partition(".")
    return int(major), int(minor or 0)
