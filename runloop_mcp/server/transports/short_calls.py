"""Calls over HTTP that are answered at once: with one JSON message, and without what a longer one needs.

For each request of the era without sessions, the SDK opens a stream that could tell of progress, and watches whether
the client goes away: two tasks and a cancellation, which is as much again as what a short read takes. A read that waits
for nothing has ended before either could matter.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from mcp.server._streamable_http_modern import handle_modern_request  # one mode for all is all that is public
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PATH: Final = "/mcp"
_VERSIONS: Final = frozenset(version.encode() for version in MODERN_PROTOCOL_VERSIONS)
_STREAM: Final = b"text/event-stream"
_MAY_WAIT: Final = (b"wait_seconds", b"\\", b"\0")
"""What stands in a message that asks a read to wait: plainly, or in JSON's escapes, or in UTF-16 or UTF-32."""


class ShortCalls:
    """ASGI middleware behind those that check requests; it takes their bodies to be there as a whole.

    Args:
        app: The application behind it, which answers all other requests.
        manager: The SDK's, of `/mcp`.
        is_short: Whether a tool only reads what is at hand, and waits for nothing unless it is asked to.
    """

    def __init__(
        self, app: "ASGIApp", manager: "StreamableHTTPSessionManager", is_short: Callable[[str], bool]
    ) -> None:
        self._app = app
        self._manager = manager
        self._is_short = is_short

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Run one request."""
        if scope["type"] != "http" or scope["path"] != _PATH or not self._may_be_short(scope):
            await self._app(scope, receive, send)
            return
        message = await receive()
        body = message.get("body", b"")
        is_short = not any(sign in body for sign in _MAY_WAIT)

        whole = [message]

        async def again() -> "Message":
            return whole.pop() if whole else await receive()

        if not is_short:
            await self._app(scope, again, send)
            return
        manager = self._manager
        state = manager._lifespan_state  # noqa: SLF001  nothing public tells
        await handle_modern_request(manager.app, manager.security_settings, True, state, scope, again, send)

    def _may_be_short(self, scope: "Scope") -> bool:
        """Whether the headers, which the SDK holds against the message, name a short tool."""
        told = dict(scope["headers"])  # one that is there twice is refused by either way
        if scope["method"] != "POST" or told.get(b"mcp-method") != b"tools/call":
            return False
        if told.get(b"mcp-protocol-version") not in _VERSIONS or _STREAM not in told.get(b"accept", b""):
            return False
        return self._is_short(told.get(b"mcp-name", b"").decode("latin-1"))
