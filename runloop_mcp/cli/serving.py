"""Puts a backend behind the faces and serves them. Parts are imported when they are put there: a start is quick."""

import os
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from runloop_mcp.api.access import LOCAL_OPERATOR, Principal, Role
from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import InvalidRequest, Unavailable
from runloop_mcp.cli.wiring import backend_for, keyring_of

if TYPE_CHECKING:
    from starlette.routing import Route

    from runloop_mcp.access.keyring import Keyring
    from runloop_mcp.cli.observing import Observing
    from runloop_mcp.cli.settings import Settings
    from runloop_mcp.server.app import RunloopServer
    from runloop_mcp.server.services import Services
    from runloop_mcp.server.surface import Surface


def allowed_hosts(settings: "Settings") -> Sequence[str]:
    """Further names by which clients may address the server over HTTP."""
    public = urlsplit(settings.public_url or "").hostname
    return [*settings.allowed_hosts, *([public] if public else [])]


async def _refuse_without_keys(keyring: "Keyring") -> None:
    """Refuses to serve nobody.

    Raises:
        InvalidRequest: Nobody has a key.
    """
    if all(key.revoke_time_ms is not None for key in await keyring.list()):
        raise InvalidRequest(
            "Nobody could use this server: it has no key.",
            hint="Make one: runloop-mcp keys create NAME. Or let every program on this machine use it: --no-auth.",
        )


def _refuse_open_proxy(settings: "Settings") -> None:
    """Refuses to let others than this machine in through a proxy without a key.

    Raises:
        InvalidRequest: A proxy in front of the server would do that.
    """
    from runloop_mcp.server.transports.exposure import is_loopback

    host = urlsplit(settings.public_url or "").hostname
    if settings.trusted_proxies or (host is not None and not is_loopback(host)):
        raise InvalidRequest(
            "Refused to serve without authentication behind a proxy: everyone who can reach the proxy could run"
            " commands here.",
            hint="Leave --no-auth out, and make a key with: runloop-mcp keys create NAME. Or leave --public-url and"
            " --trusted-proxy out.",
        )


async def _check(backend: Backend) -> None:
    """Looks whether the backend answers and devboxes can be made.

    Raises:
        ApiError: It is not so.
    """
    from runloop_mcp.api.models.run import RunListParams
    from runloop_mcp.engine.backend import EmbeddedEngine

    await backend.runs.list(RunListParams(limit=1))
    if not isinstance(backend, EmbeddedEngine):
        return
    capability = await backend.capability()
    missing = next((finding for finding in capability.findings if finding.required and not finding.ok), None)
    if missing is not None:
        raise Unavailable(f"Devboxes can't run here: {missing.name}: {missing.detail}", hint=missing.remedy)


def _metrics(backend: Backend, sessions: Callable[[], int], observing: "Observing") -> "Route":
    """What answers at `/metrics`; it counts from now on."""
    from starlette.routing import Route

    try:
        from runloop_mcp.server.observation.prometheus import PrometheusMetrics
    except ImportError:
        from runloop_mcp.server.observation.missing import no_metrics

        return Route("/metrics", no_metrics)
    metrics = PrometheusMetrics(backend, sessions)
    observing.observers.append(metrics)
    return Route("/metrics", metrics.answer)


def bound_to(run_id: str) -> Principal:
    """A solver that is bound to one run."""
    return Principal(f"run:{run_id}", Role.SOLVER, run_id)


def servers_folder(settings: "Settings") -> Path:
    """Where servers on a state directory can be found."""
    return settings.state_dir / "servers"


@asynccontextmanager
async def services_for(offered: "Surface") -> AsyncIterator["Services"]:
    """What the tools that are offered need beside a backend; open within it."""
    from runloop_mcp.server.services import NONE, Services

    if not offered.for_operators:
        yield NONE
        return
    from runloop_mcp.server.background import Background
    from runloop_mcp.validation.prover import ScenarioProver

    async with Background() as background:
        yield Services(background, ScenarioProver())


@asynccontextmanager
async def shared_backend(
    settings: "Settings", run_id: str | None = None, observing: "Observing | None" = None
) -> AsyncIterator[Backend]:
    """The backend, open; solvers that other processes serve reach the runs whose devboxes it has, through it.

    Over the cloud it has all of them: a solver is to have no key.

    Args:
        settings: Name the backend.
        run_id: A run that has to be there.
        observing: What is put around the servers of these solvers.

    Raises:
        NotFound: There is no such run.
    """
    from runloop_mcp.engine.backend import EmbeddedEngine
    from runloop_mcp.server.app import build_server
    from runloop_mcp.server.transports.local_socket import serving_locally

    async with backend_for(settings) as backend:
        if run_id is not None:
            await backend.runs.retrieve(run_id)

        async def server_for(wanted: str) -> "RunloopServer | None":
            has_devbox = await backend.holds(wanted) if isinstance(backend, EmbeddedEngine) else True
            if not has_devbox:
                return None
            if observing is None:
                return build_server(backend, principal=bound_to(wanted))
            return observing.observed(build_server(observing.spanned(backend), principal=bound_to(wanted)))

        socket = servers_folder(settings) / f"{os.getpid()}-{secrets.token_hex(4)}.sock"
        async with serving_locally(socket, server_for):
            yield backend


async def serve_over_stdio(
    settings: "Callable[[], Settings]", ready: Callable[[], None], run_id: str | None, offered: "Surface"
) -> None:
    """Serves MCP over stdio until the client goes or a signal comes.

    Args:
        settings: Tells what is in force; asked once the server answers, as reading it takes time.
        ready: Called when clients are heard and signals are heeded.
        run_id: The run that the client is bound to; None where it is not.
        offered: The tools that it gets.
    """
    from runloop_mcp.cli.late_backend import LateBackend
    from runloop_mcp.cli.observing import observing
    from runloop_mcp.server.app import build_server
    from runloop_mcp.server.transports.signals import stop_on_signals
    from runloop_mcp.server.transports.stdio import serve_stdio

    parent = os.getppid()
    with observing() as seen, stop_on_signals() as stop:
        async with (
            LateBackend(lambda: shared_backend(settings(), run_id, seen)) as backend,
            services_for(offered) as services,
        ):
            ready()
            principal = bound_to(run_id) if run_id else LOCAL_OPERATOR
            server = build_server(seen.spanned(backend), principal=principal, surface=offered, services=services)
            await serve_stdio(seen.observed(server), stop=stop, parent_pid=parent)


async def serve_over_http(
    settings: "Settings", *, sse_only: bool, no_auth: bool, ready: Callable[[str], None], offered: "Surface"
) -> None:
    """Serves MCP over streamable HTTP at /mcp and over SSE at /sse, and Runloop's API at /v1, until a signal comes.

    Args:
        settings: What is in force.
        sse_only: Serves `/sse` alone.
        no_auth: Serves everyone on this machine, whatever key they have.
        ready: Called with the server's address when clients can connect.
        offered: The tools that MCP clients get.

    Raises:
        InvalidRequest: Others than this machine could come in without a key, or nobody has one.
    """
    from runloop_mcp.access.run_ends import EndingWithRuns
    from runloop_mcp.cli.oauth import with_oauth
    from runloop_mcp.cli.observing import observing
    from runloop_mcp.rest.app import RestFace
    from runloop_mcp.server.app import build_server
    from runloop_mcp.server.minting import Minting
    from runloop_mcp.server.transports.exposure import check_exposure
    from runloop_mcp.server.transports.http import open_sessions, serve_http
    from runloop_mcp.server.transports.signals import stop_on_signals

    check_exposure(settings.host, authenticated=not no_auth)
    if no_auth:
        _refuse_open_proxy(settings)
    address = _Address(settings.public_url)
    with observing() as seen, stop_on_signals() as stop:
        keyring = await keyring_of(settings)
        known, resource = with_oauth(settings, keyring, no_auth=no_auth)
        if not no_auth and resource is None:
            await _refuse_without_keys(keyring)
        async with shared_backend(settings, observing=seen) as backend, services_for(offered) as services:
            spanned = seen.spanned(backend)
            access = None if no_auth else EndingWithRuns(known, backend.runs)
            path = "/sse" if sse_only else "/mcp"
            minting = None if no_auth else Minting(keyring.run_tokens, lambda: address.url + path)
            server = build_server(spanned, surface=offered, services=services, minting=minting)
            in_progress: Counter[str] = Counter()
            metrics = _metrics(backend, lambda: open_sessions(server, in_progress), seen)
            rest = RestFace(spanned, signer=keyring, public_url=settings.public_url, needs_key=not no_auth)
            await serve_http(
                seen.observed(server),
                host=settings.host,
                port=settings.port,
                sse_only=sse_only,
                routes=[metrics] if sse_only else [metrics, *rest.routes],
                lifespans=() if sse_only else (rest.running,),
                access=access,
                resource=resource,
                allowed_hosts=allowed_hosts(settings),
                trusted_proxies=settings.trusted_proxies,
                prefix=urlsplit(settings.public_url or "").path,
                check=partial(_check, backend),
                observers=seen.observers,
                in_progress=in_progress,
                drain_seconds=settings.drain_seconds,
                ready=address.heard(ready),
                stop=stop,
            )


class _Address:
    """Where clients reach a server over HTTP: as set, else where it listens once it does."""

    def __init__(self, public_url: str | None) -> None:
        self._is_set = public_url is not None
        self.url = public_url or ""

    def heard(self, ready: Callable[[str], None]) -> Callable[[str], None]:
        """What is to be called with the address when the server is ready; passes it on."""

        def note(url: str) -> None:
            if not self._is_set:
                self.url = url
            ready(url)

        return note
