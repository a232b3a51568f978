"""Bounded waits that keep the caller informed: nothing blocks a call for longer than 20 s."""

import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from runloop_mcp.server.call import Call

LONGEST_WAIT: Final = 20.0
"""Seconds that one call may wait; many clients give a call up after 30 or 60."""
REPORT_EVERY: Final = 4.0
"""Seconds between two progress notifications."""

T = TypeVar("T")


class Patience:
    """How much longer a call may wait."""

    def __init__(self, seconds: float = LONGEST_WAIT) -> None:
        self.total = min(max(seconds, 0.0), LONGEST_WAIT)
        self._begin = time.monotonic()

    @property
    def spent(self) -> float:
        """Seconds since the wait began."""
        return time.monotonic() - self._begin

    @property
    def left(self) -> float:
        """Seconds that remain, never below 0."""
        return max(0.0, self.total - self.spent)


async def watch(
    call: Call,
    view: T,
    *,
    look: Callable[[float], Awaitable[T]],
    done: Callable[[T], bool],
    patience: Patience,
    doing: Callable[[T], str],
) -> T:
    """Looks until `done` or until patience ends, and reports progress between looks.

    Where a look costs a request there is one for the whole wait; the heartbeat of calls speaks meanwhile.

    Args:
        call: The call that waits.
        view: What was seen last.
        look: Sees again: waits as many seconds as it is told for a change, and answers early when there is one.
        done: Whether there is nothing more to wait for.
        patience: How long to wait in all.
        doing: What is being waited for, in a few words.
    """
    while not done(view) and patience.left > 0:
        view = await look(patience.left if call.backend.waits_cost_requests else min(REPORT_EVERY, patience.left))
        if not done(view):
            await call.report(round(patience.spent, 1), patience.total, doing(view))
    return view
