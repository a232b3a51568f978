"""The journal: many append at once, the device is asked as seldom as can be."""

import asyncio
from dataclasses import dataclass

from shiplog.device import Device


class Closed(RuntimeError):
    """The journal takes no more records."""


class Lost(RuntimeError):
    """The record is not in the journal: the device failed before it was safe."""


class Broken(RuntimeError):
    """The device can't be used any more."""


@dataclass
class _Entry:
    record: bytes
    start: int = -1
    end: int = -1
    """Where it stands, once it has been given to the device."""


class Journal:
    """Records on a device, one after the other. README.md has the rules."""

    def __init__(self, device: Device, end: int = 0) -> None:
        self._device = device
        self._waiting: list[_Entry] = []
        self._written = end
        self._safe = end
        self._writing = asyncio.Lock()
        self._syncing = asyncio.Lock()
        self._closed = False
        self._broken = False

    async def append(self, record: bytes) -> int:
        """Appends a record; its position, once it is safe."""
        if self._closed:
            raise Closed
        if self._broken:
            raise Broken
        entry = _Entry(record)
        self._waiting.append(entry)
        async with self._writing:
            if entry.end < 0:  # else whoever had the turn before has written it along
                await self._write_all()
        async with self._syncing:
            if self._safe < entry.end:
                await self._sync()
        return entry.start

    async def close(self) -> None:
        """Takes no more records; returns when those there are have been dealt with."""
        self._closed = True
        async with self._writing:
            if self._safe < self._written:
                await self._device.sync()

    async def _write_all(self) -> None:
        batch, self._waiting = self._waiting, []
        end = self._written
        for entry in batch:
            entry.start, end = end, end + len(entry.record)
            entry.end = end
        try:
            await self._device.write(self._written, b"".join(entry.record for entry in batch))
        except OSError as error:
            await self._cut_back()
            raise Lost from error
        self._written = end

    async def _sync(self) -> None:
        try:
            await self._device.sync()
        except OSError as error:
            await self._cut_back()
            raise Lost from error
        self._safe = self._written

    async def _cut_back(self) -> None:
        """Takes away what nobody knows anything of."""
        try:
            await self._device.truncate(self._safe)
        except OSError as error:
            self._broken = True
            raise Broken from error
        self._written = self._safe
