"""Objects in the database. Every function runs on the database's threads, inside its transaction."""

import json
import sqlite3
from collections.abc import Collection

from pydantic import BaseModel, ConfigDict, Field

from runloop_mcp.api.errors import NotFound
from runloop_mcp.api.models.storage_object import ContentType, ObjectListParams, ObjectState, ObjectView
from runloop_mcp.engine.store.paging import Filters, Listing

_COLUMNS = "id, name, content_type, state, create_time_ms, delete_after_time_ms, size_bytes, metadata"
_LISTING = Listing("objects", _COLUMNS, "object")
_DELETED = "state = ? OR delete_after_time_ms <= ?"
"""An object whose time is over counts as deleted before anyone has taken it away."""


class ObjectRow(BaseModel):
    """An object as it is stored."""

    model_config = ConfigDict(defer_build=True)

    id: str
    name: str
    content_type: ContentType
    state: ObjectState
    create_time_ms: int
    delete_after_time_ms: int | None = None
    size_bytes: int | None = None
    """None until contents were written."""
    metadata: dict[str, str] = Field(default_factory=dict)

    def view(self) -> ObjectView:
        """As callers see it."""
        return ObjectView.model_validate(self.model_dump())


def _row(values: tuple[object, ...], now_ms: int) -> ObjectRow:
    fields = dict(zip(_COLUMNS.split(", "), values, strict=True))
    row = ObjectRow.model_validate({**fields, "metadata": json.loads(str(fields["metadata"]))})
    if row.delete_after_time_ms is not None and row.delete_after_time_ms <= now_ms:
        row.state = ObjectState.DELETED
    return row


def insert(connection: sqlite3.Connection, row: ObjectRow) -> None:
    """Keeps a new object."""
    connection.execute(
        f"INSERT INTO objects ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?)",  # noqa: S608 - constant column names
        (
            row.id,
            row.name,
            row.content_type,
            row.state,
            row.create_time_ms,
            row.delete_after_time_ms,
            row.size_bytes,
            json.dumps(row.metadata),
        ),
    )


def save(connection: sqlite3.Connection, row: ObjectRow) -> None:
    """Keeps an object's state and size."""
    connection.execute("UPDATE objects SET state = ?, size_bytes = ? WHERE id = ?", (row.state, row.size_bytes, row.id))


def get(connection: sqlite3.Connection, object_id: str, *, now_ms: int) -> ObjectRow:
    """One object, whatever its state.

    Raises:
        NotFound: There never was one with this id.
    """
    values = connection.execute(
        f"SELECT {_COLUMNS} FROM objects WHERE id = ?",  # noqa: S608 - constant column names
        (object_id,),
    ).fetchone()
    if values is None:
        raise NotFound(
            f"There is no object {object_id!r}.",
            hint="Object ids begin with obj_; list the objects to see those there are.",
        )
    return _row(values, now_ms)


def page(connection: sqlite3.Connection, params: ObjectListParams, *, now_ms: int) -> tuple[list[ObjectRow], int, bool]:
    """One page, newest first; how many match in all; and whether there are more.

    Raises:
        InvalidRequest: `starting_after` names no object.
    """
    filters = Filters()
    filters.equal("name", params.name)
    filters.equal("content_type", params.content_type)
    filters.contains("id || ' ' || name", params.search)
    if params.state is ObjectState.DELETED:
        filters.add(_DELETED, ObjectState.DELETED, now_ms)
    else:
        filters.equal("state", params.state)
        filters.add(f"NOT coalesce({_DELETED}, 0)", ObjectState.DELETED, now_ms)
    if params.is_public:
        filters.add("0")  # none is
    rows, total, more = _LISTING.page(connection, filters, limit=params.limit, starting_after=params.starting_after)
    return [_row(values, now_ms) for values in rows], total, more


def kept(connection: sqlite3.Connection, ids: Collection[str], *, now_ms: int) -> set[str]:
    """Which of these objects are there, so that their contents are needed."""
    found = connection.execute(
        f"SELECT id FROM objects WHERE id IN (SELECT value FROM json_each(?)) AND NOT coalesce({_DELETED}, 0)",  # noqa: S608 - constants
        (json.dumps(sorted(ids)), ObjectState.DELETED, now_ms),
    ).fetchall()
    return {row[0] for row in found}
