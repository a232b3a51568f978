"""Completion of what an environment is made of: snapshots, blueprints and the names of secrets."""

from runloop_mcp.api.access import Principal
from runloop_mcp.api.backend import Backend
from runloop_mcp.api.models.base import PageParams
from runloop_mcp.api.models.blueprint import BlueprintListParams, BlueprintStatus
from runloop_mcp.api.models.snapshot import SnapshotListParams
from runloop_mcp.server.completing.typing import LOOKED_AT, Candidates, Typing, matching


async def environments(backend: Backend, _: Principal, typing: Typing) -> Candidates:
    """The names of blueprints that are built, then the ids of snapshots, also by their names."""
    built = BlueprintListParams(limit=LOOKED_AT, status=BlueprintStatus.BUILD_COMPLETE)
    blueprints = await backend.blueprints.list(built)
    snapshots = await backend.snapshots.list(SnapshotListParams(limit=LOOKED_AT))
    typed = typing.begun.casefold()
    by_name = [each.id for each in snapshots.items if typed and typed in (each.name or "").casefold()]
    values = [each.name for each in blueprints.items] + [each.id for each in snapshots.items]
    return Candidates([*matching(values, typing.begun), *by_name], blueprints.has_more or snapshots.has_more)


async def secrets(backend: Backend, _: Principal, typing: Typing) -> Candidates:
    """The names of stored secrets; never a value."""
    page = await backend.secrets.list(PageParams(limit=LOOKED_AT))
    return Candidates(matching((each.name for each in page.items), typing.begun), page.has_more)
