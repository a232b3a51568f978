"""Zip archives that a backend writes to a file, sent from there and then gone."""

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final

import anyio
from anyio import to_thread
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

ZIP: Final = {"application/zip": {"type": "string", "format": "binary"}}
"""What the OpenAPI document says of such an answer."""

_CHUNK: Final = 256 * 1024


class ZipResponse(StreamingResponse):
    """An archive in a folder of its own, which is removed once it is sent, or can't be.

    Args:
        folder: The folder.
        archive: The file in it.
        size: How many bytes it has.
    """

    def __init__(self, folder: "tempfile.TemporaryDirectory[str]", archive: Path, size: int) -> None:
        headers = {"content-length": str(size), "content-disposition": f'attachment; filename="{archive.name}"'}
        super().__init__(_chunks(archive), media_type="application/zip", headers=headers)
        self._folder = folder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await _remove(self._folder)


async def zip_of(name: str, write: Callable[[Path], Awaitable[int]]) -> ZipResponse:
    """An archive that is written now and sent soon.

    Args:
        name: What its file is called.
        write: Writes it to a file, and tells how many bytes it has.
    """
    folder = await to_thread.run_sync(lambda: tempfile.TemporaryDirectory(prefix="runloop-mcp-logs-"))
    archive = Path(folder.name, name)
    try:
        return ZipResponse(folder, archive, await write(archive))
    except BaseException:
        await _remove(folder)
        raise


async def _remove(folder: "tempfile.TemporaryDirectory[str]") -> None:
    with anyio.CancelScope(shield=True):
        await to_thread.run_sync(folder.cleanup)


async def _chunks(archive: Path) -> AsyncIterator[bytes]:
    async with await anyio.open_file(archive, "rb") as file:
        while chunk := await file.read(_CHUNK):
            yield chunk
