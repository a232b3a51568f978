"""Who calls with a token of an authorization server: checked here, without asking it about each."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final

import jwt

from runloop_mcp.access.oauth.signing_keys import SigningKeys
from runloop_mcp.access.secret import KEY_PREFIX
from runloop_mcp.api.access import Access, Principal, Role
from runloop_mcp.api.errors import Forbidden, Unauthorized

ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
"""Signatures with a public key alone: with a shared secret whoever checks tokens could make them."""

LEEWAY_SECONDS: Final = 30
"""By how much clocks may differ."""

_KNOWN_SECONDS: Final = 60.0
"""For how long a token that was checked is not checked again."""
REMEMBERED: Final = 5000
"""Tokens that are remembered as checked: more than there are streams, each of which is asked for its own every second.
With fewer, tokens that are asked for in turn would push each other out, and none would ever be found."""
_LONGEST: Final = 16_384
_LONGEST_SUBJECT: Final = 200
_HINT: Final = "Get one from the authorization server, for this server (its audience)."


class OAuthAccess(Access):
    """Access by keys of this server, and by tokens of an authorization server beside them.

    Args:
        keys: Knows the keys of this server.
        signing_keys: The keys of the authorization server.
        issuer: How it names itself in tokens.
        audience: How tokens for this server name it; one of these, where there are several.
        operator_scope: The scope of operators.
        solver_scope: The scope of solvers.
    """

    def __init__(
        self,
        keys: Access,
        signing_keys: SigningKeys,
        *,
        issuer: str,
        audience: str | Sequence[str],
        operator_scope: str,
        solver_scope: str,
    ) -> None:
        self._keys = keys
        self._signing_keys = signing_keys
        self._issuer = issuer
        self._audience = audience
        self._operator_scope = operator_scope
        self._solver_scope = solver_scope
        self._known: OrderedDict[bytes, tuple[float, float, Principal]] = OrderedDict()
        """By digest of a token: until when it is good, by both clocks, and for whom."""

    async def authenticate(self, token: str) -> Principal:
        """The principal that a key or token stands for.

        Raises:
            Unauthorized: It is not known, has expired, or is for another server.
            Forbidden: The token is good, and has no scope of this server.
            Unavailable: The authorization server has to be asked for its keys, and does not answer.
        """
        if token.startswith(KEY_PREFIX) or token.count(".") != 2 or len(token) > _LONGEST:
            return await self._keys.authenticate(token)
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._known.get(digest)
        if known is not None and known[0] > time.monotonic() and known[1] > time.time():
            return known[2]
        claims = await self._claims(token)
        principal = self._principal(claims)
        self._known[digest] = (time.monotonic() + _KNOWN_SECONDS, claims["exp"], principal)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return principal

    async def _claims(self, token: str) -> dict[str, Any]:
        """What a token says, once its signature, issuer, audience and time are checked."""
        try:
            header = jwt.get_unverified_header(token)
            key_id, algorithm = header.get("kid"), header.get("alg")
            if algorithm not in ALGORITHMS or not isinstance(key_id, str | None):
                raise Unauthorized("The token is not signed in a way that this server takes.", hint=_HINT)
            key = await self._signing_keys.key(key_id)
            if (declared := key.algorithm_name) and declared != algorithm and not _same_family(declared, algorithm):
                raise Unauthorized("The token is signed otherwise than its key is for.", hint=_HINT)
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[algorithm],
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
            return {**claims, "exp": float(claims["exp"])}
        except jwt.ExpiredSignatureError:
            raise Unauthorized("The token has expired.", hint=_HINT) from None
        except jwt.InvalidAudienceError:
            raise Unauthorized("The token is for another server.", hint=_HINT) from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
            raise Unauthorized("The token is not good here.", hint=_HINT) from None

    def _principal(self, claims: dict[str, Any]) -> Principal:
        """Whoever the token is about: attempts count by it.

        Raises:
            Forbidden: It has no scope of this server.
        """
        scopes = _scopes(claims)
        if self._operator_scope in scopes:
            role = Role.OPERATOR
        elif self._solver_scope in scopes:
            role = Role.SOLVER
        else:
            raise Forbidden(
                "The token has no scope of this server.",
                hint=f"Ask the authorization server for {self._solver_scope}, or {self._operator_scope}.",
            )
        subject = str(claims["sub"])
        if len(subject) > _LONGEST_SUBJECT or not subject.isprintable():
            subject = hashlib.sha256(subject.encode("utf-8", "surrogatepass")).hexdigest()
        return Principal(f"oauth:{subject}", role)

    def sign(self, purpose: str, *, seconds: float) -> str:
        """See `Access.sign`."""
        return self._keys.sign(purpose, seconds=seconds)

    def verify(self, purpose: str, token: str) -> None:
        """See `Access.verify`."""
        self._keys.verify(purpose, token)


def _same_family(one: str, other: str) -> bool:
    """Whether one key makes both signatures: a key for RSA that names no algorithm is taken for one of RS256."""
    rsa = ("RS", "PS")
    return one.startswith(rsa) and other.startswith(rsa)


def _scopes(claims: dict[str, Any]) -> frozenset[str]:
    """The scopes of a token: `scope` as the standard has it, or `scp` as some authorization servers do."""
    found: set[str] = set()
    for name in ("scope", "scp"):
        value = claims.get(name)
        if isinstance(value, str):
            found |= set(value.split())
        elif isinstance(value, list):
            found |= {each for each in value if isinstance(each, str)}
    return frozenset(found)
