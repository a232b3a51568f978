"""The calls of the Runloop API that devboxes here are driven with."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from runloop_mcp.api.errors import ApiError, Unavailable
from runloop_mcp.api.models.devbox import DevboxStatus, DevboxView, ExecutionStatus, ExecutionView, StdinSignal
from runloop_mcp.api.models.snapshot import SnapshotStatus, SnapshotStatusView, SnapshotView
from runloop_mcp.client.bodies import page_of, view_of
from runloop_mcp.client.long_polls import poll
from runloop_mcp.client.wire import Ask, Wire

_DEVBOXES = "/v1/devboxes"
_SNAPSHOTS = "/v1/devboxes/disk_snapshots"
_LONGEST_DEVBOX_POLL = 30.0
_LONGEST_EXECUTION_POLL = 25.0
_SILENCE_SECONDS = 90.0
_PAGE = 500
_FIRST_LOOK, _LAST_LOOK = 0.1, 3.0
_ON_ITS_WAY = frozenset({"scheduled", "queued", "provisioning", "initializing", "resuming"})


class Calls:
    """What is asked of the API.

    Args:
        wire: The connection.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    # Devboxes

    async def create(self, body: Mapping[str, Any]) -> DevboxView:
        """Makes a devbox; it may still be booting."""
        return await self._asked(DevboxView, Ask("POST", _DEVBOXES, body))

    async def devbox(self, devbox_id: str) -> DevboxView:
        """A devbox as it is now."""
        return await self._asked(DevboxView, Ask("GET", f"{_DEVBOXES}/{devbox_id}"))

    async def devboxes(self, status: DevboxStatus) -> list[DevboxView]:
        """All devboxes of the account that have a status."""
        found: list[DevboxView] = []
        while True:
            query = {"limit": _PAGE, "status": status.value}
            if found:
                query["starting_after"] = found[-1].id
            ask = Ask("GET", _DEVBOXES, query=query)
            page = page_of(DevboxView, (await self._wire.send(ask)).content, "devboxes", ask.about)
            found += page.items
            if not page.has_more or not page.items:
                return found

    async def until(self, devbox_id: str, wanted: DevboxStatus, seconds: float) -> DevboxView:
        """The devbox, once it has a status, or one from which it does not get there by itself.

        Raises:
            Unavailable: It took too long.
        """

        def ask(held: float) -> Ask:
            ends = [wanted, DevboxStatus.FAILURE, DevboxStatus.SHUTDOWN]
            body = {"statuses": [each.value for each in ends], "timeout_seconds": max(1, int(held))}
            return Ask("POST", f"{_DEVBOXES}/{devbox_id}/wait_for_status", body)

        def there(view: DevboxView) -> bool:
            moving = {"suspending"} if wanted is DevboxStatus.SUSPENDED else _ON_ITS_WAY
            return view.status == wanted or view.status not in moving

        view = await poll(
            self._wire, ask, DevboxView, wanted=there, seconds=seconds, longest=_LONGEST_DEVBOX_POLL
        )
        if view is None:
            raise Unavailable(
                f"The devbox {devbox_id} was not {wanted.value} within {seconds:.0f} s.",
                hint="Try again, or look at it at Runloop.",
                retryable=True,
            )
        return view

    async def shut_down(self, devbox_id: str) -> None:
        """Ends a devbox and deletes its disk."""
        await self._wire.send(Ask("POST", f"{_DEVBOXES}/{devbox_id}/shutdown", {}, query={"force": "true"}, long=True))

    async def suspend(self, devbox_id: str) -> None:
        """Ends a devbox's processes and keeps its disk; it is on its way there when this returns."""
        await self._wire.send(Ask("POST", f"{_DEVBOXES}/{devbox_id}/suspend", {}, long=True))

    async def resume(self, devbox_id: str) -> None:
        """Boots a suspended devbox; it is on its way there when this returns."""
        await self._wire.send(Ask("POST", f"{_DEVBOXES}/{devbox_id}/resume", {}, long=True))

    async def keep_alive(self, devbox_id: str) -> None:
        """Has a devbox's time begin anew."""
        await self._wire.send(Ask("POST", f"{_DEVBOXES}/{devbox_id}/keep_alive", {}))

    # Executions

    async def execute(self, devbox_id: str, command: str, *, attach_stdin: bool = False) -> ExecutionView:
        """Starts a command."""
        body: dict[str, Any] = {"command": command}
        if attach_stdin:
            body["attach_stdin"] = True
        return await self._asked(ExecutionView, Ask("POST", f"{_DEVBOXES}/{devbox_id}/execute_async", body, long=True))

    async def execution(self, devbox_id: str, execution_id: str) -> ExecutionView:
        """A command as it is now."""
        return await self._asked(ExecutionView, Ask("GET", self._execution(devbox_id, execution_id)))

    async def completed(self, devbox_id: str, execution_id: str, seconds: float) -> bool:
        """Waits until a command has ended, for so long at most; whether it has."""

        def ask(held: float) -> Ask:
            body = {"statuses": [ExecutionStatus.COMPLETED.value], "timeout_seconds": max(1, int(held))}
            return Ask("POST", f"{self._execution(devbox_id, execution_id)}/wait_for_status", body)

        view = await poll(
            self._wire,
            ask,
            ExecutionView,
            wanted=lambda view: view.status == ExecutionStatus.COMPLETED,
            seconds=seconds,
            longest=_LONGEST_EXECUTION_POLL,
        )
        return view is not None

    async def send_stdin(self, devbox_id: str, execution_id: str, text: str) -> None:
        """Adds to a command's standard input."""
        await self._wire.send(Ask("POST", f"{self._execution(devbox_id, execution_id)}/send_std_in", {"text": text}))

    async def end_stdin(self, devbox_id: str, execution_id: str) -> None:
        """Ends a command's standard input."""
        path = f"{self._execution(devbox_id, execution_id)}/send_std_in"
        await self._wire.send(Ask("POST", path, {"signal": StdinSignal.EOF.value}))

    async def kill(self, devbox_id: str, execution_id: str) -> None:
        """Ends a command."""
        path = f"{self._execution(devbox_id, execution_id)}/kill"
        await self._wire.send(Ask("POST", path, {"kill_process_group": True}, long=True))

    @asynccontextmanager
    async def stdout(
        self, devbox_id: str, execution_id: str, offset: int
    ) -> AsyncIterator[AsyncIterator[tuple[str, int | None]]]:
        """A command's standard output from an offset on, as it comes: each part, and the offset behind it if told.

        Raises:
            httpx.TransportError: The connection broke.
            Refused: It is not to be had.
        """
        path = f"{self._execution(devbox_id, execution_id)}/stream_stdout_updates"
        ask = Ask("GET", path, query={"offset": offset} if offset else {})
        async with self._wire.stream(ask, silence_seconds=_SILENCE_SECONDS) as response:
            yield _events(response.aiter_lines())

    # Files

    async def upload(self, devbox_id: str, source: Path, target: str) -> None:
        """Writes a file of this machine into a devbox."""
        content = await anyio.to_thread.run_sync(source.read_bytes)
        ask = Ask(
            "POST",
            f"{_DEVBOXES}/{devbox_id}/upload_file",
            {"path": target},
            long=True,
            upload=lambda: {"file": (source.name, content, "application/octet-stream")},
        )
        await self._wire.send(ask)

    async def download(self, devbox_id: str, source: str, target: Path) -> int:
        """Writes a file of a devbox into one of this machine; gives its size."""
        ask = Ask("POST", f"{_DEVBOXES}/{devbox_id}/download_file", {"path": source}, long=True)
        return await self._wire.download(ask, target)

    # Snapshots

    async def snapshot(self, devbox_id: str, name: str, metadata: Mapping[str, str]) -> SnapshotView:
        """Keeps a devbox's disk as it is when this returns; that may still be under way.

        Raises:
            Unavailable: It failed.
        """
        body = {"name": name, "metadata": dict(metadata)}
        ask = Ask("POST", f"{_DEVBOXES}/{devbox_id}/snapshot_disk_async", body, long=True)
        return await self._asked(SnapshotView, ask)

    async def snapshot_done(self, snapshot_id: str, seconds: float) -> SnapshotView | None:
        """Waits until a snapshot is whole, and gives what is known of it.

        Raises:
            Unavailable: It failed, or took too long.
        """
        pause = _FIRST_LOOK
        with anyio.move_on_after(seconds):
            while True:
                view = await self.snapshot_status(snapshot_id)
                if view.status == SnapshotStatus.COMPLETE:
                    return view.snapshot
                if view.status != SnapshotStatus.IN_PROGRESS:
                    raise Unavailable(
                        f"The snapshot failed at Runloop: {view.error_message or view.status}.",
                        hint="Try again.",
                        retryable=True,
                    )
                await anyio.sleep(pause)  # the API has no long poll for snapshots
                pause = min(pause * 1.5, _LAST_LOOK)
        raise Unavailable(f"The snapshot was not done within {seconds:.0f} s.", hint="Try again.", retryable=True)

    async def snapshot_status(self, snapshot_id: str) -> SnapshotStatusView:
        """How far a snapshot is."""
        return await self._asked(SnapshotStatusView, Ask("GET", f"{_SNAPSHOTS}/{snapshot_id}/status"))

    async def delete_snapshot(self, snapshot_id: str) -> None:
        """Deletes a snapshot."""
        await self._wire.send(Ask("POST", f"{_SNAPSHOTS}/{snapshot_id}/delete", {}, long=True))

    # The account

    async def greet(self) -> None:
        """Asks for something that any key may have.

        Raises:
            Unauthorized: The key is not good.
            Unavailable: Nobody answers.
        """
        await self._wire.send(Ask("GET", _DEVBOXES, query={"limit": 1}))

    async def _asked[View](self, model: type[View], ask: Ask) -> View:
        return view_of(model, (await self._wire.send(ask)).content, ask.about)

    @staticmethod
    def _execution(devbox_id: str, execution_id: str) -> str:
        return f"{_DEVBOXES}/{devbox_id}/executions/{execution_id}"


async def _events(lines: AsyncIterator[str]) -> AsyncIterator[tuple[str, int | None]]:
    """The parts of an output in a stream of events; it ends at an event that is none."""
    async for line in lines:
        if not line.startswith("data:"):
            continue
        try:
            event = json.loads(line[5:])
        except ValueError:
            return
        if not isinstance(event, dict) or not isinstance(event.get("output"), str):
            return
        offset = event.get("offset")
        yield event["output"], offset if isinstance(offset, int) else None


def not_there(error: ApiError) -> bool:
    """Whether an error means that what was asked for is gone."""
    return error.status in (404, 410)
