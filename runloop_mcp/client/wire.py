"""Requests to the Runloop API: sent again until they are answered, and never carried out twice for that."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlsplit

import anyio
import httpx
from pydantic import SecretStr

from runloop_mcp import __version__
from runloop_mcp.api.errors import ApiError
from runloop_mcp.client.ask import Ask
from runloop_mcp.client.bodies import encoded
from runloop_mcp.client.endpoint import Endpoint
from runloop_mcp.client.failures import error_of, unreachable
from runloop_mcp.client.pace import Pace
from runloop_mcp.client.retries import CONFLICT, TOO_MANY, RetryPolicy, asked_seconds, may_retry
from runloop_mcp.client.whole_files import write_whole

_log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

_CHUNK: Final = 1 << 16
_NO_ANSWER = (httpx.TransportError, TimeoutError)
"""No answer came, or not all of it: broken connections, bodies that end too soon, time-outs."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long each step of a request may take, in seconds."""

    connect: float = 5
    read: float = 30
    """Until the answer has come."""
    long_read: float = 600
    """Likewise for commands, files and snapshots."""
    hold: float = 20
    """How long a server may hold back the answer to `score` and `complete`, beside that."""


class Wire:
    """A pooled connection to the API; enter it before use.

    Args:
        base_url: Where the API is.
        key: What it is used with; None where the server wants none.
        policy: How hard requests are tried.
        deadlines: How long they may take.

    Raises:
        InvalidRequest: The address can be none.
    """

    def __init__(
        self,
        base_url: str,
        key: SecretStr | None,
        *,
        policy: RetryPolicy | None = None,
        deadlines: Deadlines | None = None,
    ) -> None:
        self.policy = policy or RetryPolicy()
        self.deadlines = deadlines or Deadlines()
        self._endpoint = Endpoint(base_url, key)
        self._pace = Pace()
        self._http: httpx.AsyncClient
        self._streams: httpx.AsyncClient | None = None
        """For what lasts: over HTTP/2 a hundred streams would leave one connection no room for anything else."""

    def __repr__(self) -> str:
        return f"Wire({self._endpoint.base_url!r})"

    @property
    def host(self) -> str:
        """What errors call the server."""
        return self._endpoint.host

    async def __aenter__(self) -> Self:
        # These would write headers into a log that tells everything, and the key with them.
        for name in ("hpack", "h2", "httpcore"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._http = self._pool(http2=True)
        await self._http.__aenter__()
        return self

    def _pool(self, *, http2: bool) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            http2=http2,
            headers={"User-Agent": f"runloop-mcp/{__version__}"},
            timeout=httpx.Timeout(self.deadlines.read, connect=self.deadlines.connect, pool=None),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=32, keepalive_expiry=30),
            trust_env=not self._endpoint.is_on_this_machine,
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._streams is not None:
            await self._streams.aclose()
        await self._http.__aexit__(kind, error, trace)

    async def send(self, ask: Ask) -> httpx.Response:
        """The answer to a request, read, once it is a success.

        Raises:
            ApiError: It is none, or no answer came.
        """
        headers = self._endpoint.headers(ask)
        return await self._until_answered(ask, lambda: self._attempt(ask, headers))

    async def download(self, ask: Ask, target: Path) -> int:
        """Writes the body of an answer to a file, which is replaced whole or not at all.

        Returns:
            How many bytes it has.

        Raises:
            ApiError: There was no such answer, or the file can't be written.
        """
        headers = self._endpoint.headers(ask)
        return await self._until_answered(ask, lambda: self._download(ask, headers, target))

    async def read_range(self, ask: Ask, offset: int, limit: int | None) -> tuple[bytes, int]:
        """Some of the bytes of an answer, and how many it has.

        Raises:
            ApiError: There was no such answer.
        """
        headers = self._endpoint.headers(ask)
        return await self._until_answered(ask, lambda: self._read_range(ask, headers, offset, limit))

    @asynccontextmanager
    async def stream(self, ask: Ask, *, silence_seconds: float) -> AsyncIterator[httpx.Response]:
        """A stream of events, to be read as it comes; one attempt, whatever becomes of it.

        Args:
            ask: The request.
            silence_seconds: How long nothing may come.

        Raises:
            httpx.TransportError: It broke, or was silent for too long.
            Refused: It is no success.
        """
        timeout = httpx.Timeout(silence_seconds, connect=self.deadlines.connect, pool=None)
        headers = {**self._endpoint.headers(ask), "Accept": "text/event-stream"}
        if self._streams is None:
            self._streams = self._pool(http2=False)
        request = self._streams.build_request(
            ask.method, self._endpoint.absolute(ask.path), params=ask.params, headers=headers, timeout=timeout
        )
        async with AsyncExitStack() as stack:
            async with self._turn():
                response = await self._streams.send(request, stream=True)
                stack.push_async_callback(_closed, response)
                if not response.is_success:
                    await response.aread()
                    raise Refused(response)
            yield response

    async def put_without_key(self, url: str, content: Callable[[], AsyncIterator[bytes]], *, size: int) -> None:
        """Puts so many bytes to an address that needs no key, such as an object's.

        Raises:
            ApiError: It was refused, or no answer came.
        """
        ask = Ask("PUT", urlsplit(url).path, long=True)

        async def attempt() -> httpx.Response:
            response = await self._http.put(
                self._endpoint.absolute(url),
                content=content(),
                headers={"Content-Length": str(size)},
                timeout=self._timeout(ask),
            )
            if not response.is_success:
                raise Refused(response)
            return response

        await self._until_answered(ask, attempt)

    async def get_without_key(self, url: str, target: Path) -> int:
        """Writes what is at an address that needs no key to a file, which is replaced whole or not at all.

        Raises:
            ApiError: It was refused, no answer came, or the file can't be written.
        """
        ask = Ask("GET", urlsplit(url).path, long=True)
        return await self._until_answered(ask, lambda: self._download(ask, {}, target, self._endpoint.absolute(url)))

    async def send_once(self, ask: Ask) -> httpx.Response:
        """Whatever a request is answered with, in one attempt.

        Raises:
            Unavailable: No answer came.
        """
        headers = self._endpoint.headers(ask)
        try:
            return await self._in_turn(ask, lambda: self._attempt(ask, headers))
        except Refused as refused:
            return refused.response
        except _NO_ANSWER as failure:
            raise self._endpoint.covered(unreachable(failure, self.host)) from None

    def error_of(self, response: httpx.Response, ask: Ask) -> ApiError:
        """What an answer means that is no success."""
        return self._endpoint.covered(error_of(response, ask.about))

    async def _until_answered(self, ask: Ask, attempt: Callable[[], Awaitable[Answer]]) -> Answer:
        """What an attempt gives, made again while that may help and patience lasts."""
        began = anyio.current_time()
        count = 0
        while True:
            count += 1
            asked: float | None = None
            patience = self.policy.long_patience_seconds if ask.long else self.policy.patience_seconds
            error: ApiError
            try:
                return await self._in_turn(ask, attempt)
            except Refused as refused:
                response = refused.response
                asked = asked_seconds(response.headers)
                error = self.error_of(response, ask)
                if response.status_code == CONFLICT:
                    patience = self.policy.conflict_patience_seconds
                if not may_retry(response.status_code, response.headers):
                    raise error from None
            except _NO_ANSWER as failure:
                error = self._endpoint.covered(unreachable(failure, self.host))
            wait = self.policy.wait(count) if asked is None else asked
            if count >= self.policy.most_attempts or anyio.current_time() + wait - began > patience:
                raise error
            _log.debug("%s is asked again in %.2f s (attempt %d): %s", ask.about, wait, count, error.message)
            await anyio.sleep(wait)

    async def _in_turn(self, ask: Ask, attempt: Callable[[], Awaitable[Answer]]) -> Answer:
        """What one attempt gives, made when its turn has come."""
        async with self._turn():
            # Each part of an answer may come in time, and all of it never: this holds for the whole.
            with anyio.fail_after(self._read_seconds(ask) + self.deadlines.connect):
                return await attempt()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One attempt's turn: what becomes of it slows all others down, or lets them go faster."""
        await self._pace.turn()
        try:
            yield
        except Refused as refused:
            if refused.response.status_code == TOO_MANY:
                self._pace.slow_down(asked_seconds(refused.response.headers))
            raise
        self._pace.went_well()

    async def _attempt(self, ask: Ask, headers: Mapping[str, str]) -> httpx.Response:
        options: dict[str, Any] = {}
        if ask.upload is not None:
            options = {"files": ask.upload(), "data": dict(ask.body or {})}
        elif ask.body is not None:
            options = {"content": encoded(ask.body)}
        response = await self._http.request(
            ask.method,
            self._endpoint.absolute(ask.path),
            params=ask.params,
            headers=headers,
            timeout=self._timeout(ask),
            **options,
        )
        if not response.is_success:
            raise Refused(response)
        return response

    async def _download(self, ask: Ask, headers: Mapping[str, str], target: Path, url: str | None = None) -> int:
        async with self._opened(ask, headers, url) as response:
            return await write_whole(target, response.aiter_bytes(_CHUNK))

    async def _read_range(
        self, ask: Ask, headers: Mapping[str, str], offset: int, limit: int | None
    ) -> tuple[bytes, int]:
        end = None if limit is None else offset + limit
        kept, size = bytearray(), 0
        async with self._opened(ask, headers) as response:
            whole = response.headers.get("content-length", "")
            async for chunk in response.aiter_bytes(_CHUNK):
                kept += chunk[max(offset - size, 0) : None if end is None else max(end - size, 0)]
                size += len(chunk)
                if end is not None and size >= end and whole.isdecimal():
                    return bytes(kept), int(whole)
        return bytes(kept), size

    @asynccontextmanager
    async def _opened(
        self, ask: Ask, headers: Mapping[str, str], url: str | None = None
    ) -> AsyncIterator[httpx.Response]:
        """An answer that is a success, to be read."""
        async with self._http.stream(
            ask.method,
            url or self._endpoint.absolute(ask.path),
            params=ask.params,
            content=None if ask.body is None else encoded(ask.body),
            headers=headers,
            timeout=self._timeout(ask),
        ) as response:
            if not response.is_success:
                await response.aread()
                raise Refused(response)
            yield response

    def _timeout(self, ask: Ask) -> httpx.Timeout:
        return httpx.Timeout(self._read_seconds(ask), connect=self.deadlines.connect, pool=None)

    def _read_seconds(self, ask: Ask) -> float:
        return ask.read_seconds or (self.deadlines.long_read if ask.long else self.deadlines.read)


class Refused(Exception):
    """An answer that is no success, read."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(response.status_code)
        self.response = response


async def _closed(response: httpx.Response) -> None:
    with anyio.CancelScope(shield=True):
        await response.aclose()
