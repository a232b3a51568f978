"""Devboxes over the wire: how they come and go, and their files. Commands are `commanding`'s."""

from collections.abc import Collection

from runloop_mcp.api.access import LOCAL_OPERATOR, Principal
from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.devbox import (
    DevboxCreateParams,
    DevboxListParams,
    DevboxStatus,
    DevboxUpdateParams,
    DevboxView,
    FileContents,
)
from runloop_mcp.api.models.devbox_record import DevboxLogs, DevboxUsage
from runloop_mcp.cloud.commanding import CloudCommands
from runloop_mcp.cloud.commands import joined, unwrapped
from runloop_mcp.cloud.keys import request_id, used_once


class CloudDevboxes(CloudCommands):
    """Devboxes of the cloud."""

    async def create(
        self,
        params: DevboxCreateParams,
        *,
        principal: Principal = LOCAL_OPERATOR,
        idempotency_key: str | None = None,
    ) -> DevboxView:
        """See `Devboxes.create`."""
        with used_once(idempotency_key):
            return await self._client.devboxes.create(params, request_id=request_id(idempotency_key, principal))

    async def list(self, params: DevboxListParams) -> Page[DevboxView]:
        """See `Devboxes.list`."""
        return await self._client.devboxes.list(params)

    async def update(self, devbox_id: str, params: DevboxUpdateParams) -> DevboxView:
        """See `Devboxes.update`."""
        return await self._client.devboxes.update(devbox_id, params)

    async def shutdown(self, devbox_id: str, *, force: bool = False) -> DevboxView:
        """See `Devboxes.shutdown`."""
        return await self._client.devboxes.shutdown(devbox_id, force=force)

    async def logs(
        self, devbox_id: str, *, execution_id: str | None = None, shell_name: str | None = None
    ) -> DevboxLogs:
        """See `Devboxes.logs`."""
        found = await self._client.devboxes.logs(devbox_id, execution_id=execution_id, shell_name=shell_name)
        for line in found.logs:
            if line.cmd is not None and (asked := unwrapped(line.cmd)) is not None:
                line.cmd = asked.text
        return found

    async def usage(self, devbox_id: str) -> DevboxUsage:
        """See `Devboxes.usage`."""
        return await self._client.devboxes.usage(devbox_id)

    async def retrieve(self, devbox_id: str) -> DevboxView:
        """See `Devboxes.retrieve`."""
        return await self._client.devboxes.retrieve(devbox_id)

    async def wait(self, devbox_id: str, *, until: Collection[DevboxStatus], wait_seconds: float) -> DevboxView:
        """See `Devboxes.wait`."""
        if wait_seconds <= 0:
            return await self._client.devboxes.retrieve(devbox_id)
        return await self._client.devboxes.wait(devbox_id, until=until, wait_seconds=wait_seconds)

    async def suspend(self, devbox_id: str) -> DevboxView:
        """See `Devboxes.suspend`."""
        return await self._client.devboxes.suspend(devbox_id)

    async def resume(self, devbox_id: str) -> DevboxView:
        """See `Devboxes.resume`."""
        return await self._client.devboxes.resume(devbox_id)

    async def keep_alive(self, devbox_id: str) -> DevboxView:
        """See `Devboxes.keep_alive`."""
        await self._client.devboxes.keep_alive(devbox_id)
        return await self._client.devboxes.retrieve(devbox_id)

    async def read_file(self, devbox_id: str, path: str, *, offset: int = 0, limit: int | None = None) -> FileContents:
        """See `Devboxes.read_file`."""
        there = await self._path(devbox_id, path)
        data, total = await self._client.devboxes.read_range(devbox_id, there, offset=offset, limit=limit)
        return FileContents(path=path, data=data, total_bytes=total)

    async def write_file(self, devbox_id: str, path: str, data: bytes) -> int:
        """See `Devboxes.write_file`."""
        there = await self._path(devbox_id, path)
        await self._client.devboxes.write_file(devbox_id, there, data)
        place = await self._cloud.places.of(devbox_id)
        if place.run_id is not None:
            await self._cloud.sightings.file(place.run_id, path, len(data))
        return len(data)

    async def _path(self, devbox_id: str, path: str) -> str:
        """A path as the wire takes it: what is relative begins at the home there."""
        if not path.strip() or "\0" in path:
            raise InvalidRequest("This is no path of a file.", hint="Name a file, such as src/main.py.")
        return joined((await self._cloud.places.of(devbox_id)).directory, path)
