"""A backend that is opened after the server has begun to answer.

Settings, engine and driver take about as long to import as a tenth of the protocol. A client that starts the server
waits for `initialize`, which needs none of them, and calls the first tool much later.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Self

import anyio
from anyio.abc import TaskGroup

from runloop_mcp.api.backend import Backend

HEAD_START_SECONDS = 0.25
"""What the client's first messages get; then the backend is opened even if nobody calls it, as it has duties."""


class LateBackend(Backend):
    """Stands for a backend that is opened at first use, or soon after this is entered; it is closed when this is left.

    A failure to open ends the block that entered this, with the error.

    Args:
        make: Makes the backend, to be entered, with everything that has to be imported for it.
        head_start_seconds: When to open it at the latest.
    """

    def __init__(
        self,
        make: Callable[[], AbstractAsyncContextManager[Backend]],
        *,
        head_start_seconds: float = HEAD_START_SECONDS,
    ) -> None:
        self._make = make
        self._head_start_seconds = head_start_seconds
        self._wanted = anyio.Event()
        self._opened = anyio.Event()
        self._closing = anyio.Event()
        self._backend: Backend
        self._tasks: TaskGroup
        for name in Backend.__annotations__:
            setattr(self, name, _Group(self, name))

    async def __aenter__(self) -> Self:
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._hold)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._wanted.set()
        await self._tasks.__aexit__(kind, error, trace)

    async def _hold(self) -> None:
        """Opens the backend when it is time, and closes it in the same task."""
        with anyio.move_on_after(self._head_start_seconds):
            await self._wanted.wait()
        if self._closing.is_set():
            return
        async with self._make() as self._backend:
            self.waits_cost_requests = self._backend.waits_cost_requests
            self.paid_devboxes = self._backend.paid_devboxes
            self._opened.set()
            await self._closing.wait()

    async def opened(self) -> Backend:
        """The backend, opened if it was not yet."""
        self._wanted.set()
        await self._opened.wait()
        return self._backend


class _Group:
    """A group of operations of a late backend. All operations of the port are asynchronous, so each can wait."""

    def __init__(self, late: LateBackend, name: str) -> None:
        self._late = late
        self._name = name

    def __getattr__(self, operation: str) -> Callable[..., Awaitable[Any]]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            group = getattr(await self._late.opened(), self._name)
            setattr(self._late, self._name, group)  # whoever calls next has no need to ask whether it is open
            return await getattr(group, operation)(*args, **kwargs)

        return call
