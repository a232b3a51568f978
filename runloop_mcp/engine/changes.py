"""Waiting for something to change, whether this server changes it or another."""

from collections.abc import Awaitable, Callable
from typing import TypeVar
from weakref import WeakValueDictionary

import anyio

T = TypeVar("T")

_LOOK_AGAIN_SECONDS = 0.5
"""Another server on the same state directory can't wake us, so its changes are looked for this often."""


class Changes:
    """Wakes those who wait for a run, a devbox or an execution, by its id."""

    def __init__(self) -> None:
        self._events: WeakValueDictionary[str, anyio.Event] = WeakValueDictionary()
        """Each lives as long as someone looks or waits: callers name what they like, and go away when they like."""

    def notify(self, *ids: str) -> None:
        """Wakes everyone who waits for one of these."""
        for changed in ids:
            event = self._events.pop(changed, None)
            if event is not None:
                event.set()

    async def wait(
        self, changing: str, look: Callable[[], Awaitable[T]], done: Callable[[T], bool], *, seconds: float
    ) -> T:
        """Looks until what is seen is `done`, or the time is over; gives what was seen last."""
        deadline = anyio.current_time() + max(seconds, 0)
        while True:
            # The event is taken before the look, so that a change between the two is not missed.
            event = self._events.setdefault(changing, anyio.Event())
            seen = await look()
            left = deadline - anyio.current_time()
            if done(seen) or left <= 0:
                return seen
            with anyio.move_on_after(min(left, _LOOK_AGAIN_SECONDS)):
                await event.wait()
