"""Scenarios by what a person calls them: id or name."""

from collections.abc import AsyncIterator
from difflib import get_close_matches

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import NotFound
from runloop_mcp.api.models.scenario import ScenarioListParams, ScenarioView

_PAGE = 200


async def all_scenarios(backend: Backend, params: ScenarioListParams | None = None) -> AsyncIterator[ScenarioView]:
    """Every scenario that matches, page by page."""
    params = (params or ScenarioListParams()).model_copy(update={"limit": _PAGE})
    while True:
        page = await backend.scenarios.list(params)
        for scenario in page.items:
            yield scenario
        if not page.has_more or not page.items:
            return
        params = params.model_copy(update={"starting_after": page.items[-1].id})


async def find_scenario(backend: Backend, called: str) -> ScenarioView:
    """The scenario with this id or name.

    Raises:
        NotFound: There is none; the hint names those that come near.
    """
    if called.startswith("scn_"):
        return await backend.scenarios.retrieve(called)
    named = await backend.scenarios.list(ScenarioListParams(name=called, limit=1))
    if named.items:
        return named.items[0]
    names = sorted([scenario.name async for scenario in all_scenarios(backend)])
    near = get_close_matches(called, names, n=3, cutoff=0.5) or names[:10]
    raise NotFound(f"There is no scenario {called!r}.", hint=f"There is: {', '.join(near) or 'none at all'}.")
