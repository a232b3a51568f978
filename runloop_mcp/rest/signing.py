"""Addresses that work without a key, for a while, because a signature in them says so."""

import secrets
from typing import Protocol
from urllib.parse import urlencode

from starlette.requests import Request

from runloop_mcp.api import signed_tokens


class Signer(Protocol):
    """What signs; `Access` is one."""

    def sign(self, purpose: str, *, seconds: float) -> str:
        """A token that is good for one purpose, for so long."""

    def verify(self, purpose: str, token: str) -> None:
        """Raises `Unauthorized` where a token was not signed for a purpose, or is no longer good."""


class ProcessSigner(Signer):
    """Signs with a secret that ends with the process, for a server that keeps no keys."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def sign(self, purpose: str, *, seconds: float) -> str:
        """See `Signer.sign`."""
        return signed_tokens.signed(self._secret, purpose, seconds=seconds)

    def verify(self, purpose: str, token: str) -> None:
        """See `Signer.verify`."""
        signed_tokens.verify(self._secret, purpose, token)


class SignedAddresses:
    """Makes and checks addresses that work without a key.

    Args:
        signer: What signs.
        public_url: Where clients reach the server, such as `https://evals.example.com`; None: where the request that
            asks for the address reached it.
    """

    def __init__(self, signer: Signer, public_url: str | None = None) -> None:
        self._signer = signer
        self._public_url = public_url.rstrip("/") if public_url is not None else None

    def address(self, request: Request, method: str, path: str, *, seconds: float) -> str:
        """A whole address, good for one method and path."""
        base = self._public_url or f"{request.url.scheme}://{request.url.netloc}"
        token = self._signer.sign(_purpose(method, path), seconds=seconds)
        return f"{base}{path}?{urlencode({'token': token})}"

    def check(self, request: Request, token: str) -> None:
        """Lets a request through whose address was signed for it.

        Raises:
            Unauthorized: It was not, or is no longer good.
        """
        self._signer.verify(_purpose(request.method, request.scope["path"]), token)


def _purpose(method: str, path: str) -> str:
    return f"{method} {path}"
