"""An authorization server as small as one can be: real keys, real metadata, tokens for clients that have a secret."""

import json
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from threaded_http import served_by

AUDIENCE = "https://runs.example/mcp"
"""How its tokens name the server that they are for."""
SECRET = "issuers-own"  # noqa: S105 - the tests' own


class Issuer:
    """Signs tokens with the keys that it publishes."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys: dict[str, Any] = {}
        self.asked: list[str] = []
        """The paths that were asked for."""
        self.nonsense: bytes | None = None
        """What is sent in place of every document."""
        self.hangs: threading.Event | None = None
        """What every answer waits for."""
        self.reached = threading.Event()
        """Set when an answer waits."""
        self.add("first")

    def add(self, key_id: str) -> None:
        """Publishes one more key: of an elliptic curve, but for the first."""
        first = not self.keys
        self.keys[key_id] = rsa.generate_private_key(65537, 2048) if first else ec.generate_private_key(ec.SECP256R1())

    def token(self, key_id: str = "first", *, key: Any = None, algorithm: str | None = None, **claims: Any) -> str:
        """A token for a subject named `ann`, with the scope of operators, where claims say nothing else."""
        signing = key or self.keys[key_id]
        usual = "RS256" if isinstance(signing, rsa.RSAPrivateKey) else "ES256"
        told = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "ann",
            "exp": int(time.time()) + 600,
            "scope": "runloop:operator",
            **claims,
        }
        told = {name: value for name, value in told.items() if value is not None}
        return jwt.encode(told, signing, algorithm=algorithm or usual, headers={"kid": key_id})

    def answer(self, path: str) -> dict[str, Any] | None:
        """The document at a path."""
        self.asked.append(path)
        if path == "/.well-known/oauth-authorization-server":
            return {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                "response_types_supported": ["code"],
                "grant_types_supported": ["client_credentials"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            }
        return {"keys": [self._public(key_id) for key_id in self.keys]} if path == "/keys" else None

    def _public(self, key_id: str) -> dict[str, Any]:
        key = self.keys[key_id]
        kind = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
        return {**json.loads(kind.to_jwk(key.public_key())), "kid": key_id, "use": "sig"}

    def exchange(self, authorization: str, form: dict[str, list[str]]) -> dict[str, Any] | None:
        """A token for a client that has the secret, about the client."""
        client, _, secret = b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        if secret != SECRET or form.get("grant_type") != ["client_credentials"]:
            return None
        scope = form.get("scope", ["runloop:solver"])[0]
        return {
            "access_token": self.token(sub=client, scope=scope),
            "token_type": "Bearer",
            "expires_in": 600,
            "scope": scope,
        }


@contextmanager
def issuing() -> Iterator[Issuer]:
    """An issuer on a socket of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(issuer.answer(self.path))

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            self._send(issuer.exchange(self.headers["authorization"] or "", form) if self.path == "/token" else None)

        def _send(self, document: dict[str, Any] | None) -> None:
            if issuer.hangs is not None:
                issuer.reached.set()
                issuer.hangs.wait()
            body = issuer.nonsense or json.dumps(document or {}).encode()
            self.send_response(404 if document is None else 200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with served_by(Handler) as address:
        issuer = Issuer(address)
        yield issuer
