"""One request of a route, as its handler sees it."""

from dataclasses import dataclass

from starlette.requests import Request

from runloop_mcp.api.access import Principal
from runloop_mcp.api.backend import Backend
from runloop_mcp.rest.signing import SignedAddresses


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler gets beside the parameters of the path, the query and the body."""

    backend: Backend
    principal: Principal
    idempotency_key: str | None
    """Names this request and every retry of it, for the ports that take one; None where the client names none."""
    request: Request
    """The request itself, for what the framework does not read: form data, addresses, streams."""
    addresses: SignedAddresses
    """Makes and checks addresses that work without a key."""
