"""Disk snapshots."""

from typing import Final

from runloop_mcp.api.errors import Unavailable
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.snapshot import (
    SnapshotListParams,
    SnapshotParams,
    SnapshotStatus,
    SnapshotStatusView,
    SnapshotView,
)
from runloop_mcp.client.ask import Ask, place
from runloop_mcp.client.bodies import body_of, query_of
from runloop_mcp.client.calls import Calls
from runloop_mcp.client.long_polls import looked_at

_ALL: Final = "/v1/devboxes/disk_snapshots"
_ONE: Final = "/v1/devboxes/disk_snapshots/{}"


class SnapshotCalls(Calls):
    """Snapshots of the API."""

    async def create(self, devbox_id: str, params: SnapshotParams, *, request_id: str | None = None) -> SnapshotView:
        """Begins to make a snapshot; answers while it may still be in progress."""
        path = place("/v1/devboxes/{}/snapshot_disk_async", devbox_id)
        return await self._post(SnapshotView, path, body_of(params), request_id=request_id, long=True)

    async def wait(self, snapshot_id: str, *, wait_seconds: float) -> SnapshotStatusView:
        """How far it is, once it is no longer in progress or the wait is over."""
        return await looked_at(
            lambda: self.query_status(snapshot_id),
            wanted=lambda seen: seen.status != SnapshotStatus.IN_PROGRESS,
            seconds=wait_seconds,
        )

    async def create_and_wait(
        self, devbox_id: str, params: SnapshotParams, *, wait_seconds: float, request_id: str | None = None
    ) -> SnapshotView:
        """A snapshot, once it is made or the wait is over.

        Raises:
            Unavailable: It could not be made.
        """
        begun = await self.create(devbox_id, params, request_id=request_id)
        if wait_seconds <= 0:
            return begun
        seen = await self.wait(begun.id, wait_seconds=wait_seconds)
        if seen.status == SnapshotStatus.ERROR:
            raise Unavailable(seen.error_message or "The snapshot could not be made, and Runloop does not say why.")
        return seen.snapshot or begun

    async def query_status(self, snapshot_id: str) -> SnapshotStatusView:
        """How far it is, also of one that failed or was deleted."""
        return await self._get(SnapshotStatusView, place(_ONE + "/status", snapshot_id))

    async def list(self, params: SnapshotListParams) -> Page[SnapshotView]:
        """One page of snapshots, newest first."""
        return await self._page(SnapshotView, _ALL, "snapshots", query_of(params))

    async def update(self, snapshot_id: str, params: SnapshotParams) -> SnapshotView:
        """Changes what it is called."""
        return await self._post(SnapshotView, place(_ONE, snapshot_id), body_of(params))

    async def delete(self, snapshot_id: str) -> None:
        """Deletes it."""
        await self._wire.send(Ask("POST", place(_ONE + "/delete", snapshot_id), {}))
