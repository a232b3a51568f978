"""Scenarios by what a person calls them: id or name."""

import os
from collections.abc import AsyncIterator
from difflib import get_close_matches
from pathlib import Path

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import InvalidRequest, NotFound
from runloop_mcp.api.ids import IdPrefix, stable_id
from runloop_mcp.api.models.scenario import ScenarioListParams, ScenarioView
from runloop_mcp.cli.wiring import folder_problems

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
        InvalidRequest: There are several, or its folder can't be loaded.
    """
    if called.startswith("scn_"):
        return await backend.scenarios.retrieve(called)
    named = (await backend.scenarios.list(ScenarioListParams(name=called, limit=_PAGE))).items
    if len(named) == 1:
        return named[0]
    if named:
        ids = ", ".join(scenario.id for scenario in named)
        raise InvalidRequest(f"{len(named)} scenarios are called {called!r}.", hint=f"Give the id of one: {ids}.")
    for problem in await folder_problems(backend):
        if called == problem.folder:
            raise InvalidRequest(f"The scenario {called!r} can't be loaded.", hint=str(problem))
    _refuse_folder(called)
    names = sorted({scenario.name async for scenario in all_scenarios(backend)})
    near = get_close_matches(called, names, n=3, cutoff=0.5) or names[:10]
    raise NotFound(f"There is no scenario {called!r}.", hint=f"There is: {', '.join(near) or 'none at all'}.")


def is_folder(called: str) -> bool:
    """Whether this is a folder that holds a scenario."""
    return (Path(called) / "scenario.yaml").is_file()


def folder_id(called: str) -> str:
    """The id that the scenario in a folder has."""
    from runloop_mcp.engine.scenarios.pack import pack_name

    folder = Path(called).resolve()
    return stable_id(IdPrefix.SCENARIO, pack_name(folder.parent), folder.name)


async def scenario_name(backend: Backend, scenario_id: str) -> str:
    """A scenario's name; its id where its folder is gone, as its runs stay."""
    try:
        return (await backend.scenarios.retrieve(scenario_id)).name
    except NotFound:
        return scenario_id


def _refuse_folder(called: str) -> None:
    """Says what is missing where a folder was meant that holds no scenario."""
    folder = Path(called)
    if not folder.is_dir():
        if os.sep in called and folder.exists():
            hint = f"A scenario is a folder with a scenario.yaml; {folder.parent}/*/ names all folders there."
            raise NotFound(f"{called} is a file.", hint=hint)
        if os.sep in called:
            raise NotFound(f"There is no folder {called}.", hint="Give a folder that holds a scenario.yaml.")
        return
    inside = sorted(path.parent.name for path in folder.glob("*/scenario.yaml"))
    hint = "A scenario is a folder with a scenario.yaml."
    if inside:
        some = f"give {folder / inside[0]}, or {folder}/*/ for all"
        hint = f"It is a folder of scenarios: add it with --scenarios, or {some}."
    raise NotFound(f"{called} holds no scenario.yaml.", hint=hint)
