"""Waking whoever looks after things now and then, when there is something new to look after."""

import anyio


class Alarm:
    """Rung by those who begin what will be due at some time; whoever looks after it then learns when that is."""

    def __init__(self) -> None:
        self._rung = anyio.Event()

    def ring(self) -> None:
        """Wakes whoever waits, or will wait next."""
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        """Waits so long, or until it is rung."""
        with anyio.move_on_after(seconds):
            await self._rung.wait()
            self._rung = anyio.Event()
