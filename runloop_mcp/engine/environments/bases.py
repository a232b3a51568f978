"""What a devbox's disk begins as, under a scenario's own files: a snapshot, a blueprint, or nothing."""

from dataclasses import dataclass
from sqlite3 import Connection

from runloop_mcp.api.errors import Conflict, InvalidState, NotFound
from runloop_mcp.api.models.blueprint import BUILD_ENDED, BlueprintStatus
from runloop_mcp.api.models.scenario import LaunchParameters, ScenarioEnvironment
from runloop_mcp.api.models.snapshot import SnapshotStatus
from runloop_mcp.devbox.port import DEFAULT_WORKING_DIRECTORY, Driver
from runloop_mcp.engine.store import blueprints, snapshots
from runloop_mcp.engine.store.blueprints import BlueprintRow
from runloop_mcp.engine.store.snapshots import SnapshotRow


@dataclass(frozen=True, slots=True)
class Base:
    """What a disk begins as."""

    kept_as: str | None = None
    """The driver's snapshot; None: empty."""
    working_directory: str = DEFAULT_WORKING_DIRECTORY
    """Where the working directory was when it was made."""
    snapshot_id: str | None = None
    """The named snapshot that it is."""
    blueprint_id: str | None = None
    """The blueprint that it was built from."""
    launch: LaunchParameters | None = None
    """The blueprint's, which hold where nothing else is said."""

    def launch_with(self, own: LaunchParameters | None) -> LaunchParameters:
        """The launch parameters of a devbox that begins as this, with a scenario's own."""
        return over(self.launch, own) if self.launch is not None else own or LaunchParameters()


def over(launch: LaunchParameters, own: LaunchParameters | None) -> LaunchParameters:
    """Launch parameters with others laid over them, field by field."""
    if own is None:
        return launch
    return launch.model_copy(
        update={name: getattr(own, name) for name in own.model_fields_set if getattr(own, name) is not None}
    )


def base_of(connection: Connection, environment: ScenarioEnvironment | None) -> Base:
    """What an environment begins as.

    Raises:
        InvalidState: It names something that is not there, or that could not be made.
        Conflict: What it names is still being made.
    """
    if environment is None:
        return Base()
    if environment.snapshot_id is not None:
        return _snapshot(connection, environment.snapshot_id)
    if environment.blueprint_id is not None:
        return _blueprint(connection, environment.blueprint_id)
    return Base()


def _snapshot(connection: Connection, snapshot_id: str) -> Base:
    try:
        row = snapshots.get(connection, snapshot_id)
    except NotFound:
        raise InvalidState(
            f"The environment's snapshot {snapshot_id!r} is not there.",
            hint="List the snapshots, and name one of them in environment.snapshot_id.",
        ) from None
    return base_of_snapshot(row)


def base_of_snapshot(row: SnapshotRow) -> Base:
    """What a devbox begins as that is made from a snapshot.

    Raises:
        InvalidState: It is deleted, or could not be made.
        Conflict: It is still being made.
    """
    if row.status is SnapshotStatus.IN_PROGRESS:
        raise Conflict(f"The snapshot {row.id} is still being made.", hint="Call again.", retry_after=1)
    if row.status is not SnapshotStatus.COMPLETE:
        what = "is deleted" if row.status is SnapshotStatus.DELETED else "could not be made"
        raise InvalidState(
            f"The snapshot {row.id} {what}.",
            hint="Name another one, in environment.snapshot_id where it is a scenario's.",
        )
    return Base(row.id, row.data.working_directory, snapshot_id=row.id)


def _blueprint(connection: Connection, blueprint_id: str) -> Base:
    try:
        row = blueprints.get(connection, blueprint_id)
    except NotFound:
        raise InvalidState(
            f"The environment's blueprint {blueprint_id!r} is not there.",
            hint="List the blueprints, and name one of them in environment.blueprint_id.",
        ) from None
    return base_of_blueprint(row)


def base_of_blueprint(row: BlueprintRow) -> Base:
    """What a devbox begins as that is made from a blueprint.

    Raises:
        InvalidState: It is deleted, or its build failed.
        Conflict: It is still being built.
    """
    if row.state != blueprints.CREATED:
        raise InvalidState(f"The blueprint {row.id} is deleted.", hint="Name another one, or build it anew.")
    if row.status not in BUILD_ENDED:
        raise Conflict(
            f"The blueprint {row.id} is still being built.", hint="Wait for its build, then call again.", retry_after=5
        )
    if row.status is not BlueprintStatus.BUILD_COMPLETE:
        raise InvalidState(
            f"The build of the blueprint {row.id} failed.", hint="Its log says why; build a mended one and name that."
        )
    return Base(
        row.snapshot_id, row.data.working_directory, blueprint_id=row.id, launch=row.data.parameters.launch_parameters
    )


async def refuse_lost(driver: Driver, base: Base) -> None:
    """Refuses a base that the driver has not.

    Raises:
        InvalidState: It is gone from the disk, or was made by another driver.
    """
    if base.kept_as is not None and not await driver.has_snapshot(base.kept_as):
        named = f"snapshot {base.snapshot_id}" if base.snapshot_id else f"blueprint {base.blueprint_id}"
        again = "Take it anew." if base.snapshot_id else "Build it anew."
        raise InvalidState(
            f"What the {named} keeps is gone, or was made for other devboxes than {driver.name}.", hint=again
        )
