"""What clients offer while a person types an id: of a prompt's argument or a resource's URI."""

from typing import Final

from mcp_types import Completion

from runloop_mcp.api.access import Principal
from runloop_mcp.api.backend import Backend
from runloop_mcp.api.models.devbox import OutputStream
from runloop_mcp.api.models.run import RunListParams
from runloop_mcp.api.models.scenario import ScenarioListParams
from runloop_mcp.server.handles import may_see, visible_scenarios

_MOST: Final = 100
"""Values that the protocol allows in one answer."""


async def complete(backend: Backend, principal: Principal, argument: str, begun: str) -> Completion:
    """The values of an argument that begin with, or for scenarios are named by, what was typed."""
    match argument:
        case "scenario_id":
            page = await visible_scenarios(backend, principal, ScenarioListParams(limit=500))
            typed = begun.casefold()
            found = [item.id for item in page.items if item.id.startswith(begun) or typed in item.name.casefold()]
        case "run_id":
            runs = await backend.runs.list(RunListParams(limit=500))
            found = [run.id for run in runs.items if run.id.startswith(begun) and may_see(principal, run)]
        case "stream":
            found = [stream for stream in OutputStream if stream.startswith(begun)]
        case _:
            found = []
    return Completion(values=found[:_MOST], total=len(found), has_more=len(found) > _MOST)
