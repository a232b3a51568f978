"""The end of a server by signal.

A stock server dies at once on SIGTERM and hangs on SIGINT; either way nothing is cleaned up. Here the first signal
asks, so that everything is closed in order and the process ends with status 0; the second is obeyed at once.
"""

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

import anyio

_ASKED_BY: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stop:
    """Whether this process was asked to end. Made by `stop_on_signals`."""

    def __init__(self) -> None:
        self._asked = anyio.Event()
        self.reason = ""
        """What asked, such as `SIGTERM`; empty as long as nothing did."""

    def ask(self, reason: str) -> None:
        """Ask for the end. Call it on the event loop's thread; later calls change nothing."""
        if not self._asked.is_set():
            self.reason = reason
            self._asked.set()

    @property
    def is_impatient(self) -> bool:
        """Whether a person asked, who waits for the prompt."""
        return self.reason == signal.SIGINT.name

    async def wait(self) -> None:
        """Return when the end was asked for."""
        await self._asked.wait()


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Turn the first SIGTERM, SIGINT or SIGHUP into a request to end; the second ends the process at once.

    SIGTERM after SIGINT does not count as the second: MCP clients escalate so within a fraction of a second, and
    would cut off the cleaning up that their first signal began.

    Enter it around everything that needs cleaning up, so that signals during start and end are covered too:

        with stop_on_signals() as stop:
            async with backend:
                await serve_stdio(server, stop=stop)

    When a signal came, the handlers stay as they are after it, because the process is ending. Outside the main thread,
    where signals cannot be handled, it yields a `Stop` that only `ask` can set.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    loop = asyncio.get_running_loop()
    # nohup asks for hang-ups to be ignored, and means it.
    numbers = [number for number in _ASKED_BY if number != signal.SIGHUP or not _is_ignored(number)]
    before = {number: signal.getsignal(number) for number in numbers}
    received: list[signal.Signals] = []

    def first(number: signal.Signals) -> None:
        received.append(number)
        for each in numbers:
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)
        if number is signal.SIGINT:
            signal.signal(signal.SIGTERM, _overlook_once)
        stop.ask(number.name)

    for number in numbers:
        loop.add_signal_handler(number, first, number)
    try:
        yield stop
    finally:
        if not received:
            for number, handler in before.items():
                loop.remove_signal_handler(number)
                signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _is_ignored(number: signal.Signals) -> bool:
    return signal.getsignal(number) == signal.SIG_IGN


def _overlook_once(number: int, _: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)
