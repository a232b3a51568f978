"""What clients offer while a person types an id: of a prompt's argument or a resource's URI."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mcp_types import Completion

from runloop_mcp.api.access import Principal
from runloop_mcp.api.backend import Backend
from runloop_mcp.api.ids import IdPrefix
from runloop_mcp.api.models.devbox import OutputStream
from runloop_mcp.api.models.run import RunListParams
from runloop_mcp.api.models.scenario import ScenarioListParams
from runloop_mcp.api.trace import EventKind
from runloop_mcp.server.handles import find_run

_MOST: Final = 100
"""Values that the protocol allows in one answer."""
_LOOKED_AT: Final = 500
"""Scenarios or runs among which values are found, newest first."""
_EVENTS: Final = 2000
"""Events of a run's record among which its executions are found, newest last."""


@dataclass(frozen=True, slots=True)
class Typing:
    """What somebody is typing."""

    argument: str
    """Whose value it is to become."""
    begun: str
    """What is typed so far."""
    given: Mapping[str, str] = field(default_factory=dict)
    """The values of other arguments."""
    in_uri: bool = False
    """Whether it becomes a part of a URI."""


async def complete(backend: Backend, principal: Principal, typing: Typing) -> Completion:
    """The values that what was typed may become, the likeliest first.

    Raises:
        ApiError: The backend can't be asked, or the run that is given is none that the principal may see.
    """
    match typing.argument:
        case "scenario_id":
            found = await _scenarios(backend, typing)
        case "run_id":
            found = await _runs(backend, typing)
        case "execution_id":
            found = await _executions(backend, principal, typing)
        case "stream":
            found = [stream for stream in OutputStream if stream.startswith(typing.begun)]
        case _:
            found = []
    return Completion(values=found[:_MOST], total=len(found), has_more=len(found) > _MOST)


async def _scenarios(backend: Backend, typing: Typing) -> list[str]:
    """Names that begin so, then ids: of those and of all scenarios with the words in their names."""
    typed = typing.begun.casefold()
    is_id = bool(typed) and f"{IdPrefix.SCENARIO}_".startswith(typed[:4])
    page = await backend.scenarios.list(
        ScenarioListParams(limit=_LOOKED_AT, search=None if is_id else typing.begun or None)
    )
    count = Counter(item.name for item in page.items)
    names = [
        name
        for name in count
        if name.casefold().startswith(typed) and count[name] == 1 and not (typing.in_uri and _NO_PART.search(name))
    ]
    ids = [item.id for item in page.items if item.id.startswith(typing.begun) or typed in item.name.casefold()]
    return [*names, *ids]


_NO_PART: Final = re.compile(r"[^\w.~-]", re.ASCII)
"""What has no place in a part of a URI as it stands."""


async def _runs(backend: Backend, typing: Typing) -> list[str]:
    scenario_id = typing.given.get("scenario_id", "")
    is_id = scenario_id.startswith(f"{IdPrefix.SCENARIO}_")
    page = await backend.runs.list(RunListParams(limit=_LOOKED_AT, scenario_id=scenario_id if is_id else None))
    return [run.id for run in page.items if run.id.startswith(typing.begun)]


async def _executions(backend: Backend, principal: Principal, typing: Typing) -> list[str]:
    """The executions of the run that is given, newest first."""
    if "run_id" not in typing.given:
        return []
    run = await find_run(backend, principal, typing.given["run_id"])
    after = max(await backend.trace.end(run.id) - _EVENTS, 0)
    events = await backend.trace.events(run.id, after=after, limit=_EVENTS)
    ids = [str(event.data.get("execution_id")) for event in reversed(events) if event.kind == EventKind.EXECUTION]
    return [each for each in ids if each.startswith(typing.begun)]
