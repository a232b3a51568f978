"""Files that a backend writes for an answer, sent from there and then gone."""

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import IO, Final

import anyio
from anyio import to_thread
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

_CHUNK: Final = 256 * 1024


class FileAnswer(StreamingResponse):
    """A file that is open and has no name any more: it is gone once it is sent, or can't be, or the server is killed.

    Args:
        file: The file; closed with the answer.
        name: What it is called.
        size: How many bytes it has.
        media_type: What it is.
    """

    def __init__(self, file: IO[bytes], name: str, size: int, *, media_type: str) -> None:
        headers = {"content-length": str(size), "content-disposition": f'attachment; filename="{name}"'}
        super().__init__(_chunks(file), media_type=media_type, headers=headers)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            # In a thread, as that is when the disk takes back what it holds.
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(self._file.close)


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
        size = await write(file)
        return FileAnswer(await to_thread.run_sync(file.open, "rb"), name, size, media_type=media_type)
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(folder.cleanup)


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    while chunk := await to_thread.run_sync(file.read, _CHUNK):
        yield chunk
