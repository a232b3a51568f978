"""Answers that the server gives by itself, before any face has seen the request: in the form of the wire's errors."""

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from starlette.types import Send

_RPC_ERROR: Final = -32600
"""JSON-RPC's code for a request that is refused as it is."""

MESSAGE_PATHS: Final = ("/mcp", "/messages")
"""What the paths begin with at which messages of MCP arrive."""


async def refuse(
    send: "Send",
    status: int,
    code: str,
    message: str,
    headers: Sequence[tuple[bytes, bytes]] = (),
    *,
    retry_after: float | None = None,
    as_rpc: bool = False,
) -> None:
    """Answers a request with an error.

    Args:
        send: Where the answer goes.
        status: The HTTP status.
        code: The kind of error, for programs.
        message: What happened and what to do next, for people.
        headers: Further headers.
        retry_after: Seconds after which the same request may succeed; None: it will not.
        as_rpc: Whether the client speaks MCP: it then gets an error of JSON-RPC, which MCP clients show.
    """
    told: dict[str, Any] = {"code": code, "message": message}
    if as_rpc:
        told = {"jsonrpc": "2.0", "id": None, "error": {"code": _RPC_ERROR, "message": message, "data": {"code": code}}}
    body = json.dumps(told).encode()
    own = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"x-should-retry", b"false" if retry_after is None else b"true"),
    ]
    if retry_after is not None:
        own.append((b"retry-after-ms", str(math.ceil(retry_after * 1000)).encode()))
        own.append((b"retry-after", str(math.ceil(retry_after)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": [*own, *headers]})
    await send({"type": "http.response.body", "body": body})
