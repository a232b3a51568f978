"""What a state directory has at Runloop and here, what of it is in use, and taking away what is not."""

import contextlib
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, Literal

import anyio
import anyio.to_thread

from runloop_mcp.api.errors import ApiError, Conflict, InvalidRequest, NotFound
from runloop_mcp.api.models.devbox import DevboxListParams, DevboxStatus, DevboxView
from runloop_mcp.client.runloop_client import RunloopClient
from runloop_mcp.devbox.docker.locks import Locks
from runloop_mcp.devbox.port import Kept, KeptKind

from .ending import ask_to_suspend
from .records import Records
from .snapshots import Snapshots

_log = logging.getLogger(__name__)

STATE = "runloop-mcp.state"
"""Of a devbox's or snapshot's metadata: the state directory's id."""
ID = "runloop-mcp.id"
"""Its id here."""

_SCHEDULED: Final = "scheduled"
"""A status that not every service knows."""
_Status = DevboxStatus | Literal["scheduled"]
_UP: tuple[_Status, ...] = (
    _SCHEDULED, DevboxStatus.QUEUED, DevboxStatus.PROVISIONING, DevboxStatus.INITIALIZING, DevboxStatus.RESUMING,
    DevboxStatus.RUNNING, DevboxStatus.SUSPENDING, DevboxStatus.SUSPENDED,
)  # fmt: skip
"""The statuses of a devbox that has not ended, in the order in which it comes to them."""
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
        # One after another: a devbox that boots meanwhile would be missed by looks at once.
        for status in _UP:
            try:
                async for view in self._with_status(status):
                    if view.metadata.get(STATE) == self._state:
                        found[view.id] = view
            except InvalidRequest:
                if status != _SCHEDULED:
                    raise
        return [*found.values()]

    async def _with_status(self, status: _Status) -> AsyncIterator[DevboxView]:
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

    async def settle(self) -> None:
        """Has servers that died cost nothing: suspends what they left running, shuts down what they never noted."""
        async with anyio.create_task_group() as suspending:
            for view in await self._up():
                if not await self._is_known(view):
                    with contextlib.suppress(NotFound):
                        await self._client.devboxes.shutdown(view.id, force=True)
                elif view.status == DevboxStatus.RUNNING:
                    suspending.start_soon(self._suspend_if_left, view)

    async def _suspend_if_left(self, view: DevboxView) -> None:
        """Suspends a devbox that runs, unless a server that lives has it; whoever resumes it waits until it is so."""
        name = view.metadata[ID]
        try:
            if await anyio.to_thread.run_sync(self._locks.is_held, name):
                return
            lock = await anyio.to_thread.run_sync(self._locks.hold, name)
        except Conflict:
            return
        try:
            await ask_to_suspend(self._client, view.id)
        except ApiError as error:  # its keep-alive time bounds what it costs
            _log.warning("The devbox %s, which a server left running, could not be suspended: %s", name, error.message)
        finally:
            os.close(lock)

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
