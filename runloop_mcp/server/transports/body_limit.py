"""How large a message over HTTP may be: as large as one over stdio."""

from typing import TYPE_CHECKING, Final

from runloop_mcp.server.transports.refusal import MESSAGE_PATHS, refuse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MESSAGE_LIMIT: Final = 16 * 2**20
"""The largest message, in bytes."""


class MessageLimit:
    """ASGI middleware that answers messages of MCP that are too large with 413, in a form that MCP clients show.

    A body that says its length is refused before it is sent; one that does not, as soon as it is too long.

    Args:
        app: The application behind it.
        limit: The largest body, in bytes.
    """

    def __init__(self, app: "ASGIApp", limit: int = MESSAGE_LIMIT) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass on what is small enough."""
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith(MESSAGE_PATHS):
            await self._app(scope, receive, send)
            return
        if _declared(scope) > self._limit:
            await self._refuse(send)
            return
        parts: list[bytes] = []
        size = 0
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._limit:
                await self._refuse(send)
                return
            more = message.get("more_body", False)
        whole: list[Message] = [{"type": "http.request", "body": b"".join(parts), "more_body": False}]
        parts.clear()

        async def again() -> "Message":
            return whole.pop() if whole else await receive()

        await self._app(scope, again, send)

    async def _refuse(self, send: "Send") -> None:
        message = f"The message is longer than {self._limit // 2**20} MiB. Send its content in smaller parts."
        await refuse(send, 413, "too_large", message, as_rpc=True)


def _declared(scope: "Scope") -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0
