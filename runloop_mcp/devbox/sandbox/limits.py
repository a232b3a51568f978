"""What a box has run into, and when: so that a command that ended for it can be told."""

import asyncio
from typing import TYPE_CHECKING

from runloop_mcp.devbox.port import LimitHit

from .cgroups import Group

if TYPE_CHECKING:
    from .project_quotas import DiskCap

ENTRY_BYTES = 4096
"""What each file of a box counts beside its contents: a file system has only so many of them."""

NONE: frozenset[LimitHit] = frozenset()


class LimitHits:
    """The limits that a box was held to."""

    def __init__(self) -> None:
        self.group: Group | None = None
        """What holds the box to its limits, and counts how often, where the kernel does."""
        self.cap: DiskCap | None = None
        """What holds its disk to its limit, where the file system does."""
        self._last: dict[LimitHit, float] = {}
        """When each was noticed last, by the event loop's clock."""
        self._counted: dict[LimitHit, int] = {}

    def hit(self, limit: LimitHit) -> None:
        """Notes that the box has just been held to a limit."""
        self._last[limit] = asyncio.get_running_loop().time()

    def look(self) -> None:
        """Notes what the kernel has counted since the last look."""
        if self.cap is not None and self.cap.full():
            self.hit(LimitHit.DISK)
        if self.group is None:
            return
        for limit, count in self.group.hits().items():
            if count > self._counted.get(limit, 0):
                self._counted[limit] = count
                self.hit(limit)

    def since(self, began: float) -> frozenset[LimitHit]:
        """What was noticed since a time of the event loop's clock."""
        self.look()
        return frozenset(limit for limit, when in self._last.items() if when >= began) if self._last else NONE

    def ever(self, limit: LimitHit) -> bool:
        """Whether the box was ever held to a limit."""
        self.look()
        return limit in self._last
