"""The contents of objects: a file each, named by the object's id, which appears whole or not at all."""

import contextlib
import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar

from anyio import to_thread

from runloop_mcp.api.errors import InvalidRequest, Unavailable

T = TypeVar("T")

_PART: Final = ".part"
_CHUNK: Final = 1024 * 1024


class ObjectContents:
    """The folder that contents are in.

    Args:
        folder: Made at the first use, readable by its owner alone.
        limit: How many bytes an object may have.
    """

    def __init__(self, folder: Path, *, limit: int) -> None:
        self._folder = folder
        self._limit = limit

    def path(self, object_id: str) -> Path:
        """Where an object's contents are, once they are written."""
        return self._folder / object_id

    @asynccontextmanager
    async def received(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[Path, int]]:
        """What comes, in a file of its own, with its size; gone after the block unless it was moved away.

        Raises:
            InvalidRequest: It is larger than objects may be.
            Unavailable: There is no room, or the folder can't be written.
        """
        part = self._folder / f"{secrets.token_hex(8)}{_PART}"
        try:
            yield part, await self._write(part, chunks)
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)

    async def _write(self, part: Path, chunks: AsyncIterator[bytes]) -> int:
        size, waiting = 0, bytearray()
        descriptor = await self._disk(self._open, part)
        try:
            async for chunk in chunks:
                size += len(chunk)
                if size > self._limit:
                    raise InvalidRequest(
                        f"The contents are larger than the {self._limit} bytes that an object may have.",
                        hint="Compress them, or make several objects of them.",
                    )
                waiting += chunk
                if len(waiting) >= _CHUNK:
                    await self._disk(_write_all, descriptor, bytes(waiting))
                    waiting.clear()
            await self._disk(_write_all, descriptor, bytes(waiting))
        finally:
            os.close(descriptor)
        return size

    async def _disk(self, work: Callable[..., T], *arguments: object) -> T:
        try:
            return await to_thread.run_sync(work, *arguments)
        except OSError as error:
            raise Unavailable(
                f"The contents can't be kept in {self._folder}: {error.strerror or error}.",
                hint="Look at the free space and the permissions there, then upload them again.",
                retryable=True,
            ) from error

    def _open(self, part: Path) -> int:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def remove(self, name: str) -> None:
        """Takes an object's contents away, or what was half written; blocking."""
        self.path(name).unlink(missing_ok=True)

    def size(self, name: str) -> int:
        """How many bytes of the disk that takes; 0 where it is gone; blocking."""
        try:
            return self.path(name).stat().st_blocks * 512
        except FileNotFoundError:
            return 0

    def there(self) -> dict[str, int]:
        """The names of what there is, each with its last change in UTC milliseconds; blocking."""
        found = {}
        with contextlib.suppress(FileNotFoundError), os.scandir(self._folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    found[entry.name] = entry.stat(follow_symlinks=False).st_mtime_ns // 1_000_000
        return found


def is_half_written(name: str) -> bool:
    """Whether what has this name was being written."""
    return name.endswith(_PART)


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
