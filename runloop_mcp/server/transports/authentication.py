"""Keys in front of everything that is served over HTTP: who has none gets nothing but the server's health."""

import logging
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken

from runloop_mcp.api.access import LOCAL_OPERATOR, PRINCIPAL, SIGNED_PATHS, Access, Principal
from runloop_mcp.api.errors import ApiError, Forbidden, Unauthorized
from runloop_mcp.server.caller import CALLER
from runloop_mcp.server.transports.protected_resource import WELL_KNOWN
from runloop_mcp.server.transports.refusal import refuse
from runloop_mcp.server.transports.requests import READMIT

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from runloop_mcp.server.transports.protected_resource import ProtectedResource

_OPEN: Final = frozenset({"/healthz", "/readyz", "/openapi.json"})
"""Nothing in these is secret, and whoever asks for them may have no key yet."""

_log = logging.getLogger(__name__)

_SCHEME: Final = b"bearer"

_RETRY_AFTER_SECONDS: Final = 1.0
"""What is said where the file of keys can't be read for the moment, and nobody knows how long."""


class Authentication:
    """ASGI middleware that passes requests on with the principal that made them.

    The principal stands in the scope's state under `PRINCIPAL`, and in `CALLER`. Sessions of MCP are bound to it. What
    is asked here once is asked of a stream again, for as long as it is open, by whoever serves the application.

    Args:
        app: The application behind it.
        access: Knows the keys; None where everyone is the operator, whatever key they send.
        resource: Which authorization server gives tokens; None where none does.
    """

    def __init__(
        self, app: "ASGIApp", access: Access | None = None, resource: "ProtectedResource | None" = None
    ) -> None:
        self._app = app
        self._access = access
        self._resource = resource
        self._trouble: str | None = None

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer 401 without a key that is good; pass on what is left."""
        if scope["type"] != "http" or _is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        try:
            principal = await self._principal(scope)
        except ApiError as error:
            told = isinstance(error, Unauthorized | Forbidden)
            headers = [(b"www-authenticate", self._challenge(scope, error))] if told else []
            after = (error.retry_after or _RETRY_AFTER_SECONDS) if error.retryable else None
            message = str(error) if told else self._noted(error)
            await refuse(send, error.status, error.code, message, headers, retry_after=after)
            return
        self._trouble = None
        state = {**scope.get("state", {}), PRINCIPAL: principal}
        token = CALLER.set(principal)
        try:
            await self._app({**scope, "state": state, "user": _user(principal)}, receive, send)
        finally:
            CALLER.reset(token)

    def _noted(self, error: ApiError) -> str:
        """What strangers are told of trouble of ours, which the log tells once in full: it names files."""
        if (trouble := str(error)) != self._trouble:
            self._trouble = trouble
            _log.error("Nobody can be let in: %s", trouble)
        return "Keys and tokens can't be looked up just now. Whoever runs this server finds the reason in its log."

    async def _principal(self, scope: "Scope") -> Principal:
        if self._access is None:
            return LOCAL_OPERATOR
        key = _bearer(scope)
        if key is None:
            raise Unauthorized(
                "This server answers only requests with a key.",
                hint="Send it as the header Authorization: Bearer KEY. An operator of the server makes one: "
                "runloop-mcp keys create NAME."
                + (f" Or get a token from {self._resource.issuer}." if self._resource else ""),
            )
        principal = await self._access.authenticate(key)
        if (set_readmission := scope.get("state", {}).get(READMIT)) is not None:
            set_readmission(_Readmission(self._access, key))
        return principal

    def _challenge(self, scope: "Scope", error: ApiError) -> bytes:
        """What a client is told to send: RFC 6750 wants to know whether it sent something, RFC 9728 where to get it."""
        parts = ['realm="runloop-mcp"']
        if isinstance(error, Forbidden):
            parts.append('error="insufficient_scope"')
        elif _bearer(scope) is not None:
            parts.append('error="invalid_token"')
        if self._resource is not None:
            parts.append(f'resource_metadata="{self._resource.metadata_url(scope)}"')
            parts.append(f'scope="{self._resource.scopes[-1]}"')
        return f"Bearer {', '.join(parts)}".encode("latin-1")


@dataclass(frozen=True, slots=True)
class _Readmission:
    """Asks for a key again; equal for all streams that it opened, so that one answer is for all of them."""

    access: Access
    key: str = field(repr=False)

    async def __call__(self) -> None:
        await self.access.authenticate(self.key)


def _is_open(path: str) -> bool:
    return path in _OPEN or path.startswith((SIGNED_PATHS, WELL_KNOWN))


def _bearer(scope: "Scope") -> str | None:
    """The key that a request carries; None where it carries none, or several."""
    sent = [value for name, value in scope["headers"] if name == b"authorization"]
    scheme, _, key = sent[0].strip().partition(b" ") if len(sent) == 1 else (b"", b"", b"")
    return key.strip().decode("latin-1") if scheme.lower() == _SCHEME and key.strip() else None


@lru_cache(maxsize=1000)
def _user(principal: Principal) -> AuthenticatedUser:
    """The principal as the MCP SDK knows it, which lets nobody else into a session."""
    return AuthenticatedUser(AccessToken(token="", client_id=principal.id, scopes=[]))
