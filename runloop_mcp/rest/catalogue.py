"""All operations of the REST API, in the order in which they are documented."""

from typing import Final

from runloop_mcp.rest.route import Route
from runloop_mcp.rest.routes import agents, blueprints, devboxes, executions, files, objects, scenarios, snapshots

ROUTES: Final[tuple[Route, ...]] = (
    *scenarios.ROUTES,
    *devboxes.ROUTES,
    *files.ROUTES,
    *executions.ROUTES,
    *snapshots.ROUTES,
    *blueprints.ROUTES,
    *agents.ROUTES,
    *objects.ROUTES,
)
