"""Devboxes as the wire has them."""

from sqlite3 import Connection

from runloop_mcp.api.models.devbox import DevboxDetails, DevboxListParams, DevboxStatus, DevboxView, QueuePlace
from runloop_mcp.engine.store import devboxes, places
from runloop_mcp.engine.store.devboxes import DevboxRow


def with_queue(connection: Connection, row: DevboxRow) -> tuple[DevboxRow, QueuePlace | None]:
    """A devbox with its place in the queue, while it waits for its turn."""
    return row, places.place_of(connection, row.id) if row.status is DevboxStatus.QUEUED else None


def load(connection: Connection, devbox_id: str) -> tuple[DevboxRow, QueuePlace | None]:
    """One devbox, likewise.

    Raises:
        NotFound: There is none with this id.
    """
    return with_queue(connection, devboxes.get(connection, devbox_id))


def load_page(
    connection: Connection, params: DevboxListParams
) -> tuple[list[tuple[DevboxRow, QueuePlace | None]], int, bool]:
    """One page of devboxes, as `devboxes.page` gives it, each likewise.

    Raises:
        InvalidRequest: As `devboxes.page`.
    """
    rows, total, more = devboxes.page(connection, params)
    return [with_queue(connection, row) for row in rows], total, more


def view(row: DevboxRow, queue: QueuePlace | None) -> DevboxView:
    """A devbox as the wire has it."""
    data = row.data
    return DevboxView(
        id=row.id,
        status=row.status,
        create_time_ms=row.create_time_ms,
        end_time_ms=row.end_time_ms,
        metadata=data.metadata,
        launch_parameters=data.launch_parameters,
        state_transitions=[
            {"status": each.status.value, "transition_time_ms": each.transition_time_ms} for each in data.transitions
        ],
        name=data.name,
        failure_reason=data.failure_reason,
        shutdown_reason=data.shutdown_reason if row.ended else None,
        snapshot_id=data.snapshot_id,
        blueprint_id=data.blueprint_id,
        initiator_type="api" if row.run_id is None else "scenario",
        initiator_id=row.run_id,
        x_runloop_mcp=DevboxDetails(
            working_directory=data.working_directory,
            failure_message=data.failure_message,
            isolation=data.isolation,
            queue=queue,
        ),
    )
