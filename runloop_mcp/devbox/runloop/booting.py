"""From a devbox that the API has to one that answers here: until it runs, and until its agent does."""

import contextlib
import dataclasses

import anyio
import anyio.to_thread

from runloop_mcp.api.errors import ApiError, InvalidRequest, InvalidState, NotFound, Unavailable
from runloop_mcp.api.models.devbox import DevboxStatus
from runloop_mcp.client.runloop_client import RunloopClient
from runloop_mcp.devbox.sandbox.launch import Refused as BootRefused
from runloop_mcp.devbox.sandbox.process import Spawn

from .bootstrap import command
from .devbox import RunloopDevbox
from .ending import DevboxEnd, end_agent, suspend
from .line import Line
from .missing import gone
from .records import DevboxRecord, Records

_BOOT_SECONDS = 600.0
_AGENT_SECONDS = 60.0


class Boots:
    """Boots devboxes.

    Args:
        client: The API.
        records: Where it is noted which execution a devbox's agent is.
        spawn: Runs what must go on when nobody waits.
    """

    def __init__(self, client: RunloopClient, records: Records, spawn: Spawn) -> None:
        self._client = client
        self._records = records
        self._spawn = spawn

    async def until_running(self, cloud_id: str) -> None:
        """Waits until a devbox runs.

        Raises:
            Unavailable: It does not get there.
        """
        view = await self._client.devboxes.wait(cloud_id, until=[DevboxStatus.RUNNING], wait_seconds=_BOOT_SECONDS)
        if view.status != DevboxStatus.RUNNING:
            why = view.failure_reason or view.shutdown_reason
            told = f": {why}" if why else f" within {_BOOT_SECONDS:.0f} s, and is {view.status}"
            raise Unavailable(f"The devbox did not boot at Runloop{told}.", hint="Try again.", retryable=True)

    async def start_agent(self, record: DevboxRecord, folder: str, lock: int) -> RunloopDevbox:
        """Starts an agent in a devbox that runs.

        Args:
            record: The devbox's.
            folder: The agent's, which it makes.
            lock: On the devbox, owned from now on.

        Raises:
            Unavailable: It does not start.
        """
        end = DevboxEnd(self._client, record.cloud_id, lock)
        try:
            started = await self._client.executions.start(record.cloud_id, command(), attach_stdin=True)
            end.execution_id = started.execution_id
            record = dataclasses.replace(record, execution_id=started.execution_id)
            await anyio.to_thread.run_sync(self._records.keep_devbox, record)
        except BaseException:
            await end.end()
            raise
        line = Line(self._client, record.cloud_id, started.execution_id, folder)
        box = RunloopDevbox(record.id, record.spec, folder, line, end, self._spawn)
        try:
            with anyio.fail_after(_AGENT_SECONDS):
                await box.begin()
        except (BootRefused, TimeoutError) as error:
            said = await self._said(record)
            await box.stop()
            raise Unavailable(
                f"The devbox's agent did not start: {said or str(error) or 'it does not answer'}.",
                hint="The devbox's image needs bash and a python3 of version 3.9 or newer.",
            ) from error
        except BaseException:
            await box.stop()
            raise
        return box

    async def _said(self, record: DevboxRecord) -> str:
        with contextlib.suppress(ApiError):
            seen = await self._client.executions.retrieve(record.cloud_id, record.execution_id)
            return (seen.stderr or "").strip()[-500:]
        return ""

    async def again(self, record: DevboxRecord) -> None:
        """Has a devbox run, with no process left of the time before.

        Raises:
            NotFound: It was shut down.
            Unavailable: It does not boot.
        """
        try:
            view = await self._client.devboxes.retrieve(record.cloud_id)
            if view.status == DevboxStatus.RUNNING:  # a server died
                await end_agent(self._client, record.cloud_id, record.execution_id)
                with contextlib.suppress(InvalidRequest, InvalidState):  # an API that can't: what was there has ended
                    await suspend(self._client, record.cloud_id)
                view = await self._client.devboxes.retrieve(record.cloud_id)
            elif view.status == DevboxStatus.SUSPENDING:
                view = await self._client.devboxes.wait(
                    record.cloud_id, until=[DevboxStatus.SUSPENDED], wait_seconds=_BOOT_SECONDS
                )
            if view.status == DevboxStatus.SUSPENDED:
                await self._client.devboxes.resume(record.cloud_id)
            if view.status not in (DevboxStatus.SHUTDOWN, DevboxStatus.FAILURE):
                await self.until_running(record.cloud_id)
                return
        except NotFound as error:
            raise gone(record.id) from error
        raise gone(record.id, view.shutdown_reason or view.failure_reason or str(view.status))
