"""Changes to a box, and the times in which there are none."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio


class Gate:
    """Lets changes happen side by side, until somebody closes it: then those at work end, and later ones wait."""

    def __init__(self) -> None:
        self._inside = 0
        self._closings = 0
        self._moved = anyio.Event()

    @asynccontextmanager
    async def change(self) -> AsyncIterator[None]:
        """Changes something in this block, once the gate is open."""
        while self._closings:
            await self._moved.wait()
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            self._tell()

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

    def _tell(self) -> None:
        moved, self._moved = self._moved, anyio.Event()
        moved.set()
