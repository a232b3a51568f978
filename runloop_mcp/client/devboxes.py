"""Devboxes, and the files on them."""

from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import anyio

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.devbox import (
    DevboxCreateParams,
    DevboxListParams,
    DevboxStatus,
    DevboxUpdateParams,
    DevboxView,
)
from runloop_mcp.api.models.devbox_record import DevboxLogs, DevboxUsage
from runloop_mcp.client.ask import Ask, place
from runloop_mcp.client.bodies import body_of, query_of
from runloop_mcp.client.calls import Calls
from runloop_mcp.client.long_polls import poll

_ALL: Final = "/v1/devboxes"
_ONE: Final = "/v1/devboxes/{}"
LONGEST_WAIT: Final = 30.0
"""Seconds that one request waits for a status at most."""
ENDED: Final = frozenset({DevboxStatus.FAILURE, DevboxStatus.SHUTDOWN})


class DevboxCalls(Calls):
    """Devboxes of the API."""

    async def create(self, params: DevboxCreateParams, *, request_id: str | None = None) -> DevboxView:
        """Makes a devbox; answers while it may still be booting."""
        return await self._post(DevboxView, _ALL, body_of(params), request_id=request_id)

    async def list(self, params: DevboxListParams) -> Page[DevboxView]:
        """One page of devboxes, newest first."""
        return await self._page(DevboxView, _ALL, "devboxes", query_of(params))

    async def retrieve(self, devbox_id: str) -> DevboxView:
        """One devbox."""
        return await self._get(DevboxView, place(_ONE, devbox_id))

    async def update(self, devbox_id: str, params: DevboxUpdateParams) -> DevboxView:
        """Changes what it is called."""
        return await self._post(DevboxView, place(_ONE, devbox_id), body_of(params))

    async def wait(self, devbox_id: str, *, until: Collection[str], wait_seconds: float) -> DevboxView:
        """The devbox, once its status is one of these, or it has ended, or the wait is over."""
        path = place(_ONE + "/wait_for_status", devbox_id)
        wanted = {*map(str, until), *map(str, ENDED)}

        def ask(seconds: float) -> Ask:
            return Ask("POST", path, {"statuses": sorted(wanted), "timeout_seconds": seconds})

        view = await poll(
            self._wire,
            ask,
            DevboxView,
            wanted=lambda seen: str(seen.status) in wanted,
            seconds=wait_seconds,
            longest=LONGEST_WAIT,
        )
        return view or await self.retrieve(devbox_id)

    async def shutdown(self, devbox_id: str, *, force: bool = False) -> DevboxView:
        """Ends it for ever; nothing happens to one that has ended."""
        return await self._post(
            DevboxView, place(_ONE + "/shutdown", devbox_id), query={"force": "true"} if force else {}
        )

    async def suspend(self, devbox_id: str) -> DevboxView:
        """Ends its processes and keeps its disk."""
        return await self._post(DevboxView, place(_ONE + "/suspend", devbox_id), long=True)

    async def resume(self, devbox_id: str) -> DevboxView:
        """Boots it again on its disk."""
        return await self._post(DevboxView, place(_ONE + "/resume", devbox_id), long=True)

    async def keep_alive(self, devbox_id: str) -> None:
        """Begins its keep-alive time anew."""
        await self._wire.send(Ask("POST", place(_ONE + "/keep_alive", devbox_id), {}))

    async def logs(
        self, devbox_id: str, *, execution_id: str | None = None, shell_name: str | None = None
    ) -> DevboxLogs:
        """Its log, or what of it belongs to an execution or a named shell."""
        query = {"execution_id": execution_id, "shell_name": shell_name}
        return await self._get(DevboxLogs, place(_ONE + "/logs", devbox_id), query)

    async def usage(self, devbox_id: str) -> DevboxUsage:
        """What it has used."""
        return await self._get(DevboxUsage, place(_ONE + "/usage", devbox_id))

    # Files: relative paths begin at the user's home

    async def read_file(self, devbox_id: str, path: str) -> bytes:
        """A file, whole."""
        ask = Ask("POST", place(_ONE + "/download_file", devbox_id), {"path": path}, long=True)
        return (await self._wire.send(ask)).content

    async def download(self, devbox_id: str, path: str, target: Path) -> int:
        """Writes a file of the devbox to one here, which is replaced whole or not at all; tells its size."""
        ask = Ask("POST", place(_ONE + "/download_file", devbox_id), {"path": path}, long=True)
        return await self._wire.download(ask, target)

    async def read_range(
        self, devbox_id: str, path: str, *, offset: int = 0, limit: int | None = None
    ) -> tuple[bytes, int]:
        """A part of a file, and how large the whole is. The wire gives whole files: the rest is read and dropped."""
        ask = Ask("POST", place(_ONE + "/download_file", devbox_id), {"path": path}, long=True)
        return await self._wire.read_range(ask, offset, limit)

    async def write_file(self, devbox_id: str, path: str, data: bytes) -> None:
        """Writes a file whole, with the directories it needs."""
        await self._upload(devbox_id, path, lambda: {"file": ("file", data, "application/octet-stream")})

    async def upload(self, devbox_id: str, path: str, source: Path) -> None:
        """Likewise, from a file here.

        Raises:
            InvalidRequest: That can't be read.
        """
        try:
            file = await anyio.to_thread.run_sync(source.open, "rb")
        except OSError as error:
            raise InvalidRequest(
                f"{source} can't be read: {error.strerror}.", hint="Name a file that can be read."
            ) from error

        def form() -> dict[str, Any]:
            file.seek(0)
            return {"file": ("file", file, "application/octet-stream")}

        try:
            await self._upload(devbox_id, path, form)
        finally:
            file.close()

    async def _upload(self, devbox_id: str, path: str, form: Any) -> None:
        await self._wire.send(
            Ask("POST", place(_ONE + "/upload_file", devbox_id), {"path": path}, upload=form, long=True)
        )
