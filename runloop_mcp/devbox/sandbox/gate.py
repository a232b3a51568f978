"""Changes to a box, and the times in which there are none."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType

import anyio


class Gate:
    """Lets changes happen side by side, until somebody closes it: then those at work end, and later ones wait."""

    def __init__(self) -> None:
        self._inside = 0
        self._closings = 0
        self._moved = anyio.Event()
        self._change = _Change(self)

    def change(self) -> "_Change":
        """Changes something in a block `async with` it, once the gate is open."""
        return self._change

    @asynccontextmanager
    async def closed(self) -> AsyncIterator[None]:
        """Nobody changes anything in this block; who is at it is waited for."""
        self._closings += 1
        try:
            while self._inside:
                await self._moved.wait()
            yield
        finally:
            self._closings -= 1
            self._tell()

    async def enter(self) -> None:
        """Waits until the gate is open, and is inside."""
        while self._closings:
            await self._moved.wait()
        self._inside += 1

    def leave(self) -> None:
        """Is no longer inside."""
        self._inside -= 1
        if self._closings:
            self._tell()

    def _tell(self) -> None:
        moved, self._moved = self._moved, anyio.Event()
        moved.set()


class _Change:
    """The block of one who is inside; the same for all, as a command is started in one and must not wait for it."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def __aenter__(self) -> None:
        await self._gate.enter()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gate.leave()
