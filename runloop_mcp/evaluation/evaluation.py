"""The attempts of an evaluation: those that are left, so many at a time, each result kept as soon as it is there."""

from collections.abc import Sequence
from typing import Protocol

import anyio

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.models.run import RunListParams, ScenarioRunView
from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.evaluation.attempt import Attempt, AttemptMaker, Terms
from runloop_mcp.evaluation.results import AttemptKey, AttemptResult, ResultsFile

_PAGE = 200


class Watcher(Protocol):
    """Is told how an evaluation goes."""

    def step(self, attempt: Attempt, step: str) -> None:
        """What is being done for an attempt, in a few words."""

    def done(self, attempt: Attempt, result: AttemptResult) -> None:
        """An attempt has its result."""


def attempts_left(scenarios: Sequence[ScenarioView], k: int, results: ResultsFile) -> list[Attempt]:
    """The attempts without a result: the first ones of all scenarios, then the second ones, and so on.

    So an evaluation that is interrupted has something to say about every scenario.
    """
    every = [Attempt(scenario, number) for number in range(1, k + 1) for scenario in scenarios]
    return [attempt for attempt in every if attempt.key not in results.results]


async def evaluate(
    backend: Backend, terms: Terms, left: Sequence[Attempt], results: ResultsFile, *, at_once: int, watcher: Watcher
) -> list[AttemptResult]:
    """Makes the attempts that are left, and keeps their results; returns those that do not count.

    Cancelled, it ends the agents that work, and gives their runs up. What was about to be scored, or is being scored,
    is found again the next time.
    """
    begun = await _begun(backend, terms.eval_id)
    maker = AttemptMaker(backend, terms, watcher.step)
    limiter = anyio.CapacityLimiter(at_once)
    broken: list[AttemptResult] = []

    async def make(attempt: Attempt) -> None:
        async with limiter:
            result = await maker.make(attempt, begun.get(attempt.key))
        results.add(result)
        if not result.counted:
            broken.append(result)
        watcher.done(attempt, result)

    async with anyio.create_task_group() as tasks:
        for attempt in left:
            tasks.start_soon(make, attempt)
    return broken


async def _begun(backend: Backend, eval_id: str) -> dict[AttemptKey, ScenarioRunView]:
    """The latest run of each attempt that was begun."""
    found: dict[AttemptKey, ScenarioRunView] = {}
    params = RunListParams(name=eval_id, limit=_PAGE)
    while True:
        page = await backend.runs.list(params)
        for run in page.items:  # newest first
            number = run.metadata.get("attempt", "")
            if run.metadata.get("eval") == eval_id and number.isdecimal():
                found.setdefault(AttemptKey(run.scenario_id, int(number)), run)
        if not page.has_more or not page.items:
            return found
        params = params.model_copy(update={"starting_after": page.items[-1].id})
