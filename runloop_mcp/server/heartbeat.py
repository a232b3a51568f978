"""Progress on every wait: a call that has said nothing for some seconds says that it is still at work.

Many clients give a call up that is silent for long. Tools report what they wait for, where they know; this speaks for
the rest, such as a devbox that boots again or takes long to end.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

import anyio
from anyio.abc import TaskGroup

Report = Callable[[float, float | None, str | None], Awaitable[None]]
"""Tells the caller how far a call is: seconds spent, seconds it may take, and a sentence."""

SILENCE_SECONDS: Final = 4.25
"""How long a call is silent before this speaks: a little longer than tools that report by themselves."""
_LOOK_SECONDS: Final = 0.5

logger = logging.getLogger(__name__)


class Beat:
    """One call: what it reports passes through here.

    Args:
        name: What is at work.
        report: Tells the caller.
    """

    def __init__(self, name: str, report: Report) -> None:
        self._name = name
        self._report = report
        self._began = self._spoke = time.monotonic()
        self._progress = 0.0
        self._speaking = False

    async def __call__(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Reports. Progress never goes back, whoever reports it."""
        self._spoke = time.monotonic()
        self._progress = max(progress, self._progress + 0.01)
        await self._report(self._progress, total if total is None else max(total, self._progress), message)

    def is_due(self, silence_seconds: float) -> bool:
        """Whether it has said nothing for so long."""
        return not self._speaking and time.monotonic() - self._spoke >= silence_seconds

    async def speak(self) -> None:
        """Says that the call is still at work."""
        self._speaking = True
        try:
            spent = round(time.monotonic() - self._began, 1)
            await self(spent, None, f"{self._name} is still at work")
        except Exception:
            # The boundary of a background task: one client that can't be told must not end the server.
            logger.exception("A caller of %s could not be told that it is at work", self._name)
        finally:
            self._speaking = False


class Heartbeat:
    """Speaks for the calls of a server that are silent.

    Args:
        silence_seconds: How long a call is silent before this speaks.
    """

    def __init__(self, silence_seconds: float = SILENCE_SECONDS) -> None:
        self._silence = silence_seconds
        self._beats: set[Beat] = set()
        self._wanted = anyio.Event()

    def begin(self, name: str, report: Report) -> Beat:
        """A call begins; `end` has to follow."""
        beat = Beat(name, report)
        self._beats.add(beat)
        self._wanted.set()
        return beat

    def end(self, beat: Beat) -> None:
        """The call has ended."""
        self._beats.discard(beat)

    async def run(self, tasks: TaskGroup) -> None:
        """Looks at the calls in progress, as long as there are any, until cancelled.

        Args:
            tasks: Where reports are sent: a client that does not read keeps no other waiting.
        """
        while True:
            await self._wanted.wait()
            await anyio.sleep(min(_LOOK_SECONDS, self._silence / 4))
            for beat in tuple(self._beats):
                if beat.is_due(self._silence):
                    tasks.start_soon(beat.speak)
            if not self._beats and self._wanted.is_set():  # another lifespan's loop may have been first
                self._wanted = anyio.Event()
