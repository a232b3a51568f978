"""The `Snapshots` port of the embedded engine."""

import logging
from sqlite3 import Connection

import anyio

from runloop_mcp.api.errors import ApiError, Conflict, InvalidRequest, InvalidState, NotFound, Unavailable
from runloop_mcp.api.groups.environments import Snapshots
from runloop_mcp.api.ids import IdPrefix, new_id
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.devbox import DevboxStatus
from runloop_mcp.api.models.snapshot import (
    SnapshotDetails,
    SnapshotListParams,
    SnapshotParams,
    SnapshotStatus,
    SnapshotStatusView,
    SnapshotView,
)
from runloop_mcp.devbox.port import Kept, KeptKind
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.devboxes.keeper import Held
from runloop_mcp.engine.devboxes.suspension import SUSPENDED
from runloop_mcp.engine.store import devboxes, idempotency, snapshots, users_of_bases
from runloop_mcp.engine.store.devboxes import DevboxRow
from runloop_mcp.engine.store.snapshots import SnapshotData, SnapshotRow

logger = logging.getLogger(__name__)

_GIVEN_UP = "The devbox was shut down while it was being made."
_ABANDONED = "The server that made it ended before it was done."


class EngineSnapshots(Snapshots):
    """Snapshots of the embedded engine: what the driver keeps, under names."""

    def __init__(self, engine: EngineContext) -> None:
        self._engine = engine

    async def create(
        self,
        devbox_id: str,
        params: SnapshotParams,
        *,
        wait_seconds: float = 600,
        idempotency_key: str | None = None,
    ) -> SnapshotView:
        """See `Snapshots.create`."""
        _refuse_blank(params)
        scope, arguments = f"snapshot:{devbox_id}", idempotency.fingerprint(params)
        database = self._engine.database
        if idempotency_key is not None:
            made = await database.read(lambda c: idempotency.find(c, scope, idempotency_key, arguments))
            if made is not None:
                return await self._waited(made, wait_seconds)
        devbox = await database.read(lambda connection: devboxes.get(connection, devbox_id))
        held = await self._hold(devbox)
        row = SnapshotRow(
            id=new_id(IdPrefix.SNAPSHOT),
            status=SnapshotStatus.IN_PROGRESS,
            source_devbox_id=devbox_id,
            source_blueprint_id=devbox.data.blueprint_id,
            create_time_ms=now_ms(),
            server="",
            data=SnapshotData(
                name=params.name,
                metadata=params.metadata or {},
                commit_message=params.commit_message,
                working_directory=devbox.data.working_directory,
            ),
        )

        def work(connection: Connection) -> str:
            # Looked up once more inside the transaction: the same key may have come twice at once.
            if idempotency_key is not None:
                made = idempotency.find(connection, scope, idempotency_key, arguments)
                if made is not None:
                    return made
                idempotency.keep(connection, scope, idempotency_key, arguments, row.id, row.create_time_ms)
            row.server = self._engine.places.server()
            snapshots.insert(connection, row)
            return row.id

        held.snapshots += 1
        try:
            snapshot_id = await database.write(work)
        except BaseException:
            await self._let_go(held)
            raise
        if snapshot_id == row.id:
            self._engine.tasks.start_soon(self._take, held, row)
        else:
            await self._let_go(held)
        return await self._waited(snapshot_id, wait_seconds)

    async def _hold(self, devbox: DevboxRow) -> Held:
        """The devbox, held: booted where this server has it up, else as it lies on its disk."""
        if devbox.status in (DevboxStatus.SHUTDOWN, DevboxStatus.FAILURE):
            raise InvalidState(
                f"The devbox {devbox.id} has ended, and its disk with it.", hint="Keep the disk of one that is there."
            )
        keeper = self._engine.keeper
        held = keeper.get(devbox.id)
        if devbox.ending or (held is not None and held.stopping and not held.suspending):
            # Its disk is about to go, and a snapshot that is begun now would be in the way of that.
            raise Conflict("The devbox is just being ended.", hint="Look at it again.", retry_after=1)
        there = devbox.status is DevboxStatus.RUNNING or devbox.status in SUSPENDED
        if there and held is None:
            return await keeper.hold(devbox.id)
        if there and held is not None and held.snapshots and not held.is_ready() and held.boot is None:
            return held  # another snapshot of it is under way, for which it need not be booted either
        return await keeper.ready(devbox.id)

    async def _let_go(self, held: Held) -> None:
        held.snapshots -= 1
        self._engine.changes.notify(held.id)
        await self._engine.keeper.let_go(held)

    async def _take(self, held: Held, row: SnapshotRow) -> None:
        engine = self._engine
        row.status = SnapshotStatus.COMPLETE
        scope = anyio.CancelScope()
        held.snapshot_scopes.add(scope)
        try:
            with scope:
                await self._keep_disk(held, row)
            if scope.cancelled_caught:
                row.status, row.data.error = SnapshotStatus.ERROR, _GIVEN_UP
        except ApiError as error:
            row.status, row.data.error = SnapshotStatus.ERROR, held.mask.text(str(error))
        except Exception:
            # The boundary of a background task: one snapshot's defect must not end the server.
            logger.exception("The snapshot %s failed", row.id)
            row.status, row.data.error = SnapshotStatus.ERROR, "It failed by an error of ours; see the server's log."
        finally:
            held.snapshot_scopes.discard(scope)
            await self._let_go(held)
        try:
            await engine.database.write(lambda connection: _keep_outcome(connection, row))
            engine.changes.notify(row.id)
            if row.status is SnapshotStatus.COMPLETE:
                await self._measure(row)
        except (ApiError, OSError) as error:
            logger.warning("What became of snapshot %s can't be kept: %s", row.id, error)

    async def _keep_disk(self, held: Held, row: SnapshotRow) -> None:
        driver = self._engine.driver
        try:
            await driver.snapshot(held.id, row.id)
        except Conflict:
            if held.boot is None:
                raise
            # It was being booted just then: its disk is its own again once that is done.
            await self._engine.keeper.ready(held.id)
            await driver.snapshot(held.id, row.id)

    async def _measure(self, row: SnapshotRow) -> None:
        """Notes what a snapshot takes, once it is there: nobody waits for that."""
        size = await self._engine.driver.kept_bytes(Kept(KeptKind.SNAPSHOT, row.id, row.create_time_ms, in_use=True))

        def work(connection: Connection) -> None:
            current = snapshots.get(connection, row.id)
            current.data.size_bytes = size
            snapshots.save(connection, current)

        await self._engine.database.write(work)

    async def _waited(self, snapshot_id: str, seconds: float) -> SnapshotView:
        row = await self._engine.changes.wait(
            snapshot_id,
            lambda: self._row(snapshot_id),
            lambda seen: seen.status is not SnapshotStatus.IN_PROGRESS,
            seconds=seconds,
        )
        if row.status is SnapshotStatus.ERROR:
            raise Unavailable(f"The snapshot could not be made: {row.data.error}", hint="Call again with a new key.")
        return _view(row)

    async def _row(self, snapshot_id: str) -> SnapshotRow:
        await self._note_abandoned()
        return await self._engine.database.read(lambda connection: snapshots.get(connection, snapshot_id))

    async def _note_abandoned(self) -> None:
        """Marks as failed what a server was making that has ended."""
        database = self._engine.database
        alive = self._engine.places.rules.alive
        if await database.read(snapshots.has_unfinished):
            await database.write(lambda connection: snapshots.fail_abandoned(connection, alive, _ABANDONED))

    async def retrieve(self, snapshot_id: str) -> SnapshotView:
        """See `Snapshots.retrieve`."""
        row = await self._row(snapshot_id)
        _refuse_gone(row)
        return _view(row)

    async def query_status(self, snapshot_id: str) -> SnapshotStatusView:
        """See `Snapshots.query_status`."""
        row = await self._row(snapshot_id)
        there = row.status in (SnapshotStatus.COMPLETE, SnapshotStatus.IN_PROGRESS)
        return SnapshotStatusView(
            status=row.status, error_message=row.data.error, snapshot=_view(row) if there else None
        )

    async def list(self, params: SnapshotListParams) -> Page[SnapshotView]:
        """See `Snapshots.list`."""
        await self._note_abandoned()
        rows, total, more = await self._engine.database.read(lambda connection: snapshots.page(connection, params))
        return Page(items=[_view(row) for row in rows], has_more=more, total_count=total)

    async def update(self, snapshot_id: str, params: SnapshotParams) -> SnapshotView:
        """See `Snapshots.update`."""
        _refuse_blank(params)

        def work(connection: Connection) -> SnapshotRow:
            row = snapshots.get(connection, snapshot_id)
            _refuse_gone(row)
            if params.name is not None:
                row.data.name = params.name
            if params.metadata is not None:
                row.data.metadata = params.metadata
            if params.commit_message is not None:
                row.data.commit_message = params.commit_message or None
            snapshots.save(connection, row)
            return row

        return _view(await self._engine.database.write(work))

    async def delete(self, snapshot_id: str) -> None:
        """See `Snapshots.delete`."""
        await self._note_abandoned()

        def work(connection: Connection) -> bool:
            row = snapshots.get(connection, snapshot_id)
            if row.status is SnapshotStatus.IN_PROGRESS:
                raise Conflict(
                    "Only a snapshot that is made can be deleted, and this one is being made.",
                    hint="Call again once it is complete.",
                    retry_after=1,
                )
            users = users_of_bases.users(connection, "snapshot_id", snapshot_id)
            if users and row.status is SnapshotStatus.COMPLETE:
                raise InvalidState(
                    f"The snapshot {snapshot_id} is in use: {', '.join(users)}.",
                    hint="Archive or change the scenarios and end the devboxes first.",
                )
            row.status = SnapshotStatus.DELETED
            snapshots.save(connection, row)
            return snapshot_id in users_of_bases.still_wanted(connection)

        # What a frozen disk may be scored on again goes with that, by gc.
        if not await self._engine.database.write(work, durable=True):
            await self._engine.driver.remove_snapshot(snapshot_id)
        self._engine.changes.notify(snapshot_id)


def _refuse_blank(params: SnapshotParams) -> None:
    if params.name is not None and not params.name.strip():
        raise InvalidRequest("The name of a snapshot can't be blank.", hint="Give a name, or leave it out.")


def _refuse_gone(row: SnapshotRow) -> None:
    if row.status is SnapshotStatus.DELETED:
        raise NotFound(f"The snapshot {row.id} is deleted.", hint="List the snapshots to see those there are.")
    if row.status is SnapshotStatus.ERROR:
        raise NotFound(f"The snapshot {row.id} could not be made: {row.data.error}", hint="Take another one.")


def _keep_outcome(connection: Connection, row: SnapshotRow) -> None:
    """Notes how a snapshot came out, and nothing else: its name may have been changed meanwhile."""
    current = snapshots.get(connection, row.id)
    current.status, current.data.error = row.status, row.data.error
    snapshots.save(connection, current)


def _view(row: SnapshotRow) -> SnapshotView:
    data = row.data
    return SnapshotView(
        id=row.id,
        create_time_ms=row.create_time_ms,
        metadata=data.metadata,
        source_devbox_id=row.source_devbox_id,
        commit_message=data.commit_message,
        name=data.name,
        size_bytes=data.size_bytes,
        source_blueprint_id=row.source_blueprint_id,
        x_runloop_mcp=SnapshotDetails(status=row.status, working_directory=data.working_directory),
    )
