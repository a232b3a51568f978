"""Requests that come through a reverse proxy: as their clients sent them, where the proxy may be believed.

Anybody can send the headers in which proxies tell whom they speak for. They count only on connections from addresses
that the operator has named; from all others they are ignored.
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_SCHEMES: Final = ("http", "https")

_PAIR: Final = re.compile(r'\s*([!#$%&\'*+.^_`|~\w-]+)=("(?:[^"\\]|\\.)*"|[^\s";,]*)\s*')
"""A pair of the header Forwarded (RFC 7239)."""

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class BehindProxy:
    """ASGI middleware that puts a request's own scheme, host and client in the place of the proxy's.

    `X-Forwarded-Proto`, `-Host` and `-For` are read, and `Forwarded` where none of these is there: proxies that set the
    former often pass on whatever `Forwarded` a client has sent. Of several values the last counts, which the trusted
    proxy has added itself; the client is the last address that no trusted proxy has.

    Args:
        app: The application behind it.
        trusted: Addresses and networks of proxies that are believed.
        prefix: The path below which the proxy serves this, such as `/runloop`, whether it takes that away or not.
    """

    def __init__(self, app: "ASGIApp", trusted: Iterable[str] = (), prefix: str = "") -> None:
        self._app = app
        self._networks: Sequence[_Network] = [ipaddress.ip_network(each, strict=False) for each in trusted]
        self._prefix = prefix.rstrip("/")
        self._is_trusted = lru_cache(maxsize=256)(self._look_up)

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass the request on."""
        if scope["type"] == "http":
            if self._networks and self._is_trusted((scope.get("client") or ("",))[0]):
                scope = {**scope, **self._told(scope)}
            if self._prefix:
                scope = {**scope, **self._below_prefix(scope)}
        await self._app(scope, receive, send)

    def _look_up(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(found, "ipv4_mapped", None)
        return any((mapped or found) in network for network in self._networks)

    def _told(self, scope: "Scope") -> dict[str, Any]:
        """What the proxy tells of the request, as far as it does."""
        proto, host, clients = _x_forwarded(scope) or _forwarded(scope)
        told: dict[str, Any] = {}
        if proto in _SCHEMES:
            told["scheme"] = proto
        if host:
            others = [(name, value) for name, value in scope["headers"] if name != b"host"]
            told["headers"] = [*others, (b"host", host.encode("latin-1"))]
        client = self._client(clients)
        if client:
            told["client"] = (client, 0)
        return told

    def _client(self, addresses: Sequence[str]) -> str:
        """The last address that is no trusted proxy's, else the first."""
        for address in reversed(addresses):
            if not self._is_trusted(address):
                return address
        return addresses[0] if addresses else ""

    def _below_prefix(self, scope: "Scope") -> dict[str, Any]:
        path: str = scope["path"]
        below: dict[str, Any] = {"root_path": self._prefix}
        if path == self._prefix or path.startswith(self._prefix + "/"):
            below["path"] = path[len(self._prefix) :] or "/"
        return below


_Told = tuple[str, str, Sequence[str]]
"""Scheme, host and the addresses that the request came by; empty where nothing is told."""


def _x_forwarded(scope: "Scope") -> _Told | None:
    """What the headers X-Forwarded-* tell; None where there is none."""
    proto, host, clients = (
        _values(scope, name) for name in (b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-for")
    )
    if not (proto or host or clients):
        return None
    return (proto or [""])[-1].lower(), (host or [""])[-1], [_address(each) for each in clients]


def _forwarded(scope: "Scope") -> _Told:
    """What the header Forwarded tells."""
    hops = []
    for element in _split_unquoted(b",".join(value for name, value in scope["headers"] if name == b"forwarded")):
        pairs = {name.lower(): _unquoted(value) for name, value in _PAIR.findall(element)}
        if pairs:
            hops.append(pairs)
    last = hops[-1] if hops else {}
    return last.get("proto", "").lower(), last.get("host", ""), [_address(hop["for"]) for hop in hops if "for" in hop]


def _values(scope: "Scope", wanted: bytes) -> list[str]:
    whole = b",".join(value for name, value in scope["headers"] if name == wanted)
    return [part.strip() for part in whole.decode("latin-1").split(",") if part.strip()]


def _split_unquoted(header: bytes) -> list[str]:
    return re.findall(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+', header.decode("latin-1"))


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def _address(node: str) -> str:
    """The address in what a proxy calls a client, which may have a port."""
    if node.startswith("["):
        return node[1:].partition("]")[0]
    return node.partition(":")[0] if node.count(":") == 1 else node
