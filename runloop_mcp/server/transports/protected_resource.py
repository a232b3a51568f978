"""Where clients without a token learn which authorization server gives one (RFC 9728)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.types import Scope

WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"


@dataclass(frozen=True, slots=True)
class ProtectedResource:
    """A server whose clients bring tokens of an authorization server."""

    issuer: str
    scopes: Sequence[str]
    public_url: str | None = None
    """Where clients reach the server; None: where each request reached it."""
    paths: tuple[str, ...] = ("/mcp", "/sse")

    def routes(self) -> list[Route]:
        """What answers, to everyone: for each path, and for the first without one."""
        return [Route(WELL_KNOWN + path, self._answer) for path in ("", *self.paths)]

    def metadata_url(self, scope: "Scope") -> str:
        """Where the metadata of what a request asked for is."""
        path = next((path for path in self.paths if scope["path"].startswith(path)), self.paths[0])
        return f"{self._base(scope)}{WELL_KNOWN}{path}"

    async def _answer(self, request: Request) -> Response:
        path = request.scope["path"].removeprefix(WELL_KNOWN) or self.paths[0]
        return JSONResponse(
            {
                "resource": self._base(request.scope) + path,
                "authorization_servers": [self.issuer],
                "scopes_supported": list(self.scopes),
                "bearer_methods_supported": ["header"],
                "resource_name": "Runloop scenarios",
            }
        )

    def _base(self, scope: "Scope") -> str:
        if self.public_url is not None:
            return self.public_url
        host = next((value for name, value in scope["headers"] if name == b"host"), b"localhost")
        return f"{scope['scheme']}://{host.decode('latin-1')}"
