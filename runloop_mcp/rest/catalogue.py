"""All operations of the REST API, in the order in which they are documented."""

from typing import Final

from runloop_mcp.rest.route import Route
from runloop_mcp.rest.routes import scenarios

ROUTES: Final[tuple[Route, ...]] = (*scenarios.ROUTES,)
