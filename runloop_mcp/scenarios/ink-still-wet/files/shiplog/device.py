"""What a journal writes to."""

import asyncio
import os
from typing import Protocol


class Device(Protocol):
    """A file, as README.md describes it. Each of these raises OSError where it fails."""

    async def write(self, at: int, data: bytes) -> None:
        """Puts data at a position."""

    async def sync(self) -> None:
        """Makes safe what was written before."""

    async def truncate(self, at: int) -> None:
        """Takes away what stands from a position on."""


class FileDevice:
    """A file on disk."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)

    @property
    def end(self) -> int:
        return os.fstat(self._file).st_size

    async def write(self, at: int, data: bytes) -> None:
        await asyncio.to_thread(self._write, at, data)

    async def sync(self) -> None:
        await asyncio.to_thread(os.fsync, self._file)

    async def truncate(self, at: int) -> None:
        await asyncio.to_thread(os.ftruncate, self._file, at)

    def close(self) -> None:
        os.close(self._file)

    def _write(self, at: int, data: bytes) -> None:
        while data:
            done = os.pwrite(self._file, data, at)
            at, data = at + done, data[done:]
