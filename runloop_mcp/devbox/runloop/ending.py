"""The end of a booted devbox: no process of it left, no processor paid for, and its disk let go."""

import asyncio
import contextlib
import logging
import os

import anyio

from runloop_mcp.api.errors import ApiError, Unavailable
from runloop_mcp.api.models.devbox import DevboxStatus, StdinSignal
from runloop_mcp.client.runloop_client import RunloopClient

_log = logging.getLogger(__name__)

_AGENT_SECONDS = 5.0
_ASK_SECONDS = 10.0
"""A server that is told to end waits no longer than this for an API that says nothing."""
_SUSPEND_SECONDS = 30.0


class DevboxEnd:
    """Sees to the end of a devbox, once.

    Args:
        client: The API.
        cloud_id: The devbox, as the API calls it.
        lock: On it, owned from now on.
    """

    def __init__(self, client: RunloopClient, cloud_id: str, lock: int) -> None:
        self._client = client
        self._cloud_id = cloud_id
        self._lock = lock
        self._ending: asyncio.Task[None] | None = None
        self.execution_id = ""
        """The agent's."""
        self.going = False
        """Whether the devbox is shut down next, so that nothing else need be done for it."""

    async def end(self) -> None:
        """Ends whatever runs in it, and suspends it; returns once that is so. Can be called by several at once."""
        if self._ending is None:
            self._ending = asyncio.ensure_future(self._end())
        with anyio.CancelScope(shield=True):
            await asyncio.shield(self._ending)

    async def _end(self) -> None:
        try:
            if not self.going:
                with anyio.move_on_after(_AGENT_SECONDS):  # it ends with the devbox, too
                    await end_agent(self._client, self._cloud_id, self.execution_id)
            if not self.going:
                await suspend(self._client, self._cloud_id)
        except ApiError as error:
            # Whoever looks for it next tries again; until then its keep-alive time bounds what it costs.
            _log.warning("The devbox %s could not be suspended: %s", self._cloud_id, error.message)
        finally:
            os.close(self._lock)


async def end_agent(client: RunloopClient, cloud_id: str, execution_id: str) -> None:
    """Ends an agent with all that it has started; does nothing where it has ended."""
    if not execution_id:
        return
    with contextlib.suppress(ApiError):  # it has ended, or the devbox has
        await client.executions.send_stdin(cloud_id, execution_id, signal=StdinSignal.EOF)
        ended = await client.executions.wait(cloud_id, execution_id, wait_seconds=_AGENT_SECONDS)
        if ended.exit_status is None:
            await client.executions.kill(cloud_id, execution_id)


async def suspend(client: RunloopClient, cloud_id: str) -> None:
    """Has a devbox cost no processor and keep its disk.

    Raises:
        ApiError: It does not get there, or nobody answers.
    """
    await ask_to_suspend(client, cloud_id)
    await client.devboxes.wait(cloud_id, until=[DevboxStatus.SUSPENDED], wait_seconds=_SUSPEND_SECONDS)


async def ask_to_suspend(client: RunloopClient, cloud_id: str) -> None:
    """Likewise, without waiting until it is so.

    Raises:
        ApiError: It is refused, or nobody answers.
    """
    with anyio.move_on_after(_ASK_SECONDS) as asking:
        await client.devboxes.suspend(cloud_id)
    if asking.cancelled_caught:
        raise Unavailable("The Runloop API does not answer.", retryable=True)
