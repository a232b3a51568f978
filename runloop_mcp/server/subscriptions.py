"""Subscriptions to runs: clients of both protocol eras are told when what they read of a run has changed.

What has changed is read from the run's record, where every server on the state directory and the command line write:
so it is told whoever changed it. One follower reads each run's record for all who subscribed to something of it.
"""

import logging
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup
from mcp.server.context import ServerRequestContext
from mcp.server.session import ServerSession
from mcp.server.subscriptions import ListenHandler, ResourceUpdated, ServerEvent, SubscriptionBus
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    EmptyResult,
    SubscribeRequestParams,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
    UnsubscribeRequestParams,
)

from runloop_mcp.api.errors import ApiError

if TYPE_CHECKING:
    from runloop_mcp.api.backend import Backend
    from runloop_mcp.api.trace import Trace
    from runloop_mcp.server.face import Face

logger = logging.getLogger(__name__)

_PAUSE_SECONDS: Final = 0.2
"""Between two looks at a record: a run on which much happens is told of a few times a second."""
_LOOK_SECONDS: Final = 20.0
"""How long one look waits for something to happen."""
_AGAIN_SECONDS: Final = 2.0
"""When a look that failed is tried again."""
_MOST: Final = 200
"""Resources that one client of the handshake era, or one stream, may subscribe to."""
_SUBSCRIBER: Final = "runloop_subscriber"
FOLLOWING: Final = "following the record of "
"""How the names of followers' tasks begin."""

Listener = Callable[[ServerEvent], None]
Release = Callable[[], None]


class Subscriptions:
    """The subscriptions of the clients that one lifespan of a server has.

    Args:
        tasks: Where followers and senders run; whoever made it ends it.
        published: Where extensions of the server publish their events.
        face: Gives what the clients see, at first use.
        backend: Whose runs they are.
        added: Whether something that was added to the server, such as by an extension, has a resource.
    """

    def __init__(
        self,
        tasks: TaskGroup,
        published: SubscriptionBus,
        face: "Callable[[], Face]",
        backend: "Backend",
        added: Callable[[str], bool],
    ) -> None:
        self._tasks = tasks
        self._face = face
        self._backend = backend
        self._added = added
        self._bus = _Bus()
        self._listen = ListenHandler(self._bus)
        self._followers: dict[str, _Follower] = {}
        self.close: Release = published.subscribe(self._bus.deliver)
        """Stops passing on what extensions publish."""

    async def listen(
        self, context: ServerRequestContext[Any, Any], params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        """Serves one stream of a client without a session, until it leaves.

        The acknowledgment, which the client gets first, leaves out what can't be subscribed to.
        """
        with ExitStack() as followed:
            honored: list[str] = []
            for uri in list(dict.fromkeys(params.notifications.resource_subscriptions or ()))[:_MOST]:
                try:
                    followed.callback(await self._follow(uri))
                except ApiError as error:
                    logger.info("No subscription to %r: %s", uri, error)
                else:
                    honored.append(uri)
            wanted = params.notifications.model_copy(update={"resource_subscriptions": honored or None})
            return await self._listen(context, params.model_copy(update={"notifications": wanted}))

    async def subscribe(self, context: ServerRequestContext[Any, Any], params: SubscribeRequestParams) -> EmptyResult:
        """Subscribes a client of the handshake era to a resource, until it unsubscribes or goes.

        Raises:
            MCPError: The resource can't be subscribed to.
        """
        subscriber = self._subscriber(context.session)
        if subscriber.has(params.uri):
            return EmptyResult()
        if subscriber.is_full():
            raise MCPError(code=INVALID_PARAMS, message=f"These are {_MOST} subscriptions, the most there may be.")
        try:
            release = await self._follow(params.uri)
        except ApiError as error:
            raise MCPError(code=INVALID_PARAMS, message=str(error), data={"uri": params.uri}) from error
        subscriber.add(params.uri, release)
        return EmptyResult()

    async def unsubscribe(
        self, context: ServerRequestContext[Any, Any], params: UnsubscribeRequestParams
    ) -> EmptyResult:
        """Ends a subscription of the handshake era; where there is none, nothing changes."""
        self._subscriber(context.session).discard(params.uri)
        return EmptyResult()

    def _subscriber(self, session: ServerSession) -> "_Subscriber":
        connection = session._connection  # noqa: SLF001  the SDK has no public way from a session to its connection
        subscriber: _Subscriber | None = connection.state.get(_SUBSCRIBER)
        if subscriber is None:
            subscriber = connection.state[_SUBSCRIBER] = _Subscriber(session)
            connection.exit_stack.callback(subscriber.close)
            connection.exit_stack.callback(self._bus.subscribe(subscriber.hear))
            self._tasks.start_soon(subscriber.send)
        return subscriber

    async def _follow(self, uri: str) -> Release:
        """Has what happens in a resource's run read from now on, until the answer is called.

        Raises:
            ApiError: The resource can't be subscribed to, or its run is none that the client may see.
        """
        if self._added(uri):
            return _nothing  # what an extension publishes of it is passed on
        run_id, kinds = await self._face().subscribable(uri)
        follower = self._followers.get(run_id)
        if follower is None:
            begin = await self._backend.trace.end(run_id)
            # Whoever asked at the same time may have been first.
            follower = self._followers.get(run_id)
        if follower is None:
            follower = self._followers[run_id] = _Follower(run_id, begin, self._backend.trace, self._bus)
            self._tasks.start_soon(follower.run, name=f"{FOLLOWING}{run_id}")
        follower.add(uri, kinds)
        return lambda: self._release(follower, uri)

    def _release(self, follower: "_Follower", uri: str) -> None:
        if follower.discard(uri):
            del self._followers[follower.run_id]


class _Bus:
    """Brings each event to everyone who listens."""

    def __init__(self) -> None:
        self._listeners: dict[object, Listener] = {}

    async def publish(self, event: ServerEvent) -> None:
        """Delivers an event, then lets those who got it send it on."""
        self.deliver(event)
        await anyio.lowlevel.checkpoint()

    def deliver(self, event: ServerEvent) -> None:
        """Delivers an event. Listeners only take note of it, and raise nothing."""
        for listener in list(self._listeners.values()):
            listener(event)

    def subscribe(self, listener: Listener) -> Release:
        """Adds a listener; the answer takes it away again, however often it is called."""
        token = object()
        self._listeners[token] = listener

        def release() -> None:
            self._listeners.pop(token, None)

        return release


class _Follower:
    """Reads one run's record for as long as someone subscribes to a resource of it."""

    def __init__(self, run_id: str, after: int, trace: "Trace", bus: _Bus) -> None:
        self.run_id = run_id
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
            events = await self._trace.events(self.run_id, after=self._after, wait_seconds=_LOOK_SECONDS)
        except ApiError as error:
            logger.warning("The record of run %s can't be read just now: %s", self.run_id, error)
            return _AGAIN_SECONDS
        except Exception:
            # The boundary of a background task: one run's defect must not end the server.
            logger.exception("The record of run %s could not be read", self.run_id)
            return _AGAIN_SECONDS
        if events:
            self._after = events[-1].sequence
            happened = {str(event.kind) for event in events}
            for uri in [uri for uri, kinds in self._kinds.items() if not happened.isdisjoint(kinds)]:
                await self._bus.publish(ResourceUpdated(uri))
        return _PAUSE_SECONDS


class _Subscriber:
    """A client of the handshake era, with its subscriptions and what it has yet to be told."""

    def __init__(self, session: ServerSession) -> None:
        self._session = session
        self._releases: dict[str, Release] = {}
        self._untold: dict[str, None] = {}
        self._news = anyio.Event()
        self._scope = anyio.CancelScope()

    def has(self, uri: str) -> bool:
        """Whether it is subscribed to a resource."""
        return uri in self._releases

    def is_full(self) -> bool:
        """Whether it has as many subscriptions as it may."""
        return len(self._releases) >= _MOST

    def add(self, uri: str, release: Release) -> None:
        """Adds a subscription, unless it came twice at the same time."""
        if self._scope.cancel_called or uri in self._releases:
            release()
        else:
            self._releases[uri] = release

    def discard(self, uri: str) -> None:
        """Ends a subscription."""
        self._untold.pop(uri, None)
        if (release := self._releases.pop(uri, None)) is not None:
            release()

    def hear(self, event: ServerEvent) -> None:
        """Takes note of an event. A client that is slow to read is told once of what changed often."""
        if isinstance(event, ResourceUpdated) and event.uri in self._releases:
            self._untold[event.uri] = None
            self._news.set()

    async def send(self) -> None:
        """Tells the client, until it goes."""
        with self._scope:
            while True:
                await self._news.wait()
                self._news = anyio.Event()
                while self._untold:
                    uri = next(iter(self._untold))
                    del self._untold[uri]
                    await self._tell(uri)

    async def _tell(self, uri: str) -> None:
        try:
            await self._session.send_resource_updated(uri)
        except Exception:
            # The boundary of a background task: one client that can't be told must not end the server.
            logger.exception("A client could not be told that %s has changed", uri)

    def close(self) -> None:
        """Ends everything: the client has gone."""
        self._scope.cancel()
        for uri in list(self._releases):
            self.discard(uri)


def _nothing() -> None:
    """Releases what needs no release."""
