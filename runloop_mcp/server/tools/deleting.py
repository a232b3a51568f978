"""Tools that delete what devboxes and scenarios began from, once nothing needs it any more."""

from typing import Annotated

from pydantic import Field

from runloop_mcp.api.errors import NotFound
from runloop_mcp.api.ids import IdPrefix
from runloop_mcp.api.models.snapshot import SnapshotView
from runloop_mcp.server.arguments import Arguments, Ask
from runloop_mcp.server.call import Call, Reply
from runloop_mcp.server.handles import bare_id, found_by
from runloop_mcp.server.tools.consent import ask_to_delete_snapshot
from runloop_mcp.server.tools.tool import Tool


class DeleteSnapshot(Arguments):
    """Which snapshot to delete."""

    snapshot_id: Annotated[str, Field(description="snp_…")]
    ask: Ask = True


class DeleteBlueprint(Arguments):
    """Which blueprint to delete."""

    blueprint_id: Annotated[str, Field(description="bpt_…")]


async def delete_snapshot(call: Call, arguments: DeleteSnapshot) -> Reply:
    """Deletes a snapshot, with the person's consent: nothing makes it again."""
    snapshot_id = bare_id(arguments.snapshot_id, IdPrefix.SNAPSHOT, "snapshot_id")
    if arguments.ask and (snapshot := await _there(call, snapshot_id)) is not None:
        await ask_to_delete_snapshot(call, snapshot)
    with found_by(IdPrefix.SNAPSHOT):
        await call.backend.snapshots.delete(snapshot_id)
    return Reply(f"Snapshot {snapshot_id} is deleted.")


async def _there(call: Call, snapshot_id: str) -> SnapshotView | None:
    """The snapshot; None where it is deleted already, or never was, which deleting tells apart."""
    try:
        return await call.backend.snapshots.retrieve(snapshot_id)
    except NotFound:
        return None


async def delete_blueprint(call: Call, arguments: DeleteBlueprint) -> Reply:
    """Deletes a blueprint, which the same recipe makes again."""
    blueprint_id = bare_id(arguments.blueprint_id, IdPrefix.BLUEPRINT, "blueprint_id")
    with found_by(IdPrefix.BLUEPRINT):
        await call.backend.blueprints.delete(blueprint_id)
    return Reply(f"Blueprint {blueprint_id} is deleted.")


DELETE_SNAPSHOT = Tool(
    name="delete_snapshot",
    title="Delete a snapshot",
    description="Deletes a snapshot for ever. Refused while a scenario or a devbox needs it.",
    arguments=DeleteSnapshot,
    run=delete_snapshot,
    destroys=True,
    repeatable=True,
)
DELETE_BLUEPRINT = Tool(
    name="delete_blueprint",
    title="Delete a blueprint",
    description="Deletes a blueprint. Refused while a scenario, devbox, snapshot or other blueprint needs it.",
    arguments=DeleteBlueprint,
    run=delete_blueprint,
    destroys=True,
    repeatable=True,
)
