"""Snapshots: a disk kept at Runloop, and its working directory kept here as well, for devboxes that take only that."""

import dataclasses
import posixpath
from collections.abc import Mapping

import anyio
import anyio.to_thread

from runloop_mcp.api.errors import ApiError, NotFound, Unavailable
from runloop_mcp.api.models.snapshot import SnapshotParams, SnapshotStatus
from runloop_mcp.client.runloop_client import RunloopClient
from runloop_mcp.devbox.port import HOME, DevboxSpec

from .devbox import RunloopDevbox
from .records import Records, SnapshotRecord

_SECONDS = 900.0


class Snapshots:
    """The snapshots of a state directory.

    Args:
        client: The API.
        records: What is known of them.
    """

    def __init__(self, client: RunloopClient, records: Records) -> None:
        self._client = client
        self._records = records

    async def make(self, box: RunloopDevbox, cloud_id: str, snapshot_id: str, metadata: Mapping[str, str]) -> None:
        """Keeps a devbox's disk, in which nothing runs meanwhile.

        Raises:
            Unavailable: That failed; nothing is left of it.
        """
        record = SnapshotRecord(snapshot_id, box.spec)
        await anyio.to_thread.run_sync(self._records.keep_snapshot, record)
        try:
            params = SnapshotParams(name=f"runloop-mcp {snapshot_id}", metadata=dict(metadata))
            begun = await self._client.snapshots.create(cloud_id, params)
            record = dataclasses.replace(record, cloud_id=begun.id)
            await anyio.to_thread.run_sync(self._records.keep_snapshot, record)
            size = await self._done(begun.id)
            await self._take_work(box, cloud_id, snapshot_id)
            record = dataclasses.replace(record, whole=True, size_bytes=size)
            await anyio.to_thread.run_sync(self._records.keep_snapshot, record)
        except BaseException:
            with anyio.move_on_after(_SECONDS, shield=True):
                await self.remove(snapshot_id)
            raise

    async def _done(self, cloud_id: str) -> int:
        seen = await self._client.snapshots.wait(cloud_id, wait_seconds=_SECONDS)
        if seen.status != SnapshotStatus.COMPLETE:
            why = seen.error_message or f"it is {seen.status} after {_SECONDS:.0f} s"
            raise Unavailable(f"The snapshot failed at Runloop: {why}.", hint="Try again.", retryable=True)
        return (seen.snapshot.size_bytes or 0) if seen.snapshot is not None else 0

    async def _take_work(self, box: RunloopDevbox, cloud_id: str, snapshot_id: str) -> None:
        parcel = posixpath.join(box.folder, f"work-{snapshot_id}")
        await box.furnish([("pack", (box.spec.working_directory, parcel, _left_behind(box.spec)))])
        try:
            await self._client.devboxes.download(cloud_id, parcel, self._records.work_of(snapshot_id))
        finally:
            if box.alive:
                await box.furnish([("forget", (parcel,))])

    async def remove(self, snapshot_id: str) -> None:
        """Deletes a snapshot; what was made from it has a disk of its own.

        Raises:
            Unavailable: Runloop does not delete it now.
        """
        record = await anyio.to_thread.run_sync(self._records.snapshot, snapshot_id)
        if record is None:
            return
        if record.cloud_id:
            try:
                await self._client.snapshots.delete(record.cloud_id)
            except NotFound:
                pass
            except ApiError as error:
                raise Unavailable(
                    f"The snapshot {snapshot_id} can't be deleted at Runloop: {error.message}",
                    hint=error.hint or "Try again later.",
                    retryable=True,
                ) from error
        await anyio.to_thread.run_sync(self._records.forget_snapshot, snapshot_id)


def _left_behind(spec: DevboxSpec) -> str:
    """The path in the working directory of a home that lies in it; empty where it does not."""
    work = spec.working_directory
    return posixpath.relpath(HOME, work) if HOME.startswith(f"{work}/") else ""
