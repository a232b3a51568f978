"""Files that a backend writes for an answer, sent from there and then gone."""

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final

import anyio
from anyio import to_thread
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

_CHUNK: Final = 256 * 1024


class FileAnswer(StreamingResponse):
    """A file in a folder of its own, which is removed once it is sent, or can't be.

    Args:
        folder: The folder.
        file: The file in it.
        size: How many bytes it has.
        media_type: What it is.
    """

    def __init__(self, folder: "tempfile.TemporaryDirectory[str]", file: Path, size: int, *, media_type: str) -> None:
        headers = {"content-length": str(size), "content-disposition": f'attachment; filename="{file.name}"'}
        super().__init__(_chunks(file), media_type=media_type, headers=headers)
        self._folder = folder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await _remove(self._folder)


async def file_answer(name: str, write: Callable[[Path], Awaitable[int]], *, media_type: str) -> FileAnswer:
    """A file that is written now and sent soon.

    Args:
        name: What it is called.
        write: Writes it, and tells how many bytes it has.
        media_type: What it is.
    """
    folder = await to_thread.run_sync(lambda: tempfile.TemporaryDirectory(prefix="runloop-mcp-"))
    file = Path(folder.name, name)
    try:
        return FileAnswer(folder, file, await write(file), media_type=media_type)
    except BaseException:
        await _remove(folder)
        raise


async def _remove(folder: "tempfile.TemporaryDirectory[str]") -> None:
    with anyio.CancelScope(shield=True):
        await to_thread.run_sync(folder.cleanup)


async def _chunks(file: Path) -> AsyncIterator[bytes]:
    async with await anyio.open_file(file, "rb") as opened:
        while chunk := await opened.read(_CHUNK):
            yield chunk
