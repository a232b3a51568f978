"""Snapshots and blueprints over the wire."""

from runloop_mcp.api.errors import NotFound
from runloop_mcp.api.groups.environments import Blueprints, Snapshots
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.blueprint import BlueprintListParams, BlueprintLogs, BlueprintParams, BlueprintView
from runloop_mcp.api.models.snapshot import (
    SnapshotListParams,
    SnapshotParams,
    SnapshotStatus,
    SnapshotStatusView,
    SnapshotView,
)
from runloop_mcp.client.runloop_client import RunloopClient
from runloop_mcp.cloud.keys import request_id, used_once


class CloudSnapshots(Snapshots):
    """Snapshots of the cloud."""

    def __init__(self, client: RunloopClient) -> None:
        self._calls = client.snapshots

    async def create(
        self,
        devbox_id: str,
        params: SnapshotParams,
        *,
        wait_seconds: float = 600,
        idempotency_key: str | None = None,
    ) -> SnapshotView:
        """See `Snapshots.create`."""
        with used_once(idempotency_key):
            return await self._calls.create_and_wait(
                devbox_id, params, wait_seconds=wait_seconds, request_id=request_id(idempotency_key)
            )

    async def retrieve(self, snapshot_id: str) -> SnapshotView:
        """See `Snapshots.retrieve`."""
        seen = await self._calls.query_status(snapshot_id)
        if seen.snapshot is None or seen.status in {SnapshotStatus.ERROR, SnapshotStatus.DELETED}:
            why = f": {seen.error_message}" if seen.error_message else "."
            raise NotFound(f"There is no snapshot {snapshot_id} (any more); its status is {seen.status}{why}")
        return seen.snapshot

    async def query_status(self, snapshot_id: str) -> SnapshotStatusView:
        """See `Snapshots.query_status`."""
        return await self._calls.query_status(snapshot_id)

    async def list(self, params: SnapshotListParams) -> Page[SnapshotView]:
        """See `Snapshots.list`."""
        return await self._calls.list(params)

    async def update(self, snapshot_id: str, params: SnapshotParams) -> SnapshotView:
        """See `Snapshots.update`."""
        return await self._calls.update(snapshot_id, params)

    async def delete(self, snapshot_id: str) -> None:
        """See `Snapshots.delete`."""
        await self._calls.delete(snapshot_id)


class CloudBlueprints(Blueprints):
    """Blueprints of the cloud."""

    def __init__(self, client: RunloopClient) -> None:
        self._calls = client.blueprints

    async def create(self, params: BlueprintParams, *, idempotency_key: str | None = None) -> BlueprintView:
        """See `Blueprints.create`."""
        with used_once(idempotency_key):
            return await self._calls.create(params, request_id=request_id(idempotency_key))

    async def retrieve(self, blueprint_id: str) -> BlueprintView:
        """See `Blueprints.retrieve`."""
        return await self._calls.retrieve(blueprint_id)

    async def wait(self, blueprint_id: str, *, wait_seconds: float) -> BlueprintView:
        """See `Blueprints.wait`."""
        return await self._calls.wait(blueprint_id, wait_seconds=wait_seconds)

    async def list(self, params: BlueprintListParams) -> Page[BlueprintView]:
        """See `Blueprints.list`."""
        return await self._calls.list(params)

    async def logs(self, blueprint_id: str) -> BlueprintLogs:
        """See `Blueprints.logs`."""
        return await self._calls.logs(blueprint_id)

    async def delete(self, blueprint_id: str) -> None:
        """See `Blueprints.delete`."""
        await self._calls.delete(blueprint_id)
