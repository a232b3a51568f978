"""Who can reach a server that serves over HTTP.

Everyone who may use it can run commands, so without authentication it listens on this machine's own addresses only,
and answers only requests that were meant for it: a web page in the user's browser can otherwise reach it through a name
of its own that resolves to 127.0.0.1 (DNS rebinding), or by posting to it across origins.
"""

import ipaddress
import socket
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from runloop_mcp.api.errors import InvalidRequest, Unavailable
from runloop_mcp.server.transports.refusal import refuse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK_NAMES: Final = frozenset({"127.0.0.1", "localhost", "::1"})
"""The names under which this machine's own clients know it."""

_HINT: Final = "The server's operator adds a name with --allowed-host."


def check_exposure(host: str, *, authenticated: bool) -> None:
    """Refuse to serve where somebody could come in who should not.

    Args:
        host: The address to listen on.
        authenticated: Whether nobody is served without a key.

    Raises:
        InvalidRequest: Others than this machine could come in without a key.
    """
    if not authenticated and not is_loopback(host):
        raise InvalidRequest(
            f"Refused to listen on {host!r}: without authentication, everyone who can reach that address could run "
            "commands here.",
            hint="Leave --no-auth out, and make a key with: runloop-mcp keys create NAME. Or listen on 127.0.0.1 (the "
            "default), and reach it from elsewhere through a tunnel such as `ssh -L 8787:127.0.0.1:8787 this-machine`.",
        )


def names_for(host: str, allowed: Iterable[str] = ()) -> frozenset[str]:
    """The names by which a server may be addressed.

    Args:
        host: What it listens on.
        allowed: Further names, such as that of a proxy in front of it; without port.
    """
    own = set() if is_loopback(host) else {host.lower(), socket.gethostname().lower()}
    return frozenset({*LOOPBACK_NAMES, *own, *(name.lower().strip("[]") for name in allowed)})


def listen(host: str, port: int, *, authenticated: bool = False) -> socket.socket:
    """A socket that listens.

    Args:
        host: An address or name of this machine, `localhost` for 127.0.0.1; a loopback address where everyone is
            served.
        port: The port; 0 takes a free one.
        authenticated: Whether nobody is served without a key.

    Raises:
        InvalidRequest: Others than this machine could come in without a key.
        Unavailable: The address is not this machine's, or the port is taken or may not be used.
    """
    check_exposure(host, authenticated=authenticated)
    try:
        family, address = _resolved(host)
        listener = socket.socket(family, socket.SOCK_STREAM)
    except (OSError, OverflowError, UnicodeError) as error:
        raise _cannot_listen(host, port, error) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(128)
        listener.setblocking(False)
    except (OSError, OverflowError) as error:
        listener.close()
        raise _cannot_listen(host, port, error) from error
    return listener


def _resolved(host: str) -> tuple[int, str]:
    if not host:
        # A resolver takes this for every address there is, which has to be asked for.
        raise OSError(0, "no address was given")
    name = "127.0.0.1" if host == "localhost" else host
    family, _, _, _, address = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)[0]
    return family, str(address[0])


def _cannot_listen(host: str, port: int, error: Exception) -> Unavailable:
    reason = "that is not a port number" if isinstance(error, OverflowError) else str(getattr(error, "strerror", error))
    return Unavailable(
        f"Cannot listen on {host} port {port}: {reason.lower()}.",
        hint="Stop what uses it, or pass --port with another number (--port 0 takes a free one), and as --host an "
        "address that this machine has.",
        retryable=False,
    )


def url_of(listener: socket.socket) -> str:
    """The address a client connects to, such as `http://127.0.0.1:8787`."""
    host, port = listener.getsockname()[:2]
    # Every address there is has no address of its own; the loopback is one of them.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - this one is listened on, not chosen
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class OnlyAsked:
    """ASGI middleware that turns away requests meant for another name or sent by a page from elsewhere.

    Args:
        app: The application behind it.
        names: The names by which the server may be addressed, and from which pages may call it, whatever the port. So
            may the address that a request has reached: nobody can make that point elsewhere.
    """

    def __init__(self, app: "ASGIApp", names: Iterable[str] = LOOPBACK_NAMES) -> None:
        self._app = app
        self._names = frozenset(names)

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer 421 for a foreign Host and 403 for a foreign Origin; pass on what is left."""
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            if not self._is_own(_name_in(b"//" + headers.get(b"host", b"")), scope):
                names = ", ".join(sorted(self._names))
                await refuse(send, 421, "forbidden", f"Unknown Host. Valid: {names}, with any port. {_HINT}")
                return
            if b"origin" in headers and not self._is_own(_name_in(headers[b"origin"]), scope):
                await refuse(send, 403, "forbidden", f"Pages from this Origin may not call this server. {_HINT}")
                return
        await self._app(scope, receive, send)

    def _is_own(self, name: str | None, scope: "Scope") -> bool:
        if name is None or name in self._names:
            return name is not None
        return _is_address(name) and name == (scope.get("server") or ("",))[0]


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine reaches an address."""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


@lru_cache(maxsize=256)
def _is_address(name: str) -> bool:
    """Whether this is an IP address, which no name service can make point elsewhere."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=256)
def _name_in(url: bytes) -> str | None:
    try:
        parts = urlsplit(url.decode("ascii"))
        parts.port  # noqa: B018  raises for what is no port
    except ValueError:
        return None
    # What else an authority can hold has no place in either header.
    return None if parts.username or parts.path or parts.query or parts.fragment else parts.hostname
