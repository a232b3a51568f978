"""From a run to its score card, with the earlier attempts that the caller may see: best of several is no first try."""

import logging
from collections.abc import Callable
from typing import Final

from runloop_mcp.api.access import Principal
from runloop_mcp.api.backend import Backend
from runloop_mcp.api.disclosure import run_for_solver
from runloop_mcp.api.errors import ApiError
from runloop_mcp.api.models.run import RunListParams, ScenarioRunView
from runloop_mcp.server.rendering.score import score_card
from runloop_mcp.server.results import ScoreCard

Shown = Callable[[ScenarioRunView], ScenarioRunView]
"""A run as whoever reads may see it."""

_log = logging.getLogger(__name__)
_MOST: Final = 20
"""Earlier attempts that a card shows, the newest of them."""
_SEARCHED: Final = 500
"""Runs of a scenario, newest first, among which they are found."""


async def score_card_of(backend: Backend, run: ScenarioRunView, shown: Shown = run_for_solver) -> ScoreCard:
    """The score card of a run, scored or not yet, by default as its disclosure lets a solver see it."""
    earlier = [shown(each) for each in await _earlier_attempts(backend, run)]
    return score_card(shown(run), earlier)


async def _earlier_attempts(backend: Backend, run: ScenarioRunView) -> list[ScenarioRunView]:
    """The runs of the same scenario by the same principal before this one, oldest first."""
    own = run.x_runloop_mcp
    if own is None or own.attempt <= 1 or run.scoring_contract_result is None:
        return []
    try:
        page = await backend.runs.list(
            RunListParams(scenario_id=run.scenario_id, limit=_SEARCHED), principal=Principal(own.principal)
        )
    except ApiError as error:
        _log.info("The attempts before run %s can't be listed, and its score is shown without: %s", run.id, error)
        return []
    earlier = [
        each
        for each in page.items
        if each.id != run.id
        and each.x_runloop_mcp is not None
        and each.x_runloop_mcp.principal == own.principal
        and each.x_runloop_mcp.attempt < own.attempt
    ]
    return earlier[:_MOST][::-1]
