"""The public keys of an authorization server: fetched when needed, kept for a while, never waited for long."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import anyio
import anyio.to_thread
import httpx
import jwt

from runloop_mcp.api.errors import Unauthorized, Unavailable

FRESH_SECONDS: Final = 600.0
"""For how long keys are good without being asked for again."""

STALE_SECONDS: Final = 24 * 3600.0
"""For how long they are used where the authorization server does not answer."""

PAUSE_SECONDS: Final = 10.0
"""Between two fetches, however many tokens name keys that are not known."""

FETCH_SECONDS: Final = 5.0
AGAIN_SECONDS: Final = 2.0
"""When a fetch that failed is tried again, where there are no keys at all."""

_LARGEST: Final = 512 * 1024


class SigningKeys:
    """The keys of one issuer, by their ids.

    Args:
        issuer: The authorization server, as its tokens name it.
        jwks_url: Where its keys are; None: where its metadata says.
    """

    def __init__(self, issuer: str, jwks_url: str | None = None) -> None:
        self._issuer = issuer
        self._jwks_url = jwks_url
        self._keys: Mapping[str | None, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._lock = anyio.Lock()

    async def key(self, key_id: str | None) -> jwt.PyJWK:
        """The key with an id, or the only key where a token names none.

        Raises:
            Unauthorized: The issuer has no such key.
            Unavailable: The issuer can't be asked.
        """
        age = time.monotonic() - self._fetched_at
        must = age > STALE_SECONDS
        # While one request fetches, others go on with the keys that there are.
        is_due = age > FRESH_SECONDS and not self._lock.locked()
        if must or is_due or self._find(key_id) is None:
            await self._refresh(must=must)
        if (found := self._find(key_id)) is None:
            raise Unauthorized("The token is signed with a key that its authorization server does not have.")
        return found

    def _find(self, key_id: str | None) -> jwt.PyJWK | None:
        if key_id is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(key_id)

    async def _refresh(self, *, must: bool) -> None:
        """Fetches the keys, unless that was tried a moment ago; once for all who wait."""
        asked_at = time.monotonic()
        async with self._lock:
            if must and self._tried_at > asked_at - AGAIN_SECONDS and self._fetched_at < self._tried_at:
                raise self._unavailable()
            if self._tried_at >= asked_at or (not must and asked_at - self._tried_at < PAUSE_SECONDS):
                return
            self._tried_at = time.monotonic()
            try:
                with anyio.fail_after(FETCH_SECONDS):
                    self._keys = await self._fetched()
                self._fetched_at = time.monotonic()
            except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError, KeyError, jwt.PyJWTError) as error:
                if must:
                    raise self._unavailable() from error

    def _unavailable(self) -> Unavailable:
        return Unavailable(
            f"The keys of the authorization server {self._issuer} can't be had.",
            hint="Whoever runs this server looks at --oauth-issuer and --oauth-jwks-url, and whether that one is up.",
            retryable=True,
            retry_after=AGAIN_SECONDS,
        )

    async def _fetched(self) -> Mapping[str | None, jwt.PyJWK]:
        # Beside the event loop, which reading the authorities' certificates would hold for 20 ms.
        trusted = await anyio.to_thread.run_sync(httpx.create_ssl_context)
        async with httpx.AsyncClient(verify=trusted, timeout=FETCH_SECONDS, follow_redirects=False) as http:
            url = self._jwks_url or await self._discovered(http)
            keys = jwt.PyJWKSet.from_dict(await _document(http, url)).keys
        return {key.key_id: key for key in keys if key.public_key_use in (None, "sig")}

    async def _discovered(self, http: httpx.AsyncClient) -> str:
        """Where the keys are, from the metadata of OAuth (RFC 8414) or of OpenID Connect."""
        for url in _metadata_urls(self._issuer):
            try:
                metadata = await _document(http, url)
            except (httpx.HTTPStatusError, ValueError):
                continue
            if metadata.get("issuer") == self._issuer:
                return str(metadata["jwks_uri"])
        raise ValueError("No metadata of the authorization server names it and its keys.")


def _metadata_urls(issuer: str) -> Sequence[str]:
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    return [
        urlunsplit(parts._replace(path=f"/.well-known/oauth-authorization-server{path}")),
        urlunsplit(parts._replace(path=f"/.well-known/openid-configuration{path}")),
        urlunsplit(parts._replace(path=f"{path}/.well-known/openid-configuration")),
    ]


async def _document(http: httpx.AsyncClient, url: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        HTTPError: It is not there.
        ValueError: It is none, or too large.
    """
    async with http.stream("GET", url, headers={"accept": "application/json"}) as answer:
        answer.raise_for_status()
        body = b""
        async for part in answer.aiter_bytes():
            body += part
            if len(body) > _LARGEST:
                raise ValueError("too large")
    try:
        document = json.loads(body)
    except RecursionError:
        raise ValueError("too deep") from None
    if not isinstance(document, dict):
        raise ValueError("no object")  # noqa: TRY004 - what another server sent
    return document
