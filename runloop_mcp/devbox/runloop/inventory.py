"""What a state directory has at Runloop and here, what of it is in use, and taking away what is not."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import anyio.to_thread

from runloop_mcp.api.errors import ApiError, NotFound
from runloop_mcp.api.models.devbox import DevboxListParams, DevboxStatus, DevboxView
from runloop_mcp.client.runloop_client import RunloopClient
from runloop_mcp.devbox.docker.locks import Locks
from runloop_mcp.devbox.port import Kept, KeptKind

from .records import Records
from .snapshots import Snapshots

STATE = "runloop-mcp.state"
"""Of a devbox's or snapshot's metadata: the state directory's id."""
ID = "runloop-mcp.id"
"""Its id here."""

_UP = (
    DevboxStatus.QUEUED, DevboxStatus.PROVISIONING, DevboxStatus.INITIALIZING, DevboxStatus.RUNNING,
    DevboxStatus.SUSPENDING, DevboxStatus.SUSPENDED, DevboxStatus.RESUMING,
)  # fmt: skip
_PAGE = 500


class Inventory:
    """Everything of one state directory.

    Args:
        client: The API.
        state: The state directory's id.
        records: What it knows of its things.
        locks: Tell what is in use.
        snapshots: The snapshots.
    """

    def __init__(self, client: RunloopClient, state: str, records: Records, locks: Locks, snapshots: Snapshots) -> None:
        self._client = client
        self._state = state
        self._records = records
        self._locks = locks
        self._snapshots = snapshots

    async def listed(self) -> list[Kept]:
        """Everything that is kept."""
        kept = await anyio.to_thread.run_sync(self._recorded)
        kept += [
            Kept(KeptKind.LEFTOVER, view.id, view.create_time_ms, in_use=False) for view in await self.without_record()
        ]
        return kept

    def _recorded(self) -> list[Kept]:
        kept = [
            Kept(KeptKind.DEVBOX, record.id, changed, self._locks.is_held(record.id))
            for record, changed in self._records.devboxes()
        ]
        kept += [
            Kept(KeptKind.SNAPSHOT, record.id, changed, in_use=False) for record, changed in self._records.snapshots()
        ]
        # Every devbox has a copy of its own.
        kept += [Kept(KeptKind.FILES, key, changed, in_use=False) for key, changed in self._records.all_files()]
        return kept

    async def without_record(self) -> list[DevboxView]:
        """Devboxes at Runloop that are this state directory's, of which it knows nothing: nobody will ask for them."""
        return [view for view in await self._up() if not await self._is_known(view)]

    async def called(self, devbox_id: str) -> list[str]:
        """What the API calls the devboxes that were asked for under an id of this state directory."""
        return [view.id for view in await self._up() if view.metadata.get(ID) == devbox_id]

    async def _up(self) -> list[DevboxView]:
        """The devboxes at Runloop that are this state directory's, and have not ended."""
        found: dict[str, DevboxView] = {}  # by id: one may change its status between two looks

        failures: list[ApiError] = []

        async def look(status: DevboxStatus) -> None:
            try:
                async for view in self._with_status(status):
                    if view.metadata.get(STATE) == self._state:
                        found[view.id] = view
            except ApiError as error:
                failures.append(error)

        async with anyio.create_task_group() as looking:
            for status in _UP:
                looking.start_soon(look, status)
        if failures:
            raise failures[0]
        return [*found.values()]

    async def _with_status(self, status: DevboxStatus) -> AsyncIterator[DevboxView]:
        params = DevboxListParams(limit=_PAGE, status=status)
        while True:
            page = await self._client.devboxes.list(params)
            for view in page.items:
                yield view
            if not page.has_more or not page.items:
                return
            params = params.model_copy(update={"starting_after": page.items[-1].id})

    async def _is_known(self, view: DevboxView) -> bool:
        name = view.metadata.get(ID, "")

        def known() -> bool:
            record = self._records.devbox(name) if name else None
            # One that is just being made has no id in its record yet.
            return record is not None and (record.cloud_id == view.id or self._locks.is_held(name))

        return await anyio.to_thread.run_sync(known)

    async def shut_down_lost(self) -> None:
        """Shuts down the devboxes of servers that died before they could note what they had asked for."""
        for view in await self.without_record():
            with contextlib.suppress(NotFound):
                await self._client.devboxes.shutdown(view.id, force=True)

    async def size(self, kept: Kept) -> int:
        """The bytes that something takes by itself, as far as anybody tells."""

        def look() -> int:
            if kept.kind is KeptKind.SNAPSHOT and (record := self._records.snapshot(kept.id)) is not None:
                return record.size_bytes or _size_of(self._records.work_of(kept.id))
            return _size_of(self._records.files(kept.id)) if kept.kind is KeptKind.FILES else 0

        return await anyio.to_thread.run_sync(look)

    async def discard(self, kept: Kept) -> bool:
        """Deletes something that nothing uses; whether it is gone."""
        if kept.kind is KeptKind.SNAPSHOT:
            await self._snapshots.remove(kept.id)
        elif kept.kind is KeptKind.FILES:
            await anyio.to_thread.run_sync(lambda: self._records.files(kept.id).unlink(missing_ok=True))
        elif kept.kind is KeptKind.LEFTOVER:
            with contextlib.suppress(NotFound):
                await self._client.devboxes.shutdown(kept.id, force=True)
        return True


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
