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
from runloop_mcp.client.bodies import body_of, page_of, query_of, view_of
from runloop_mcp.client.long_polls import looked_at
from runloop_mcp.client.wire import Ask, Wire, place

_ALL: Final = "/v1/devboxes/disk_snapshots"
_ONE: Final = "/v1/devboxes/disk_snapshots/{}"


class SnapshotCalls:
    """Snapshots of the API. Every call raises the errors of the api as their statuses say."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def create(self, devbox_id: str, params: SnapshotParams, *, request_id: str | None = None) -> SnapshotView:
        """Begins to make a snapshot; answers while it may still be in progress."""
        path = place("/v1/devboxes/{}/snapshot_disk_async", devbox_id)
        ask = Ask("POST", path, body_of(params), request_id=request_id, long=True)
        return view_of(SnapshotView, (await self._wire.send(ask)).content, ask.about)

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
        ask = Ask("GET", place(_ONE + "/status", snapshot_id))
        return view_of(SnapshotStatusView, (await self._wire.send(ask)).content, ask.about)

    async def list(self, params: SnapshotListParams) -> Page[SnapshotView]:
        """One page of snapshots, newest first."""
        ask = Ask("GET", _ALL, query=query_of(params))
        return page_of(SnapshotView, (await self._wire.send(ask)).content, "snapshots", ask.about)

    async def update(self, snapshot_id: str, params: SnapshotParams) -> SnapshotView:
        """Changes what it is called."""
        ask = Ask("POST", place(_ONE, snapshot_id), body_of(params))
        return view_of(SnapshotView, (await self._wire.send(ask)).content, ask.about)

    async def delete(self, snapshot_id: str) -> None:
        """Deletes it."""
        await self._wire.send(Ask("POST", place(_ONE + "/delete", snapshot_id), {}))
