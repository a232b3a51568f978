"""Idempotency keys of callers as what the wire knows repeated requests by."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from uuid import UUID

from runloop_mcp.api.access import Principal
from runloop_mcp.api.errors import InvalidRequest


def request_id(key: str | None, principal: Principal | None = None) -> str | None:
    """The id of all requests with a key, by this server or the next; None where there is no key.

    Keys are each principal's own. The wire tells apart what they are used for by its paths.
    """
    if key is None:
        return None
    return f"runloop-mcp-{_digest(principal.id if principal else '', key).hex()[:40]}"


def command_id(devbox_id: str, key: str | None) -> str:
    """The id of a command: the same for a key, else a new one. It is a UUID of version 7."""
    if key is None:
        number = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    else:
        number = int.from_bytes(_digest(devbox_id, key)[:16], "big")
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return str(UUID(int=number))


@contextmanager
def used_once(key: str | None) -> Iterator[None]:
    """Tells of a request id that was used before in the words of whoever gave the key."""
    try:
        yield
    except InvalidRequest as error:
        if key is not None and "x-request-id" in error.message:
            raise InvalidRequest(
                "This idempotency key was used before, for other arguments.",
                hint="Use a new key for each new request; the same one only to repeat the very same request.",
            ) from None
        raise


def _digest(*parts: str) -> bytes:
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()
