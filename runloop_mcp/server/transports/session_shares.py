"""How many sessions a solver may have open: whoever has a key or token for one run must leave room for all others."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from runloop_mcp.api.access import PRINCIPAL, Principal, Role
from runloop_mcp.server.transports.refusal import refuse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

RUN_SHARE: Final = 20
"""Sessions of whoever is bound to a run."""

SOLVER_SHARE: Final = 200
"""Sessions of a solver that is not."""

_RETRY_AFTER_SECONDS: Final = 60.0


class SessionShares:
    """ASGI middleware that refuses a session too many of one solver; operators have no share.

    Args:
        app: The application behind it.
        owners: The ids of the principals whose sessions are open, one for each session.
    """

    def __init__(self, app: "ASGIApp", owners: Callable[[], Iterable[str]]) -> None:
        self._app = app
        self._owners = owners

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass on what opens no session, or one that its principal may still open."""
        share = _share(scope.get("state", {}).get(PRINCIPAL)) if _opens_a_session(scope) else None
        if share is not None:
            own = scope["state"][PRINCIPAL].id
            if sum(owner == own for owner in self._owners()) >= share:
                told = f"You have {share} sessions open, the most there may be. End one with DELETE, or use one again."
                await refuse(send, 503, "unavailable", told, retry_after=_RETRY_AFTER_SECONDS, as_rpc=True)
                return
        await self._app(scope, receive, send)


def _opens_a_session(scope: "Scope") -> bool:
    """Whether a request would open one, as the SDK tells: it names none, and is not of the era that has none."""
    if scope["type"] != "http" or not scope["path"].endswith("/mcp"):
        return False
    if any(name == b"mcp-session-id" for name, _ in scope["headers"]):
        return False
    # Of several the first counts.
    version = next((value for name, value in scope["headers"] if name == b"mcp-protocol-version"), None)
    return version is None or version.decode("latin-1") in HANDSHAKE_PROTOCOL_VERSIONS


def _share(principal: Principal | None) -> int | None:
    if principal is None or principal.role is not Role.SOLVER:
        return None
    return SOLVER_SHARE if principal.run_id is None else RUN_SHARE
