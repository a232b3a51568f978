"""Blueprints in the database. Every function runs on the database's threads, inside its transaction."""

import sqlite3
from collections.abc import Callable, Sequence

from pydantic import BaseModel, ConfigDict

from runloop_mcp.api.errors import InvalidRequest, NotFound
from runloop_mcp.api.models.blueprint import (
    BUILD_ENDED,
    BlueprintListParams,
    BlueprintLog,
    BlueprintParams,
    BlueprintStatus,
)

_COLUMNS = "id, name, state, status, build_key, snapshot_id, base_blueprint_id, create_time_ms, server, data"
CREATED, DELETED = "created", "deleted"


class BlueprintData(BaseModel):
    """What a blueprint keeps beside the columns that are searched."""

    model_config = ConfigDict(defer_build=True)

    parameters: BlueprintParams
    base_snapshot_id: str | None = None
    """What its base was built into."""
    working_directory: str
    finish_time_ms: int | None = None
    failure_reason: str | None = None
    failure_message: str | None = None
    reused: bool = False


class BlueprintRow(BaseModel):
    """A blueprint as it is stored."""

    model_config = ConfigDict(defer_build=True)

    id: str
    name: str
    state: str
    status: BlueprintStatus
    build_key: str
    snapshot_id: str
    base_blueprint_id: str | None
    create_time_ms: int
    server: str
    data: BlueprintData


def _row(values: tuple[object, ...]) -> BlueprintRow:
    fields = dict(zip(_COLUMNS.split(", "), values, strict=True))
    return BlueprintRow.model_validate({**fields, "data": BlueprintData.model_validate_json(str(fields["data"]))})


def insert(connection: sqlite3.Connection, row: BlueprintRow) -> None:
    """Keeps a new blueprint."""
    connection.execute(
        f"INSERT INTO blueprints ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?)",  # noqa: S608 - constant column names
        (
            row.id,
            row.name,
            row.state,
            row.status,
            row.build_key,
            row.snapshot_id,
            row.base_blueprint_id,
            row.create_time_ms,
            row.server,
            row.data.model_dump_json(exclude_none=True),
        ),
    )


def save(connection: sqlite3.Connection, row: BlueprintRow) -> None:
    """Keeps a blueprint as it is now."""
    connection.execute(
        "UPDATE blueprints SET state = ?, status = ?, snapshot_id = ?, data = ? WHERE id = ?",
        (row.state, row.status, row.snapshot_id, row.data.model_dump_json(exclude_none=True), row.id),
    )


def get(connection: sqlite3.Connection, blueprint_id: str) -> BlueprintRow:
    """One blueprint, also one that is deleted.

    Raises:
        NotFound: There is none with this id.
    """
    values = connection.execute(
        f"SELECT {_COLUMNS} FROM blueprints WHERE id = ?",  # noqa: S608 - constant column names
        (blueprint_id,),
    ).fetchone()
    if values is None:
        raise NotFound(f"There is no blueprint {blueprint_id!r}.", hint="Blueprint ids begin with bpt_; list them.")
    return _row(values)


def named(connection: sqlite3.Connection, name: str) -> BlueprintRow | None:
    """The newest blueprint of this name that is built."""
    values = connection.execute(
        f"SELECT {_COLUMNS} FROM blueprints WHERE name = ? AND state = ? AND status = ?"  # noqa: S608 - constant column names
        " ORDER BY number DESC LIMIT 1",
        (name, CREATED, BlueprintStatus.BUILD_COMPLETE),
    ).fetchone()
    return None if values is None else _row(values)


def built(connection: sqlite3.Connection, build_key: str) -> BlueprintRow | None:
    """A blueprint of these contents that is built."""
    values = connection.execute(
        f"SELECT {_COLUMNS} FROM blueprints WHERE build_key = ? AND state = ? AND status = ?"  # noqa: S608 - likewise
        " ORDER BY number DESC LIMIT 1",
        (build_key, CREATED, BlueprintStatus.BUILD_COMPLETE),
    ).fetchone()
    return None if values is None else _row(values)


def page(connection: sqlite3.Connection, params: BlueprintListParams) -> tuple[list[BlueprintRow], int, bool]:
    """One page, newest first, without what is deleted; how many there are in all; and whether there are more.

    Raises:
        InvalidRequest: `starting_after` names no blueprint.
    """
    where = "state = ?"
    values: list[object] = [CREATED]
    if params.name is not None:
        where += " AND name = ?"
        values.append(params.name)
    if params.status is not None:
        where += " AND status = ?"
        values.append(params.status)
    (total,) = connection.execute(f"SELECT count(*) FROM blueprints WHERE {where}", values).fetchone()  # noqa: S608 - values are bound
    if params.starting_after is not None:
        after = connection.execute("SELECT number FROM blueprints WHERE id = ?", (params.starting_after,)).fetchone()
        if after is None:
            raise InvalidRequest(
                f"There is no blueprint {params.starting_after!r} to start after.",
                hint="Pass the id of the last blueprint of the page before.",
            )
        where += " AND number < ?"
        values.append(after[0])
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM blueprints WHERE {where} ORDER BY number DESC LIMIT ?",  # noqa: S608 - likewise
        [*values, params.limit + 1],
    ).fetchall()
    return [_row(each) for each in found[: params.limit]], int(total), len(found) > params.limit


def unfinished(connection: sqlite3.Connection) -> list[BlueprintRow]:
    """Those that are being built, or were when their server ended."""
    marks = ", ".join("?" * len(BUILD_ENDED))
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM blueprints WHERE status NOT IN ({marks})",  # noqa: S608 - likewise
        [*BUILD_ENDED],
    ).fetchall()
    return [_row(each) for each in found]


def fail_abandoned(connection: sqlite3.Connection, alive: Callable[[str], bool], reason: str, *, now_ms: int) -> None:
    """Marks what servers were building that have ended."""
    for row in unfinished(connection):
        if not alive(row.server):
            row.status, row.data.failure_reason, row.data.failure_message = (
                BlueprintStatus.FAILED,
                "build_failed",
                reason,
            )
            row.data.finish_time_ms = now_ms
            save(connection, row)


def needed(connection: sqlite3.Connection) -> set[str]:
    """The snapshots that blueprints are built into, or will be."""
    found = connection.execute(
        "SELECT DISTINCT snapshot_id FROM blueprints WHERE state = ? AND status <> ?", (CREATED, BlueprintStatus.FAILED)
    ).fetchall()
    return {row[0] for row in found}


def append_logs(connection: sqlite3.Connection, blueprint_id: str, lines: Sequence[BlueprintLog]) -> None:
    """Adds lines to a build's log."""
    (last,) = connection.execute(
        "SELECT coalesce(max(sequence), 0) FROM blueprint_logs WHERE blueprint_id = ?", (blueprint_id,)
    ).fetchone()
    connection.executemany(
        "INSERT INTO blueprint_logs (blueprint_id, sequence, time_ms, level, message) VALUES (?,?,?,?,?)",
        [
            (blueprint_id, last + number, line.timestamp_ms, line.level, line.message)
            for number, line in enumerate(lines, start=1)
        ],
    )


def logs(connection: sqlite3.Connection, blueprint_id: str) -> list[BlueprintLog]:
    """A build's log."""
    found = connection.execute(
        "SELECT level, message, time_ms FROM blueprint_logs WHERE blueprint_id = ? ORDER BY sequence", (blueprint_id,)
    ).fetchall()
    return [BlueprintLog(level=level, message=message, timestamp_ms=time_ms) for level, message, time_ms in found]
