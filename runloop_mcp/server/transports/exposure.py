"""Who can reach a server that serves over HTTP.

Everyone who reaches it can run commands, so without authentication it listens on this machine's own addresses only,
and answers only requests that were meant for it: a web page in the user's browser can otherwise reach it through a name
of its own that resolves to 127.0.0.1 (DNS rebinding), or by posting to it across origins.
"""

import ipaddress
import json
import socket
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from runloop_mcp.api.errors import InvalidRequest, Unavailable

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK_NAMES: Final = frozenset({"127.0.0.1", "localhost", "::1"})
"""The names under which this machine's own clients know it."""


def check_exposure(host: str, *, no_auth: bool) -> None:
    """Refuse to serve where somebody could come in who should not.

    Args:
        host: The address to listen on.
        no_auth: Whether the user said that whoever can connect may do everything.

    Raises:
        InvalidRequest: The address is not this machine's own, or it is and `no_auth` is off, since this version
            knows no keys yet.
    """
    if not _is_loopback(host):
        raise InvalidRequest(
            f"Refused to listen on {host!r}: without authentication, everyone who can reach that address could run "
            "commands here.",
            hint="Listen on 127.0.0.1 (the default), and reach it from elsewhere through a tunnel such as "
            "`ssh -L 8787:127.0.0.1:8787 this-machine`.",
        )
    if not no_auth:
        raise InvalidRequest(
            "Refused to serve over HTTP without authentication.",
            hint="Pass --no-auth to let every program on this machine use the server, or serve over stdio.",
        )


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on this machine's own address.

    Args:
        host: A loopback address, or `localhost` for 127.0.0.1.
        port: The port; 0 takes a free one.

    Raises:
        InvalidRequest: The address is not this machine's own.
        Unavailable: The port is taken, or may not be used.
    """
    check_exposure(host, no_auth=True)
    address = "127.0.0.1" if host == "localhost" else host
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(128)
        listener.setblocking(False)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = "is not a port number" if isinstance(error, OverflowError) else (error.strerror or str(error)).lower()
        raise Unavailable(
            f"Cannot listen on {host} port {port}: {reason}.",
            hint="Stop what uses it, or pass --port with another number; --port 0 takes a free one.",
            retryable=False,
        ) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """The address a client connects to, such as `http://127.0.0.1:8787`."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class OnlyAsked:
    """ASGI middleware that turns away requests meant for another name or sent by a page from elsewhere.

    Args:
        app: The application behind it.
        names: The names by which the server may be addressed, and from which pages may call it, whatever the port.
    """

    def __init__(self, app: "ASGIApp", names: Iterable[str] = LOOPBACK_NAMES) -> None:
        self._app = app
        self._names = frozenset(names)

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer 421 for a foreign Host and 403 for a foreign Origin; pass on what is left."""
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            if _name_in(b"//" + headers.get(b"host", b"")) not in self._names:
                await _refuse(send, 421, f"Unknown Host. Valid: {', '.join(sorted(self._names))}, with any port.")
                return
            if b"origin" in headers and _name_in(headers[b"origin"]) not in self._names:
                await _refuse(send, 403, "Pages from this Origin may not call this server.")
                return
        await self._app(scope, receive, send)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=256)
def _name_in(url: bytes) -> str | None:
    try:
        parts = urlsplit(url.decode("ascii"))
        parts.port  # noqa: B018  raises for what is no port
    except ValueError:
        return None
    # What else an authority can hold has no place in either header.
    return None if parts.username or parts.path or parts.query or parts.fragment else parts.hostname


async def _refuse(send: "Send", status: int, message: str) -> None:
    body = json.dumps({"error": {"code": "forbidden", "message": message}}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
