"""A devbox that something is built in, of which there is one at a time over all servers, and none before and after."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import anyio
from anyio import to_thread

from runloop_mcp.api.errors import Conflict
from runloop_mcp.devbox.port import Driver
from runloop_mcp.engine.file_lock import FileLock

_LOOK_AGAIN_SECONDS: Final = 0.5
_REMOVE_SECONDS: Final = 30.0


@asynccontextmanager
async def builder_devbox(driver: Driver, lock_of: Callable[[str], FileLock], devbox_id: str) -> AsyncIterator[None]:
    """Nobody else has the devbox with this id inside the block; whoever comes second waits.

    Args:
        driver: Makes it, inside the block.
        lock_of: Gives the lock of a devbox.
        devbox_id: The same for everyone who builds the same.
    """
    lock = lock_of(devbox_id)
    while True:
        try:
            await to_thread.run_sync(lock.acquire)
            break
        except Conflict:
            await anyio.sleep(_LOOK_AGAIN_SECONDS)
    try:
        await driver.remove(devbox_id)  # of a server that died
        yield
    finally:
        try:
            with anyio.move_on_after(_REMOVE_SECONDS, shield=True):
                await driver.remove(devbox_id)
        finally:
            lock.release(forget=True)
