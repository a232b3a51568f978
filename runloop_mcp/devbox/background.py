"""What goes on in a driver when nobody waits for it, from its entry until it is left."""

from collections.abc import Callable, Collection, Coroutine
from typing import TYPE_CHECKING, Any

import anyio
import anyio.abc

if TYPE_CHECKING:
    from runloop_mcp.devbox.sandbox.supervised import SupervisedDevbox


class Background:
    """Owns the tasks of a driver, which enters and leaves it."""

    def __init__(self) -> None:
        self._tasks: anyio.abc.TaskGroup | None = None
        self._left = False

    async def enter(self) -> None:
        """Begins."""
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()

    def spawn(self, work: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Runs what must go on when nobody waits for it; False once the devboxes have been stopped."""
        if self._tasks is None:
            raise RuntimeError("enter the driver before use")
        if not self._left:
            self._tasks.start_soon(work)
        return not self._left

    async def stop(self, boxes: "Collection[SupervisedDevbox]", *, within_seconds: float | None = None) -> None:
        """Stops devboxes and what goes on for them; from then on nothing begins. Call it shielded."""
        with anyio.move_on_after(within_seconds):
            async with anyio.create_task_group() as stopping:
                for box in list(boxes):
                    stopping.start_soon(_stop_and_settle, box)
        self._left = True

    async def leave(self) -> None:
        """Ends what still goes on."""
        assert self._tasks is not None  # noqa: S101 - entered before it is left
        self._tasks.cancel_scope.cancel()
        await self._tasks.__aexit__(None, None, None)  # the error of the block is no task's: it goes on unwrapped


async def _stop_and_settle(box: "SupervisedDevbox") -> None:
    await box.stop()
    await box.settle()
