"""From a devbox that is to be made to one that is kept and boots: whole, or not at all."""

from collections.abc import Callable, Sequence
from sqlite3 import Connection
from typing import TypeVar

import anyio

from runloop_mcp.api.models.devbox import DevboxStatus
from runloop_mcp.api.models.mounts import Mount
from runloop_mcp.engine.context import EngineContext

T = TypeVar("T")


async def begin(
    engine: EngineContext,
    devbox_id: str,
    mounts: Sequence[Mount],
    keep: Callable[[Connection], T],
    kept: Callable[[T], tuple[str, DevboxStatus]],
) -> T:
    """Keeps a new devbox, and boots it in a task of the engine's; shielded, though whoever asked may have gone away.

    Args:
        engine: Whose it is.
        devbox_id: The new devbox.
        mounts: What is to be mounted into it, with tokens.
        keep: Keeps it, and all that belongs to it; or finds what was made before for the same request.
        kept: The id and status of the devbox of what that gives: another one, where there was one before.
    """
    with anyio.CancelScope(shield=True):
        # Held before it can be seen in the store, so that no other server takes it for an abandoned one.
        held = engine.keeper.hold_new(devbox_id)
        held.mounts = list(mounts)
        try:
            made = await engine.database.write_soon(keep, durable=True)
        except BaseException:
            await engine.keeper.release(held, forget=True)
            raise
        kept_id, status = kept(made)
        if kept_id != devbox_id:
            await engine.keeper.release(held, forget=True)
        else:
            if status is not DevboxStatus.QUEUED:
                engine.places.note_given(devbox_id)
            engine.keeper.begin_boot(held)
    return made
