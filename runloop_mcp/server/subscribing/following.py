"""What is told to subscribers: followers find what has changed, and a bus brings it to everyone who listens.

What has changed in a run is read from its record, where every server on the state directory and the command line
write. What has no record, such as a benchmark, is read again and again. So it is told whoever changed it.
"""

import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING, Final, Protocol

import anyio
import anyio.lowlevel
from mcp.server.subscriptions import ResourceUpdated, ServerEvent

from runloop_mcp.api.access import Principal
from runloop_mcp.api.errors import ApiError

if TYPE_CHECKING:
    from runloop_mcp.api.trace import Trace

logger = logging.getLogger(__name__)

_PAUSE_SECONDS: Final = 0.2
"""Between two looks at a record: a run on which much happens is told of a few times a second."""
_LOOK_SECONDS: Final = 20.0
"""How long one look waits for something to happen."""
_AGAIN_SECONDS: Final = 2.0
"""When a look that failed is tried again."""
_REREAD_SECONDS: Final = 1.0
"""Between two readings of what has no record, at least."""
_IDLE_SHARE: Final = 10
"""How many times as long as a reading took is waited until the next one."""

Listener = Callable[[ServerEvent, Principal | None], None]
"""Takes an event, and for whom alone it is one; None where it is for everyone."""
Release = Callable[[], None]


class Follower(Protocol):
    """Finds out when resources have changed, for as long as someone subscribes to one of them."""

    key: str
    """What it follows."""

    def add(self, uri: str, kinds: Collection[str]) -> None:
        """One more subscription to a resource, which changes with these kinds of event."""

    def discard(self, uri: str) -> bool:
        """One less; whether it was the last, so that the follower ends."""

    async def run(self) -> None:
        """Reads on and tells, until it is ended."""


class Bus:
    """Brings each event to everyone who listens."""

    def __init__(self) -> None:
        self._listeners: dict[object, Listener] = {}

    async def publish(self, event: ServerEvent, audience: Principal | None = None) -> None:
        """Delivers an event, then lets those who got it send it on."""
        self.deliver(event, audience)
        await anyio.lowlevel.checkpoint()

    def deliver(self, event: ServerEvent, audience: Principal | None = None) -> None:
        """Delivers an event. Listeners only take note of it, and raise nothing."""
        for listener in list(self._listeners.values()):
            listener(event, audience)

    def subscribe(self, listener: Listener) -> Release:
        """Adds a listener; the answer takes it away again, however often it is called."""
        token = object()
        self._listeners[token] = listener

        def release() -> None:
            self._listeners.pop(token, None)

        return release


class RunFollower:
    """Reads one run's record for as long as someone subscribes to a resource of it."""

    def __init__(self, run_id: str, after: int, trace: "Trace", bus: Bus) -> None:
        self.key = run_id
        self._after = after
        self._trace = trace
        self._bus = bus
        self._kinds: dict[str, Collection[str]] = {}
        self._count: Counter[str] = Counter()
        self._scope = anyio.CancelScope()

    def add(self, uri: str, kinds: Collection[str]) -> None:
        """One more subscription to a resource, which changes with these kinds of event."""
        self._kinds[uri] = kinds
        self._count[uri] += 1

    def discard(self, uri: str) -> bool:
        """One less; whether it was the last, so that the follower ends."""
        self._count[uri] -= 1
        if not self._count[uri]:
            del self._count[uri], self._kinds[uri]
        if not self._count:
            self._scope.cancel()
        return not self._count

    async def run(self) -> None:
        """Reads on and tells, until it is ended."""
        with self._scope:
            while True:
                pause = await self._look()
                await anyio.sleep(pause)

    async def _look(self) -> float:
        """Tells of what has happened, after waiting for it; gives the seconds until the next look."""
        try:
            events = await self._trace.events(self.key, after=self._after, wait_seconds=_LOOK_SECONDS)
        except ApiError as error:
            logger.warning("The record of run %s can't be read just now: %s", self.key, error)
            return _AGAIN_SECONDS
        except Exception:
            # The boundary of a background task: one run's defect must not end the server.
            logger.exception("The record of run %s could not be read", self.key)
            return _AGAIN_SECONDS
        if events:
            self._after = events[-1].sequence
            happened = {str(event.kind) for event in events}
            for uri in [uri for uri, kinds in self._kinds.items() if not happened.isdisjoint(kinds)]:
                await self._bus.publish(ResourceUpdated(uri))
        return _PAUSE_SECONDS


class Rereader:
    """Reads one resource again and again, as one principal sees it, for as long as that subscribes to it.

    Nobody else is told: what has changed may be something that others must not know of.
    """

    def __init__(
        self, uri: str, principal: Principal, read: Callable[[], Awaitable[str]], least_seconds: float, bus: Bus
    ) -> None:
        self.key = key_of(uri, principal)
        self._uri = uri
        self._principal = principal
        self._read = read
        self._least_seconds = max(least_seconds, _REREAD_SECONDS)
        self._bus = bus
        self._last: str | None = None
        self._count = 0
        self._scope = anyio.CancelScope()

    async def begin(self) -> None:
        """Reads it for the first time.

        Raises:
            ApiError: It can't be read.
        """
        self._last = await self._read()

    def add(self, uri: str, kinds: Collection[str]) -> None:
        """One more subscription to the resource."""
        del uri, kinds
        self._count += 1

    def discard(self, uri: str) -> bool:
        """One less; whether it was the last."""
        del uri
        self._count -= 1
        if not self._count:
            self._scope.cancel()
        return not self._count

    async def run(self) -> None:
        """Reads on and tells, until it is ended."""
        with self._scope:
            pause = self._least_seconds
            while True:
                await anyio.sleep(pause)
                began = time.monotonic()
                await self._look()
                pause = max(self._least_seconds, (time.monotonic() - began) * _IDLE_SHARE)

    async def _look(self) -> None:
        try:
            now = await self._read()
        except ApiError as error:
            logger.warning("%s can't be read just now: %s", self.key, error)
            return
        except Exception:
            # The boundary of a background task: one resource's defect must not end the server.
            logger.exception("%s could not be read", self.key)
            return
        if now != self._last:
            self._last = now
            await self._bus.publish(ResourceUpdated(self._uri), self._principal)


def key_of(uri: str, principal: Principal) -> str:
    """What the follower of a resource that has no record is known by."""
    return f"{uri} as seen by {principal}"
