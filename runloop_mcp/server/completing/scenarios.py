"""Completion of what names a scenario or a benchmark, and of what scenarios are described by."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from runloop_mcp.api.access import Principal
from runloop_mcp.api.backend import Backend
from runloop_mcp.api.ids import IdPrefix
from runloop_mcp.api.models.benchmark import BenchmarkListParams
from runloop_mcp.api.models.scenario import ScenarioListParams, ScenarioView
from runloop_mcp.api.models.scorer import ScorerListParams
from runloop_mcp.api.models.scoring import SCORER_TYPES
from runloop_mcp.server.completing.typing import LOOKED_AT, Candidates, Typing, matching

_NO_PART: Final = re.compile(r"[^\w.~-]", re.ASCII)
"""What has no place in a part of a URI as it stands."""
_COMMAS: Final = re.compile(r"[,\s]+")


async def scenarios(backend: Backend, _: Principal, typing: Typing) -> Candidates:
    """Names that match, then ids: of those and of all scenarios with the words in their names."""
    search = None if is_id(typing.begun, IdPrefix.SCENARIO) else typing.begun or None
    page = await backend.scenarios.list(ScenarioListParams(limit=LOOKED_AT, search=search))
    count = Counter(item.name for item in page.items)
    names = [name for name in count if count[name] == 1 and not (typing.in_uri and _NO_PART.search(name))]
    return Candidates([*matching(names, typing.begun), *named_ids(page.items, typing.begun)], page.has_more)


async def tags(backend: Backend, _: Principal, typing: Typing) -> Candidates:
    """The tags of scenarios, the most frequent first."""
    return await _described(backend, "tags", typing)


async def languages(backend: Backend, _: Principal, typing: Typing) -> Candidates:
    """The languages of scenarios, the most frequent first."""
    return await _described(backend, "language", typing)


async def _described(backend: Backend, key: str, typing: Typing) -> Candidates:
    page = await backend.scenarios.list(ScenarioListParams(limit=LOOKED_AT))
    count = Counter(
        value for item in page.items for value in filter(None, _COMMAS.split(item.metadata.get(key, "").strip()))
    )
    return Candidates(matching((value for value, _ in count.most_common()), typing.begun), page.has_more)


async def scorer_types(backend: Backend, _: Principal, typing: Typing) -> Candidates:
    """The types of scorers that there always are, then those that were made here."""
    page = await backend.scorers.list(ScorerListParams(limit=LOOKED_AT))
    return Candidates(matching([*SCORER_TYPES, *(item.type for item in page.items)], typing.begun), page.has_more)


async def benchmarks(backend: Backend, _: Principal, typing: Typing) -> Candidates:
    """The ids of benchmarks: those that match, and those of benchmarks with the words in their names."""
    page = await backend.benchmarks.list(BenchmarkListParams(limit=LOOKED_AT))
    typed = typing.begun.casefold()
    ids = [item.id for item in page.items if item.id.startswith(typing.begun) or typed in item.name.casefold()]
    return Candidates(ids, page.has_more)


def named_ids(items: Sequence[ScenarioView], begun: str) -> list[str]:
    """The ids of what has the words in its name, and those that begin so."""
    typed = begun.casefold()
    return [item.id for item in items if item.id.startswith(begun) or typed in item.name.casefold()]


def is_id(begun: str, prefix: IdPrefix) -> bool:
    """Whether it is an id of this kind that somebody has begun to type."""
    return bool(begun) and f"{prefix}_".startswith(begun.casefold()[: len(prefix) + 1])
