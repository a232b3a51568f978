"""What clients offer while a person types an id or a name: of a prompt's argument or a resource's URI."""

from typing import Final

from mcp_types import Completion

from runloop_mcp.api.access import Principal
from runloop_mcp.api.backend import Backend
from runloop_mcp.server.completing import environments, runs, scenarios
from runloop_mcp.server.completing.typing import Candidates, Source, Typing, fixed

_MOST: Final = 100
"""Values that the protocol allows in one answer."""
_NOTHING: Final = Candidates([])

_SOURCES: Final[dict[str, Source]] = {
    "scenario_id": scenarios.scenarios,
    "run_id": runs.runs,
    "run_ids": runs.runs,
    "execution_id": runs.executions,
    "stream": fixed(runs.STREAMS),
    "state": fixed(runs.STATES),
}
"""Where the values of an argument come from, by its name."""
_OPERATORS: Final[dict[str, Source]] = {
    "tags": scenarios.tags,
    "language": scenarios.languages,
    "benchmark_id": scenarios.benchmarks,
    "benchmark_run_id": runs.benchmark_runs,
}
"""Those of which a solver learns nothing."""
_AUTHORS: Final[dict[str, Source]] = {
    "scorer_type": scenarios.scorer_types,
    "environment": environments.environments,
    "secrets": environments.secrets,
}
"""Those of what only tools for operators tell."""
_LISTS: Final = frozenset({"run_ids", "tags", "secrets"})
"""Arguments that take several values, with commas between them: the last is completed."""


async def complete(backend: Backend, principal: Principal, typing: Typing, *, authors: bool) -> Completion:
    """The values that what was typed may become, the likeliest first: those that begin so, then those that hold it.

    Args:
        backend: As the principal may see it.
        principal: Who types.
        typing: What is typed.
        authors: Whether the principal has tools that are for operators alone.

    Raises:
        ApiError: The backend can't be asked, or the run that is given is none that the principal may see.
    """
    sources = _SOURCES | (_OPERATORS if principal.operates else {}) | (_AUTHORS if authors else {})
    source = sources.get(typing.argument)
    if source is None:
        return _answer(_NOTHING)
    if typing.argument not in _LISTS:
        return _answer(await source(backend, principal, typing))
    before, separator, last = typing.begun.rpartition(",")
    head = f"{before}{separator} " if separator else ""
    taken = {each.strip() for each in before.split(",")}
    found = await source(backend, principal, typing.of_part(last.strip()))
    return _answer(Candidates([head + each for each in found.values if each not in taken], found.is_cut))


def _answer(found: Candidates) -> Completion:
    """The first of the values. How many there are in all is said only where all were looked at."""
    values = list(dict.fromkeys(found.values))
    return Completion(
        values=values[:_MOST],
        total=None if found.is_cut else len(values),
        has_more=found.is_cut or len(values) > _MOST,
    )
