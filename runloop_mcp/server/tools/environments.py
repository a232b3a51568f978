"""Tools that make what scenarios begin from: devboxes, snapshots of them, and blueprints."""

from typing import Annotated

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from runloop_mcp.api.ids import IdPrefix
from runloop_mcp.api.models.blueprint import (
    BUILD_ENDED,
    BlueprintListParams,
    BlueprintParams,
    BlueprintStatus,
    BlueprintView,
)
from runloop_mcp.api.models.devbox import DevboxCreateParams, DevboxStatus, DevboxView
from runloop_mcp.api.models.scenario import LaunchParameters
from runloop_mcp.api.models.snapshot import SnapshotListParams, SnapshotParams, SnapshotStatus, SnapshotView
from runloop_mcp.server.arguments import Arguments, Ask, Cursor, Limit, WaitSeconds
from runloop_mcp.server.call import Call, Reply
from runloop_mcp.server.handles import bare_id, found_by, id_or_none
from runloop_mcp.server.listings import BlueprintLine, BlueprintList, SnapshotLine, SnapshotList
from runloop_mcp.server.printable import printable, shortened
from runloop_mcp.server.rendering.listing import facts, next_cursor, page_text
from runloop_mcp.server.rendering.quantities import amount, moment
from runloop_mcp.server.targets import devbox_ready, devbox_status, target_with_budget
from runloop_mcp.server.tools.consent import ask_to_pay_for_devbox
from runloop_mcp.server.tools.tool import Tool
from runloop_mcp.server.waiting import Patience, watch

_FAILURE = 4000
_LOG = 6000


class CreateDevbox(Arguments):
    """What a devbox begins as."""

    name: str | None = None
    snapshot_id: Annotated[str | None, Field(description="What it begins from, snp_…")] = None
    blueprint_id: Annotated[str | None, Field(description="Likewise, bpt_…")] = None
    launch_commands: list[str] | None = None
    environment_variables: dict[str, str] | None = None
    secrets: Annotated[dict[str, str] | None, Field(description="Environment variable: name of a stored secret")] = None
    keep_alive_time_seconds: Annotated[
        int | None, Field(ge=1, le=172_800, description="It shuts down so long after its last use; 3600 by default")
    ] = None
    idempotency_key: Annotated[str | None, Field(description="The same key makes one devbox only")] = None
    ask: Ask = True


class SnapshotDevbox(Arguments):
    """Which devbox to keep the disk of."""

    devbox_id: Annotated[str, Field(description="dbx_…, or the id of a run")]
    name: Annotated[str | None, Field(min_length=1)] = None
    idempotency_key: Annotated[str | None, Field(description="The same key makes one snapshot only")] = None


class ListSnapshots(Arguments):
    """Which snapshots to list."""

    devbox_id: Annotated[str | None, Field(description="Only those of this devbox")] = None
    cursor: Cursor = None
    limit: Limit = 20


class CreateBlueprint(Arguments):
    """What a blueprint is made of."""

    name: Annotated[str, Field(min_length=1)]
    system_setup_commands: Annotated[list[str] | None, Field(description="Run one by one, with a network")] = None
    file_mounts: Annotated[dict[str, str] | None, Field(description="Path: contents")] = None
    base_blueprint_id: Annotated[str | None, Field(description="What it adds to, bpt_…")] = None
    dockerfile: Annotated[str | None, Field(description="Needs devboxes that are containers")] = None
    idempotency_key: Annotated[str | None, Field(description="The same key builds one only")] = None


class GetBlueprint(Arguments):
    """Which blueprint to show."""

    blueprint_id: Annotated[str, Field(description="bpt_…")]
    wait_seconds: Annotated[WaitSeconds, Field(description="Waits so long for the end of its build")] = 0


class ListBlueprints(Arguments):
    """Which blueprints to list."""

    name: Annotated[str | None, Field(description="The exact name")] = None
    cursor: Cursor = None
    limit: Limit = 20


async def create_devbox(call: Call, arguments: CreateDevbox) -> Reply:
    """Makes a devbox that belongs to no run."""
    if arguments.ask:
        await ask_to_pay_for_devbox(call, arguments.keep_alive_time_seconds)
    launch = LaunchParameters(
        launch_commands=arguments.launch_commands, keep_alive_time_seconds=arguments.keep_alive_time_seconds
    )
    params = DevboxCreateParams(
        name=arguments.name,
        snapshot_id=id_or_none(arguments.snapshot_id, IdPrefix.SNAPSHOT, "snapshot_id"),
        blueprint_id=id_or_none(arguments.blueprint_id, IdPrefix.BLUEPRINT, "blueprint_id"),
        environment_variables=arguments.environment_variables,
        secrets=arguments.secrets,
        launch_parameters=launch,
    )
    made = await call.backend.devboxes.create(
        params, principal=call.principal, idempotency_key=call.idempotency_key(arguments.idempotency_key)
    )
    devbox = await devbox_ready(call, made.id, Patience())
    if devbox.status in (DevboxStatus.FAILURE, DevboxStatus.SHUTDOWN):
        raise ToolError(_failure(devbox))
    return Reply(_devbox_text(devbox))


def _devbox_text(devbox: DevboxView) -> str:
    details = devbox.x_runloop_mcp
    where = f", working directory {details.working_directory}" if details and details.working_directory else ""
    ready = devbox.status == DevboxStatus.RUNNING
    return (
        f"Devbox {devbox.id} is {'ready' if ready else devbox_status(devbox) + '; the first command waits for it'}"
        f"{where}.\n"
        f'Work on it with its id as run_id: exec_on_devbox(run_id="{devbox.id}", command="…"), read_file, write_file, '
        f'edit_file. Then snapshot_devbox(devbox_id="{devbox.id}") keeps its disk for scenarios, and shutdown_devbox '
        "ends it."
    )


def _failure(devbox: DevboxView) -> str:
    details = devbox.x_runloop_mcp
    reason = (details and details.failure_message) or devbox.failure_reason or "no reason given"
    return f"Devbox {devbox.id} could not be set up.\n{shortened(printable(reason), _FAILURE)}"


async def snapshot_devbox(call: Call, arguments: SnapshotDevbox) -> Reply:
    """Keeps the disk of a devbox."""
    target, _ = await target_with_budget(call, arguments.devbox_id)
    patience = Patience()
    snapshot = await call.backend.snapshots.create(
        target.devbox_id,
        SnapshotParams(name=arguments.name),
        wait_seconds=patience.left,
        idempotency_key=call.idempotency_key(arguments.idempotency_key),
    )
    return Reply(_snapshot_text(snapshot))


def _snapshot_text(snapshot: SnapshotView) -> str:
    details = snapshot.x_runloop_mcp
    if details and details.status == SnapshotStatus.IN_PROGRESS:
        return (
            f"Snapshot {snapshot.id} is being made; the devbox can be used meanwhile. "
            f'list_snapshots(devbox_id="{snapshot.source_devbox_id}") shows when it is complete.'
        )
    where = f" Its working directory is {details.working_directory}." if details and details.working_directory else ""
    size = f" ({amount(snapshot.size_bytes, 'byte')})" if snapshot.size_bytes is not None else ""
    return (
        f"Snapshot {snapshot.id} of devbox {snapshot.source_devbox_id} is complete{size}.{where}\n"
        f'Next: create_scenario(snapshot_id="{snapshot.id}", …), or create_devbox from it.'
    )


async def list_snapshots(call: Call, arguments: ListSnapshots) -> Reply:
    """One page of snapshots."""
    page = await call.backend.snapshots.list(
        SnapshotListParams(
            devbox_id=id_or_none(arguments.devbox_id, IdPrefix.DEVBOX, "devbox_id"),
            starting_after=arguments.cursor,
            limit=arguments.limit,
        )
    )
    listed = SnapshotList(
        snapshots=[_snapshot_line(each) for each in page.items],
        total=page.total_count,
        next_cursor=next_cursor(page),
    )
    lines = [
        facts(each.snapshot_id, each.name, f"of {each.devbox_id}", each.status, each.created)
        for each in listed.snapshots
    ]
    none = "No snapshot matches. snapshot_devbox makes one."
    return Reply(page_text("list_snapshots", "snapshot", lines, listed.total, listed.next_cursor, none=none), listed)


def _snapshot_line(snapshot: SnapshotView) -> SnapshotLine:
    details = snapshot.x_runloop_mcp
    return SnapshotLine(
        snapshot_id=snapshot.id,
        name=snapshot.name,
        devbox_id=snapshot.source_devbox_id,
        status=details.status if details else SnapshotStatus.COMPLETE,
        created=moment(snapshot.create_time_ms),
        bytes=snapshot.size_bytes,
        working_directory=(details.working_directory or None) if details else None,
    )


async def create_blueprint(call: Call, arguments: CreateBlueprint) -> Reply:
    """Begins to build a blueprint, and waits for it."""
    params = BlueprintParams(
        name=arguments.name,
        base_blueprint_id=id_or_none(arguments.base_blueprint_id, IdPrefix.BLUEPRINT, "base_blueprint_id"),
        system_setup_commands=arguments.system_setup_commands,
        file_mounts=arguments.file_mounts,
        dockerfile=arguments.dockerfile,
    )
    blueprint = await call.backend.blueprints.create(
        params, idempotency_key=call.idempotency_key(arguments.idempotency_key)
    )
    return await _built(call, blueprint, Patience())


async def get_blueprint(call: Call, arguments: GetBlueprint) -> Reply:
    """A blueprint, once its build has ended or the wait is over."""
    with found_by(IdPrefix.BLUEPRINT):
        blueprint = await call.backend.blueprints.retrieve(
            bare_id(arguments.blueprint_id, IdPrefix.BLUEPRINT, "blueprint_id")
        )
    return await _built(call, blueprint, Patience(arguments.wait_seconds))


async def _built(call: Call, blueprint: BlueprintView, patience: Patience) -> Reply:
    blueprint = await watch(
        call,
        blueprint,
        look=lambda seconds: call.backend.blueprints.wait(blueprint.id, wait_seconds=seconds),
        done=lambda seen: seen.status in BUILD_ENDED,
        patience=patience,
        doing=lambda seen: f"The blueprint is {seen.status}",
    )
    lines = [f"Blueprint {blueprint.id} ({blueprint.name}): {blueprint.status}."]
    if blueprint.status == BlueprintStatus.BUILD_COMPLETE:
        lines.append(f'Next: create_devbox or create_scenario with blueprint_id="{blueprint.id}".')
        return Reply("\n".join(lines))
    details = blueprint.x_runloop_mcp
    if details and details.failure_message:
        lines.append(shortened(printable(details.failure_message), _FAILURE))
    log = "\n".join(each.message for each in (await call.backend.blueprints.logs(blueprint.id)).logs)
    if log.strip():
        lines += ["What the build said:", shortened(printable(log), _LOG)]
    if blueprint.status not in BUILD_ENDED:
        lines.append(f'get_blueprint(blueprint_id="{blueprint.id}", wait_seconds=20) waits for its end.')
    return Reply("\n".join(lines))


async def list_blueprints(call: Call, arguments: ListBlueprints) -> Reply:
    """One page of blueprints."""
    page = await call.backend.blueprints.list(
        BlueprintListParams(name=arguments.name, starting_after=arguments.cursor, limit=arguments.limit)
    )
    listed = BlueprintList(
        blueprints=[
            BlueprintLine(blueprint_id=each.id, name=each.name, status=each.status, created=moment(each.create_time_ms))
            for each in page.items
        ],
        total=page.total_count,
        next_cursor=next_cursor(page),
    )
    lines = [facts(each.blueprint_id, each.name, each.status, each.created) for each in listed.blueprints]
    none = "No blueprint matches. create_blueprint makes one."
    return Reply(page_text("list_blueprints", "blueprint", lines, listed.total, listed.next_cursor, none=none), listed)


CREATE_DEVBOX = Tool(
    name="create_devbox",
    title="Create a devbox",
    description=(
        "Makes a devbox that belongs to no run, to set up what a scenario begins from, and waits until it is ready. "
        "exec_on_devbox, read_file, write_file and edit_file take its dbx_ id as run_id."
    ),
    arguments=CreateDevbox,
    run=create_devbox,
)
SNAPSHOT_DEVBOX = Tool(
    name="snapshot_devbox",
    title="Snapshot a devbox",
    description=(
        "Keeps home and working directory of a devbox as they are now. Scenarios and devboxes begin from it by "
        "snapshot_id. Processes are not kept."
    ),
    arguments=SnapshotDevbox,
    run=snapshot_devbox,
)
LIST_SNAPSHOTS = Tool(
    name="list_snapshots",
    title="List snapshots",
    description="Lists snapshots, newest first, with devbox, status and size.",
    arguments=ListSnapshots,
    run=list_snapshots,
    result=SnapshotList,
    reads_only=True,
)
CREATE_BLUEPRINT = Tool(
    name="create_blueprint",
    title="Build a blueprint",
    description=(
        "Builds a recipe for environments, with a network, and waits up to 20 s for it; get_blueprint waits on. "
        "Scenarios and devboxes begin from it by blueprint_id."
    ),
    arguments=CreateBlueprint,
    run=create_blueprint,
    open_world=True,
)
GET_BLUEPRINT = Tool(
    name="get_blueprint",
    title="Show a blueprint",
    description="Shows how far a blueprint's build is, and what it said where it is not complete.",
    arguments=GetBlueprint,
    run=get_blueprint,
    reads_only=True,
)
LIST_BLUEPRINTS = Tool(
    name="list_blueprints",
    title="List blueprints",
    description="Lists blueprints, newest first, with status.",
    arguments=ListBlueprints,
    run=list_blueprints,
    result=BlueprintList,
    reads_only=True,
)
