"""What is served over HTTP: MCP at `/mcp` and `/sse`, what goes beside it, and at `/healthz` whether it is up."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Final

from mcp.server import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from runloop_mcp.api.access import Access
from runloop_mcp.server.observation.calls import Observer
from runloop_mcp.server.transports.authentication import Authentication
from runloop_mcp.server.transports.body_limit import MESSAGE_LIMIT, MessageLimit
from runloop_mcp.server.transports.bounded_calls import MESSAGES_PATH, BoundedCalls
from runloop_mcp.server.transports.exposure import LOOPBACK_NAMES, OnlyAsked, listen, names_for, url_of
from runloop_mcp.server.transports.introductions import Introductions
from runloop_mcp.server.transports.observed_requests import ObservedRequests
from runloop_mcp.server.transports.open_calls import StreamedCalls
from runloop_mcp.server.transports.plain_refusals import PlainRefusals
from runloop_mcp.server.transports.protected_resource import ProtectedResource
from runloop_mcp.server.transports.proxies import BehindProxy
from runloop_mcp.server.transports.readiness import Check, Readiness
from runloop_mcp.server.transports.session_shares import SessionShares
from runloop_mcp.server.transports.short_calls import ShortCalls
from runloop_mcp.server.transports.signals import Stop, stop_on_signals

CALL_SECONDS: Final = 300.0
"""The longest a call may run. Tools return within 20 seconds; this ends what went wrong."""

SESSION_LIMIT: Final = 2000
SESSION_IDLE_SECONDS: Final = 1800.0

DRAIN_SECONDS: Final = 1.0

Lifespan = Callable[[], AbstractAsyncContextManager[object]]


def http_app(
    server: MCPServer,
    *,
    sse_only: bool = False,
    routes: Sequence[BaseRoute] = (),
    lifespans: Sequence[Lifespan] = (),
    access: Access | None = None,
    resource: ProtectedResource | None = None,
    names: frozenset[str] = LOOPBACK_NAMES,
    trusted_proxies: Sequence[str] = (),
    prefix: str = "",
    check: Check | None = None,
    observers: Sequence[Observer] = (),
    in_progress: Counter[str] | None = None,
    call_seconds: float = CALL_SECONDS,
    session_limit: int = SESSION_LIMIT,
    session_idle_seconds: float = SESSION_IDLE_SECONDS,
) -> Starlette:
    """The web application that serves MCP, with room for more beside it.

    Its lifespan (`app.router.lifespan_context(app)`) has to be entered once, around serving it. The server's own
    lifespan is entered once for streamable HTTP and once for each SSE connection: what the whole process shares
    belongs around the server, not in there.

    Args:
        server: The server, with everything registered; gets the bounds on calls as a middleware.
        sse_only: Leave `/mcp` away.
        routes: What else to serve, such as a mount at `/v1`; under the same checks.
        lifespans: Context managers to hold open while serving, entered in this order.
        access: Knows the keys, without one of which nobody is served; None serves everyone.
        resource: Which authorization server gives tokens, for clients that look for it.
        names: Host names by which the server may be addressed, and from which pages may call it.
        trusted_proxies: Addresses and networks of proxies that are believed for whom they speak.
        prefix: The path below which a proxy serves this.
        check: Looks at what is behind the server, for `/readyz`; None: it is ready as soon as it serves.
        observers: Are told of requests as they end.
        in_progress: Where requests in progress are counted, by the first part of their path.
        call_seconds: The longest a call may run.
        session_limit: Sessions of the handshake era at once; further ones are answered 503.
        session_idle_seconds: After which a session without a request in flight is closed.
    """
    streamed = StreamedCalls()
    _bound_calls(server, call_seconds, streamed)
    # Checked in one place for every route, ours and others'.
    unchecked = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    sse = server.sse_app(transport_security=unchecked, message_path=MESSAGES_PATH, max_request_body_size=MESSAGE_LIMIT)
    served = list(sse.routes)
    readiness = Readiness(check or _nothing_behind)
    entered = [*lifespans, readiness.running]
    if not sse_only:
        streamable = server.streamable_http_app(
            transport_security=unchecked,
            max_sessions=session_limit,
            session_idle_timeout=session_idle_seconds,
            max_request_body_size=MESSAGE_LIMIT,
        )
        served = [*streamable.routes, *served]
        entered.append(server.session_manager.run)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for enter in entered:
                await stack.enter_async_context(enter())
            yield

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok", "name": server.name, "version": server.version})

    async def unknown(_: Request, error: Exception) -> Response:
        status, message = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, "")
        return JSONResponse({"code": "not_found" if status == 404 else "invalid_request", "message": message}, status)

    if resource is not None:
        served += resource.routes()
    checks = [
        Middleware(OnlyAsked, names=names),
        Middleware(Authentication, access=access, resource=resource),
        Middleware(MessageLimit),
        Middleware(PlainRefusals),
    ]
    if access is not None and not sse_only:
        checks.append(Middleware(SessionShares, owners=partial(_session_owners, server)))
    is_short = getattr(server, "answers_at_once", None)  # of a server of somebody else's nobody knows it
    if is_short is not None and not sse_only:
        checks.append(Middleware(ShortCalls, manager=server.session_manager, is_short=is_short))
    if trusted_proxies or prefix:
        checks.insert(0, Middleware(BehindProxy, trusted=trusted_proxies, prefix=prefix))
    checks.insert(0, Middleware(ObservedRequests, observers=observers, in_progress=in_progress))
    app = Starlette(
        exception_handlers={HTTPException: unknown},
        routes=[
            *routes,
            Route("/healthz", health),
            Route("/readyz", readiness.answer),
            *served,
        ],
        middleware=checks,
        lifespan=lifespan,
    )
    app.state.streamed_calls = streamed
    return app


async def _nothing_behind() -> None:
    """What is always there needs no look."""


async def serve_http(
    server: MCPServer,
    *,
    host: str = "127.0.0.1",
    port: int = 8787,
    sse_only: bool = False,
    ready: Callable[[str], None] | None = None,
    stop: Stop | None = None,
    routes: Sequence[BaseRoute] = (),
    lifespans: Sequence[Lifespan] = (),
    access: Access | None = None,
    resource: ProtectedResource | None = None,
    allowed_hosts: Sequence[str] = (),
    trusted_proxies: Sequence[str] = (),
    prefix: str = "",
    check: Check | None = None,
    observers: Sequence[Observer] = (),
    in_progress: Counter[str] | None = None,
    drain_seconds: float = DRAIN_SECONDS,
    call_seconds: float = CALL_SECONDS,
) -> None:
    """Serve MCP over HTTP until SIGTERM, SIGINT or SIGHUP; then return a second after the drain at the latest.

    Calls in progress get `drain_seconds` to finish, one at most after SIGINT; streams are ended at once.

    Args:
        server: The server, with everything registered.
        host: Where to listen: a loopback address, or any of this machine's where `access` is given.
        port: The port; 0 takes a free one.
        sse_only: Serve `/sse` but not `/mcp`.
        ready: Called with the server's address, such as `http://127.0.0.1:8787`, when clients can connect.
        stop: What `stop_on_signals` yielded, when the caller entered it around more than this call.
        routes: What else to serve on the port.
        lifespans: Context managers to hold open while serving.
        access: Knows the keys, without one of which nobody is served; None serves everyone on this machine.
        resource: Which authorization server gives tokens, for clients that look for it.
        allowed_hosts: Further names by which clients may address it, such as that of a proxy in front of it.
        trusted_proxies: Addresses and networks of proxies that are believed for whom they speak.
        prefix: The path below which a proxy serves this, such as `/runloop`.
        check: Looks at what is behind the server, for `/readyz`.
        observers: Are told of requests as they end.
        in_progress: Where requests in progress are counted, by the first part of their path.
        drain_seconds: How long calls in progress may run on when the server ends.
        call_seconds: The longest a call may run.

    Raises:
        InvalidRequest: Others than this machine could come in without a key.
        Unavailable: The address is not this machine's, or the port is taken or may not be used.
    """
    app = http_app(
        server,
        sse_only=sse_only,
        routes=routes,
        lifespans=lifespans,
        access=access,
        resource=resource,
        names=names_for(host, allowed_hosts),
        trusted_proxies=trusted_proxies,
        prefix=prefix,
        check=check,
        observers=observers,
        in_progress=in_progress,
        call_seconds=call_seconds,
    )
    await serve_app(
        app,
        host=host,
        port=port,
        authenticated=access is not None,
        ready=ready,
        stop=stop,
        drain_seconds=drain_seconds,
    )


async def serve_app(
    app: Starlette,
    *,
    host: str = "127.0.0.1",
    port: int = 8787,
    authenticated: bool = False,
    ready: Callable[[str], None] | None = None,
    stop: Stop | None = None,
    drain_seconds: float = DRAIN_SECONDS,
) -> None:
    """Serve a web application as `serve_http` does, its lifespan included.

    Raises:
        InvalidRequest: Others than this machine could come in, and `authenticated` does not say that they need a key.
        Unavailable: The address is not this machine's, or the port is taken or may not be used.
    """
    from runloop_mcp.server.transports.asgi_server import serve_asgi  # noqa: PLC0415  hypercorn only where it is used

    with ExitStack() as resources:
        # Before anything is started: a taken port is the likeliest failure, and ends it cheapest.
        listener = resources.enter_context(listen(host, port, authenticated=authenticated))
        stop = stop or resources.enter_context(stop_on_signals())
        url = url_of(listener)
        async with app.router.lifespan_context(app):
            await serve_asgi(
                app,
                listener,
                stop=stop,
                ready=None if ready is None else lambda: ready(url),
                drain_seconds=drain_seconds,
                streamed=getattr(app.state, "streamed_calls", None),
            )


def open_sessions(server: MCPServer, in_progress: Counter[str]) -> int:
    """How many sessions of MCP are open: each stream of SSE is one, and clients of the 2026 era have none."""
    with suppress(RuntimeError):  # where `/mcp` is not served
        return len(server.session_manager._server_instances) + in_progress["/sse"]  # noqa: SLF001  nothing public tells
    return in_progress["/sse"]


def _session_owners(server: MCPServer) -> list[str]:
    """The ids of the principals whose sessions of streamable HTTP are open, one for each session."""
    return [owner["client_id"] for owner in server.session_manager._session_owners.values()]  # noqa: SLF001  likewise


def _bound_calls(server: MCPServer, seconds: float, streamed: StreamedCalls) -> None:
    bounds = server.middleware
    bounds[:] = [each for each in bounds if not isinstance(each, BoundedCalls | Introductions)]
    told = getattr(server, "instructions_of", None)  # a server of somebody else's tells everyone the same
    bounds[:0] = [BoundedCalls(seconds, streamed), *([Introductions(told)] if told is not None else [])]
