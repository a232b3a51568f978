"""Puts an authorization server beside the keys of a server, where settings name one."""

from typing import TYPE_CHECKING

from runloop_mcp.api.access import Access
from runloop_mcp.api.errors import InvalidRequest, Unavailable
from runloop_mcp.cli.settings import Settings

if TYPE_CHECKING:
    from runloop_mcp.server.transports.protected_resource import ProtectedResource


def with_oauth(settings: Settings, keys: Access, *, no_auth: bool) -> "tuple[Access, ProtectedResource | None]":
    """Who is let in, by keys and by tokens of an authorization server, and what clients are told of the latter.

    Raises:
        InvalidRequest: Nothing tells which tokens are for this server, or everyone is let in anyway.
        Unavailable: What checks tokens is not installed.
    """
    if settings.oauth_issuer is None:
        return keys, None
    if no_auth:
        raise InvalidRequest(
            "--no-auth lets everyone in, so that no token of an authorization server would count.",
            hint="Leave out --no-auth, or --oauth-issuer.",
        )
    # A client asks for a token for what it reaches, which over SSE is not /mcp.
    audience = settings.oauth_audience or [f"{settings.public_url}{path}" for path in ("/mcp", "/sse")]
    if settings.oauth_audience is None and settings.public_url is None:
        raise InvalidRequest(
            "Nothing tells which tokens of the authorization server are for this server.",
            hint="Give --oauth-audience, as tokens have it in `aud`, or --public-url.",
        )
    try:
        import cryptography  # noqa: F401 - what PyJWT checks signatures with

        from runloop_mcp.access.oauth.bearer import OAuthAccess
        from runloop_mcp.access.oauth.signing_keys import SigningKeys
    except ImportError:
        raise Unavailable(
            "Tokens of an authorization server can't be checked: a package is missing.",
            hint="Install it with: pip install 'runloop-mcp[oauth]'.",
        ) from None
    from runloop_mcp.server.transports.protected_resource import ProtectedResource

    access = OAuthAccess(
        keys,
        SigningKeys(settings.oauth_issuer, settings.oauth_jwks_url),
        issuer=settings.oauth_issuer,
        audience=audience,
        operator_scope=settings.oauth_operator_scope,
        solver_scope=settings.oauth_solver_scope,
    )
    scopes = (settings.oauth_operator_scope, settings.oauth_solver_scope)
    return access, ProtectedResource(settings.oauth_issuer, scopes, settings.public_url)
