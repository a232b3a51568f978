"""The `Objects` port of the embedded engine."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from sqlite3 import Connection

from anyio import CapacityLimiter, to_thread

from runloop_mcp.api.errors import InvalidRequest, InvalidState
from runloop_mcp.api.groups.agents import Objects
from runloop_mcp.api.ids import IdPrefix, new_id
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.storage_object import (
    ObjectCreateParams,
    ObjectListParams,
    ObjectState,
    ObjectView,
)
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.objects.contents import ObjectContents
from runloop_mcp.engine.replacing import replacing
from runloop_mcp.engine.store import idempotency, objects
from runloop_mcp.engine.store.database import Database
from runloop_mcp.engine.store.objects import ObjectRow

_COPIED_AT_ONCE = 1024 * 1024

_COPIES_AT_ONCE = 4
"""Copies take threads for long, and everything else needs some for a moment."""


class EngineObjects(Objects):
    """Objects of the embedded engine.

    Args:
        database: Keeps what there is.
        contents: Keeps what is in it.
    """

    def __init__(self, database: Database, contents: ObjectContents) -> None:
        self._database = database
        self._contents = contents
        self._copying = CapacityLimiter(_COPIES_AT_ONCE)

    async def create(self, params: ObjectCreateParams, *, idempotency_key: str | None = None) -> ObjectView:
        """See `Objects.create`."""
        if not params.name.strip():
            raise InvalidRequest("The name of an object can't be blank.", hint="Give it one.")
        now = now_ms()
        row = ObjectRow(
            id=new_id(IdPrefix.OBJECT),
            name=params.name,
            content_type=params.content_type,
            state=ObjectState.UPLOADING,
            create_time_ms=now,
            delete_after_time_ms=None if params.ttl_ms is None else now + params.ttl_ms,
            metadata=params.metadata or {},
        )

        def work(connection: Connection) -> ObjectRow:
            made = idempotency.once(
                connection,
                "create_object",
                idempotency_key,
                params,
                target_id=row.id,
                now_ms=now,
                make=lambda: objects.insert(connection, row),
            )
            return objects.get(connection, made, now_ms=now)

        return (await self._database.write(work)).view()

    async def write(self, object_id: str, chunks: AsyncIterator[bytes]) -> int:
        """See `Objects.write`."""
        _refuse_unless_uploading(await self._row(object_id))
        async with self._contents.received(chunks) as (part, size):

            def work(connection: Connection) -> None:
                row = objects.get(connection, object_id, now_ms=now_ms())
                _refuse_unless_uploading(row)
                row.size_bytes = size
                objects.save(connection, row)
                # Inside the transaction: nobody completes the object between the look and this.
                part.replace(self._contents.path(object_id))

            await self._database.write(work)
        return size

    async def complete(self, object_id: str) -> ObjectView:
        """See `Objects.complete`."""

        def work(connection: Connection) -> ObjectRow:
            row = objects.get(connection, object_id, now_ms=now_ms())
            if row.state is ObjectState.READ_ONLY:
                return row
            _refuse_unless_uploading(row)
            if row.size_bytes is None:
                raise InvalidState(
                    f"Nothing was uploaded to the object {object_id}.", hint="Put its contents first, then complete it."
                )
            row.state = ObjectState.READ_ONLY
            objects.save(connection, row)
            return row

        return (await self._database.write(work, durable=True)).view()

    async def read(self, object_id: str, target: Path) -> int:
        """See `Objects.read`."""
        row = await self._row(object_id)
        refuse_unless_readable(row)
        try:
            return await to_thread.run_sync(_put, self._contents.path(object_id), target, limiter=self._copying)
        except FileNotFoundError:
            # Deleted between the look and the copy, or by hand.
            refuse_unless_readable(await self._row(object_id))
            raise InvalidState(
                f"The contents of object {object_id} are gone from the state directory.", hint="Upload it anew."
            ) from None

    async def retrieve(self, object_id: str) -> ObjectView:
        """See `Objects.retrieve`."""
        return (await self._row(object_id)).view()

    async def list(self, params: ObjectListParams) -> Page[ObjectView]:
        """See `Objects.list`."""
        rows, total, more = await self._database.read(
            lambda connection: objects.page(connection, params, now_ms=now_ms())
        )
        return Page(items=[row.view() for row in rows], has_more=more, total_count=total)

    async def delete(self, object_id: str) -> ObjectView:
        """See `Objects.delete`."""

        def work(connection: Connection) -> ObjectRow:
            row = objects.get(connection, object_id, now_ms=now_ms())
            row.state = ObjectState.DELETED
            objects.save(connection, row)
            # Inside the transaction, like `write`; what a killed server leaves of it is taken away later.
            self._contents.remove(object_id)
            return row

        return (await self._database.write(work)).view()

    async def _row(self, object_id: str) -> ObjectRow:
        return await self._database.read(lambda connection: objects.get(connection, object_id, now_ms=now_ms()))


def refuse_unless_readable(row: ObjectRow) -> None:
    """Refuses an object whose contents can't be had.

    Raises:
        InvalidState: It is deleted, or not complete.
    """
    if row.state is ObjectState.UPLOADING:
        raise InvalidState(
            f"The object {row.id} is still being uploaded.", hint="Complete it once its contents are there."
        )
    if row.state is not ObjectState.READ_ONLY:
        raise InvalidState(f"The object {row.id} is deleted.", hint="Upload it anew.")


def _refuse_unless_uploading(row: ObjectRow) -> None:
    if row.state is ObjectState.READ_ONLY:
        raise InvalidState(
            f"The object {row.id} is complete, and stays as it is.", hint="Make a new object for other contents."
        )
    if row.state is not ObjectState.UPLOADING:
        raise InvalidState(f"The object {row.id} is deleted.", hint="Make a new object.")


def _put(source: Path, target: Path) -> int:
    """The contents, which never change any more, under another name; copied only where they can't share the disk."""
    try:
        os.link(source, target)
    except OSError:
        return _copy(source, target)
    return target.stat().st_size


def _copy(source: Path, target: Path) -> int:
    with source.open("rb") as file, replacing(target, what="The contents") as copy:
        shutil.copyfileobj(file, copy, _COPIED_AT_ONCE)
        return copy.tell()
