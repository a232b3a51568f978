"""Subscriptions: clients of both protocol eras are told when what they read of a run or a benchmark has changed.

One follower reads each run's record for all who subscribed to something of it; see `following`.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

import anyio
from anyio.abc import TaskGroup
from mcp.server.context import ServerRequestContext
from mcp.server.session import ServerSession
from mcp.server.subscriptions import ListenHandler, ResourceUpdated, ServerEvent, SubscriptionBus
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    EmptyResult,
    SubscribeRequestParams,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
    UnsubscribeRequestParams,
)

from runloop_mcp.api.access import Role
from runloop_mcp.api.errors import ApiError
from runloop_mcp.server.subscribing.following import Bus, Follower, Release, Rereader, RunFollower, key_of

if TYPE_CHECKING:
    from runloop_mcp.api.access import Principal
    from runloop_mcp.api.backend import Backend
    from runloop_mcp.server.face import Face

logger = logging.getLogger(__name__)

_COSTLY_SECONDS: Final = 10.0
"""Between two readings of what has no record, where each is a request to another machine."""
_MOST: Final = 200
"""Resources that one client of the handshake era, or one stream, may subscribe to."""
SOLVERS_STREAMS: Final = 50
"""Streams that one solver may have open."""
_SUBSCRIBER: Final = "runloop_subscriber"
FOLLOWING: Final = "following the record of "
"""How the names of followers' tasks begin."""


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
        self._bus = Bus()
        self._listen = ListenHandler(_CallersBus(self._bus, lambda: face().principal))
        self._followers: dict[str, Follower] = {}
        self._streams: Counter[str] = Counter()
        self.close: Release = published.subscribe(self._bus.deliver)
        """Stops passing on what extensions publish."""

    async def listen(
        self, context: ServerRequestContext[Any, Any], params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        """Serves one stream of a client without a session, until it leaves.

        The acknowledgment, which the client gets first, leaves out what can't be subscribed to.

        Raises:
            MCPError: A solver has as many streams open as it may.
        """
        with ExitStack() as followed:
            followed.enter_context(self._one_more_stream(self._face().principal))
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

    @contextmanager
    def _one_more_stream(self, principal: "Principal") -> Iterator[None]:
        """One stream of a principal; all streams have one bound, and a solver is to leave room for others."""
        if principal.role is Role.SOLVER and self._streams[principal.id] >= SOLVERS_STREAMS:
            told = f"You have {SOLVERS_STREAMS} streams open, the most there may be. Close one, or name more in one."
            raise MCPError(code=INVALID_REQUEST, message=told)
        self._streams[principal.id] += 1
        try:
            yield
        finally:
            self._streams[principal.id] -= 1
            if not self._streams[principal.id]:
                del self._streams[principal.id]

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
        subscriber.add(params.uri, release, self._face().principal)
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
        face = self._face()
        run_id, kinds = await face.subscribable(uri)
        key = run_id or key_of(uri, face.principal)
        follower = self._followers.get(key)
        if follower is None:
            made = await (self._of_run(run_id) if run_id else self._of_resource(face, uri))
            # Whoever asked at the same time may have been first.
            follower = self._followers.get(key)
        if follower is None:
            follower = self._followers[key] = made
            self._tasks.start_soon(follower.run, name=f"{FOLLOWING}{key}")
        follower.add(uri, kinds)
        return lambda: self._release(follower, uri)

    async def _of_run(self, run_id: str) -> RunFollower:
        trace = self._backend.trace
        return RunFollower(run_id, await trace.end(run_id), trace, self._bus)

    async def _of_resource(self, face: "Face", uri: str) -> Rereader:
        """A follower of what has no record, which is read as this client would read it."""
        seconds = _COSTLY_SECONDS if self._backend.waits_cost_requests else 0.0
        reader = Rereader(uri, face.principal, lambda: face.look_at(uri), seconds, self._bus)
        await reader.begin()
        return reader

    def _release(self, follower: Follower, uri: str) -> None:
        if follower.discard(uri):
            del self._followers[follower.key]


class _CallersBus:
    """The bus as those hear it who call: nothing that is for other principals alone.

    Args:
        bus: Where everything is told.
        caller: The principal that calls.
    """

    def __init__(self, bus: Bus, caller: "Callable[[], Principal]") -> None:
        self._bus = bus
        self._caller = caller

    async def publish(self, event: ServerEvent) -> None:
        """Delivers an event to everyone."""
        await self._bus.publish(event)

    def subscribe(self, listener: Callable[[ServerEvent], None]) -> Release:
        """Adds a listener, for whoever calls now."""
        caller = self._caller()

        def hear(event: ServerEvent, audience: "Principal | None") -> None:
            if audience in (None, caller):
                listener(event)

        return self._bus.subscribe(hear)


class _Subscriber:
    """A client of the handshake era, with its subscriptions and what it has yet to be told."""

    def __init__(self, session: ServerSession) -> None:
        self._session = session
        self._releases: dict[str, Release] = {}
        self._principals: dict[str, Principal] = {}
        """Who subscribed to each: keys of different rights can share a session."""
        self._untold: dict[str, None] = {}
        self._news = anyio.Event()
        self._scope = anyio.CancelScope()

    def has(self, uri: str) -> bool:
        """Whether it is subscribed to a resource."""
        return uri in self._releases

    def is_full(self) -> bool:
        """Whether it has as many subscriptions as it may."""
        return len(self._releases) >= _MOST

    def add(self, uri: str, release: Release, principal: "Principal") -> None:
        """Adds a subscription, unless it came twice at the same time."""
        if self._scope.cancel_called or uri in self._releases:
            release()
        else:
            self._releases[uri] = release
            self._principals[uri] = principal

    def discard(self, uri: str) -> None:
        """Ends a subscription."""
        self._untold.pop(uri, None)
        self._principals.pop(uri, None)
        if (release := self._releases.pop(uri, None)) is not None:
            release()

    def hear(self, event: ServerEvent, audience: "Principal | None") -> None:
        """Takes note of an event. A client that is slow to read is told once of what changed often."""
        if not isinstance(event, ResourceUpdated) or event.uri not in self._releases:
            return
        if audience in (None, self._principals[event.uri]):
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
