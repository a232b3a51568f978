"""Files that are replaced whole or not at all."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import anyio

from runloop_mcp.api.errors import InvalidRequest


async def write_whole(target: Path, chunks: AsyncIterator[bytes]) -> int:
    """Writes what comes to a file, once all of it has come; tells its size.

    Raises:
        InvalidRequest: It can't be written.
    """
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.{uuid4().hex[:8]}.part")
    size = 0
    try:
        async with await anyio.open_file(unfinished, "wb") as file:
            async for chunk in chunks:
                size += len(chunk)
                await file.write(chunk)
        await anyio.to_thread.run_sync(os.replace, unfinished, target)
    except OSError as error:
        raise InvalidRequest(
            f"{target} can't be written: {error.strerror or error}.", hint="Name a file that can be written."
        ) from error
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.Path(unfinished).unlink(missing_ok=True)
    return size
