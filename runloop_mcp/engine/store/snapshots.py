"""Named snapshots in the database. Every function runs on the database's threads, inside its transaction."""

import json
import sqlite3
from collections.abc import Callable

from pydantic import BaseModel, ConfigDict, Field

from runloop_mcp.api.errors import InvalidRequest, NotFound
from runloop_mcp.api.models.snapshot import SnapshotListParams, SnapshotStatus

_COLUMNS = "id, status, source_devbox_id, source_blueprint_id, create_time_ms, server, data"
_SHOWN = (SnapshotStatus.COMPLETE, SnapshotStatus.IN_PROGRESS)


class SnapshotData(BaseModel):
    """What a snapshot keeps beside the columns that are searched."""

    model_config = ConfigDict(defer_build=True)

    name: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    commit_message: str | None = None
    size_bytes: int | None = None
    working_directory: str
    error: str | None = None


class SnapshotRow(BaseModel):
    """A snapshot as it is stored."""

    model_config = ConfigDict(defer_build=True)

    id: str
    status: SnapshotStatus
    source_devbox_id: str
    source_blueprint_id: str | None
    create_time_ms: int
    server: str
    data: SnapshotData


def _row(values: tuple[object, ...]) -> SnapshotRow:
    fields = dict(zip(_COLUMNS.split(", "), values, strict=True))
    return SnapshotRow.model_validate({**fields, "data": SnapshotData.model_validate_json(str(fields["data"]))})


def insert(connection: sqlite3.Connection, row: SnapshotRow) -> None:
    """Keeps a new snapshot."""
    connection.execute(
        f"INSERT INTO snapshots ({_COLUMNS}) VALUES (?,?,?,?,?,?,?)",  # noqa: S608 - constant column names
        (
            row.id,
            row.status,
            row.source_devbox_id,
            row.source_blueprint_id,
            row.create_time_ms,
            row.server,
            row.data.model_dump_json(),
        ),
    )


def save(connection: sqlite3.Connection, row: SnapshotRow) -> None:
    """Keeps a snapshot's status and data."""
    connection.execute(
        "UPDATE snapshots SET status = ?, data = ? WHERE id = ?", (row.status, row.data.model_dump_json(), row.id)
    )


def get(connection: sqlite3.Connection, snapshot_id: str) -> SnapshotRow:
    """One snapshot, whatever its status.

    Raises:
        NotFound: There never was one with this id.
    """
    values = connection.execute(
        f"SELECT {_COLUMNS} FROM snapshots WHERE id = ?",  # noqa: S608 - constant column names
        (snapshot_id,),
    ).fetchone()
    if values is None:
        raise NotFound(f"There is no snapshot {snapshot_id!r}.", hint="Snapshot ids begin with snp_; list them.")
    return _row(values)


def page(connection: sqlite3.Connection, params: SnapshotListParams) -> tuple[list[SnapshotRow], int, bool]:
    """One page, newest first; how many there are in all; and whether there are more.

    Raises:
        InvalidRequest: `starting_after` names no snapshot.
    """
    where = "status IN (?, ?)"
    arguments: list[object] = [*_SHOWN]
    for column, wanted in (
        ("source_devbox_id", params.devbox_id),
        ("source_blueprint_id", params.source_blueprint_id),
    ):
        if wanted is not None:
            where += f" AND {column} = ?"
            arguments.append(wanted)
    for key, choices in (params.metadata or {}).items():
        where += (
            " AND EXISTS (SELECT 1 FROM json_each(data, '$.metadata') m"
            " WHERE m.key = ? AND m.value IN (SELECT value FROM json_each(?)))"
        )
        arguments += [key, json.dumps(choices)]
    (total,) = connection.execute(f"SELECT count(*) FROM snapshots WHERE {where}", arguments).fetchone()  # noqa: S608 - values are bound
    if params.starting_after is not None:
        after = connection.execute("SELECT number FROM snapshots WHERE id = ?", (params.starting_after,)).fetchone()
        if after is None:
            raise InvalidRequest(
                f"There is no snapshot {params.starting_after!r} to start after.",
                hint="Pass the id of the last snapshot of the page before.",
            )
        where += " AND number < ?"
        arguments.append(after[0])
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM snapshots WHERE {where} ORDER BY number DESC LIMIT ?",  # noqa: S608 - likewise
        [*arguments, params.limit + 1],
    ).fetchall()
    return [_row(each) for each in found[: params.limit]], int(total), len(found) > params.limit


def fail_abandoned(connection: sqlite3.Connection, alive: Callable[[str], bool], reason: str) -> None:
    """Marks what servers were making that have ended."""
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM snapshots WHERE status = ?",  # noqa: S608 - constant column names
        (SnapshotStatus.IN_PROGRESS,),
    ).fetchall()
    for row in map(_row, found):
        if not alive(row.server):
            row.status, row.data.error = SnapshotStatus.ERROR, reason
            save(connection, row)


def has_unfinished(connection: sqlite3.Connection) -> bool:
    """Whether any is being made, or was when its server ended."""
    found = connection.execute(
        "SELECT 1 FROM snapshots WHERE status = ? LIMIT 1", (SnapshotStatus.IN_PROGRESS,)
    ).fetchone()
    return found is not None


def of_devbox(connection: sqlite3.Connection, devbox_id: str) -> bool:
    """Whether a snapshot of a devbox was ever asked for."""
    found = connection.execute("SELECT 1 FROM snapshots WHERE source_devbox_id = ? LIMIT 1", (devbox_id,)).fetchone()
    return found is not None


def needed(connection: sqlite3.Connection) -> set[str]:
    """The ids of those that are there or being made."""
    found = connection.execute("SELECT id FROM snapshots WHERE status IN (?, ?)", _SHOWN).fetchall()
    return {row[0] for row in found}
