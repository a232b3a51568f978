cat > shiplog/journal.py <<'PROGRAM'
"""The journal: many append at once, the device is asked as seldom as can be."""

import asyncio
from collections.abc import Coroutine
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
    answer: "asyncio.Future[int]"
    start: int = -1
    end: int = -1
    """Where it stands, once it has been given to the device."""


class Journal:
    """Records on a device, one after the other. README.md has the rules.

    Calls of the device run in tasks of the journal's own, which nobody cancels; an append only waits for its answer.
    Whatever changes ends in `_go_on`, the one place that begins calls.
    """

    def __init__(self, device: Device, end: int = 0) -> None:
        self._device = device
        self._waiting: list[_Entry] = []
        self._given: list[_Entry] = []
        self._written = self._safe = end
        self._calls: dict[str, asyncio.Task[None]] = {}
        self._closed = self._failing = self._broken = False
        self._closing: list[asyncio.Future[None]] = []

    async def append(self, record: bytes) -> int:
        """Appends a record; its position, once it is safe."""
        if self._closed:
            raise Closed
        if self._broken:
            raise Broken
        entry = _Entry(bytes(record), asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        self._go_on()
        try:
            return await entry.answer
        finally:
            self._go_on()  # where it was canceled, a close may be waiting for nothing else

    async def close(self) -> None:
        """Takes no more records; returns when those there are have been dealt with."""
        self._closed = True
        done = asyncio.get_running_loop().create_future()
        self._closing.append(done)
        self._go_on()
        await done

    def _go_on(self) -> None:
        self._waiting = [entry for entry in self._waiting if not entry.answer.done()]
        if self._broken:
            self._refuse(self._waiting, Broken)
        elif self._failing:
            self._recover()
        elif "truncate" not in self._calls:
            if self._waiting and "write" not in self._calls:
                self._write_all()
            if self._written > self._safe and "sync" not in self._calls:
                self._begin("sync", self._device.sync(), self._written)
        if not self._calls and not self._waiting and not (self._failing and not self._broken):
            for done in self._closing:
                if not done.done():
                    done.set_result(None)

    def _write_all(self) -> None:
        batch, self._waiting = self._waiting, []
        end = self._written
        for entry in batch:
            entry.start, end = end, end + len(entry.record)
            entry.end = end
        self._given += batch
        self._begin("write", self._device.write(self._written, b"".join(entry.record for entry in batch)), end)

    def _recover(self) -> None:
        """Says what is lost, as far as no sync can save it, and takes it away when no call runs any more."""
        if self._calls:
            return
        self._refuse(self._given, Lost)
        self._begin("truncate", self._device.truncate(self._safe), self._safe)

    def _begin(self, kind: str, call: Coroutine[None, None, None], end: int) -> None:
        self._calls[kind] = asyncio.create_task(self._see_through(kind, call, end))

    async def _see_through(self, kind: str, call: Coroutine[None, None, None], end: int) -> None:
        try:
            await call
        except OSError:
            self._failing = True
            self._broken = kind == "truncate"
        else:
            if kind == "write":
                self._written = end
            elif kind == "sync":
                self._safe = end
                self._answer_safe()
            else:
                self._failing, self._written = False, end
        del self._calls[kind]
        self._go_on()

    def _answer_safe(self) -> None:
        for entry in self._given:
            if entry.end <= self._safe and not entry.answer.done():
                entry.answer.set_result(entry.start)
        self._given = [entry for entry in self._given if entry.end > self._safe]

    @staticmethod
    def _refuse(entries: list[_Entry], why: type[RuntimeError]) -> None:
        for entry in entries:
            if not entry.answer.done():
                entry.answer.set_exception(why())
        entries.clear()
PROGRAM
