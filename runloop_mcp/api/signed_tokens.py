"""Tokens that are good for one purpose and for so long, for whoever has the secret that signed them."""

import base64
import hmac
import time
from typing import Final

from runloop_mcp.api.errors import Unauthorized

_LONGEST: Final = 100


def signed(secret: bytes, purpose: str, *, seconds: float) -> str:
    """A token for a purpose, good for so many seconds."""
    expiry_ms = time.time_ns() // 1_000_000 + round(seconds * 1000)
    return f"{expiry_ms}.{_mac(secret, purpose, expiry_ms)}"


def verify(secret: bytes, purpose: str, token: str) -> None:
    """Says whether a token was signed for a purpose and is still good.

    Raises:
        Unauthorized: It is not.
    """
    expiry, _, mac = token.partition(".")
    if not (len(token) <= _LONGEST and token.isascii() and expiry.isdigit()):
        raise _refused()
    # Compared first, so that only a token of ours tells that it expired.
    if not hmac.compare_digest(mac, _mac(secret, purpose, int(expiry))):
        raise _refused()
    if int(expiry) < time.time_ns() // 1_000_000:
        raise Unauthorized("This address has expired.", hint="Ask for a new one.")


def _mac(secret: bytes, purpose: str, expiry_ms: int) -> str:
    signed = f"{expiry_ms}\0{purpose}".encode("utf-8", "surrogatepass")
    return base64.urlsafe_b64encode(hmac.digest(secret, signed, "sha256")).decode().rstrip("=")


def _refused() -> Unauthorized:
    return Unauthorized(
        "This address was not signed by this server.", hint="Use it as you got it, or ask for a new one."
    )
