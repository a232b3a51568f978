"""How fast all requests of a client go together: one answer that there were too many slows down every one of them."""

from typing import Final

import anyio

_FIRST_GAP: Final = 0.02
_LONGEST_GAP: Final = 2.0
_FASTER: Final = 0.8
_NO_GAP: Final = 0.005
_PAUSE: Final = 1.0


class Pace:
    """Gives each request its turn. At first there is no wait; after `slow_down` turns come one after the other."""

    def __init__(self) -> None:
        self._gap = 0.0
        self._next_turn = 0.0

    async def turn(self) -> None:
        """Waits until a request may be sent."""
        now = anyio.current_time()
        if self._gap == 0 and self._next_turn <= now:
            return
        turn = max(now, self._next_turn)
        self._next_turn = turn + self._gap
        await anyio.sleep(turn - now)

    def slow_down(self, seconds: float | None) -> None:
        """Nobody sends anything for so long, or a second, and turns are twice as far apart after that."""
        pause = _PAUSE if seconds is None else seconds
        self._gap = min(max(self._gap * 2, _FIRST_GAP), _LONGEST_GAP)
        self._next_turn = max(self._next_turn, anyio.current_time() + pause)

    def went_well(self) -> None:
        """A request was not too many: turns come closer together again."""
        self._gap = self._gap * _FASTER if self._gap > _NO_GAP else 0.0
