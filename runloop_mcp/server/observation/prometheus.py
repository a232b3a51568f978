"""What Prometheus reads at `/metrics`: counted as it happens, and looked up when somebody asks."""

from collections.abc import Callable
from typing import Final

import anyio
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from runloop_mcp.api.access import LOCAL_OPERATOR, PRINCIPAL, Principal
from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import ApiError
from runloop_mcp.api.models.devbox import DevboxListParams, DevboxStatus
from runloop_mcp.api.models.run import RunListParams, RunState

_CALL_SECONDS: Final = (0.005, 0.02, 0.1, 0.5, 1, 2.5, 5, 10, 20, 60, 300)
_REQUEST_SECONDS: Final = (0.001, 0.005, 0.02, 0.1, 0.5, 1, 2.5, 5, 10, 20, 60, 300)

_UP: Final = (
    DevboxStatus.PROVISIONING,
    DevboxStatus.INITIALIZING,
    DevboxStatus.RUNNING,
    DevboxStatus.SUSPENDING,
    DevboxStatus.RESUMING,
)
"""The states in which a devbox takes one of the places that there are."""

_LOOK_SECONDS: Final = 5.0


class PrometheusMetrics:
    """Counts what a server does, and answers at `/metrics`. An observer of calls and requests.

    Args:
        backend: What is asked for runs and devboxes when somebody reads, unless asking costs requests to others.
        sessions: How many sessions of MCP are open.
    """

    def __init__(self, backend: Backend, sessions: Callable[[], int]) -> None:
        self._backend = backend
        self._sessions = sessions
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._calls = Counter(
            "runloop_mcp_tool_calls", "Calls of tools that ended.", ["tool", "outcome"], registry=registry
        )
        self._call_seconds = Histogram(
            "runloop_mcp_tool_call_seconds", "How long they took.", ["tool"], buckets=_CALL_SECONDS, registry=registry
        )
        self._requests = Counter(
            "runloop_mcp_http_requests", "HTTP requests that ended.", ["route", "method", "status"], registry=registry
        )
        self._request_seconds = Histogram(
            "runloop_mcp_http_request_seconds",
            "How long they took, streams included.",
            ["route"],
            buckets=_REQUEST_SECONDS,
            registry=registry,
        )
        # To find a series by its labels takes several times as long as to count in it. They are few: names are checked.
        self._ended: dict[tuple[str, str], tuple[Counter, Histogram]] = {}
        self._answered: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._runs = Gauge("runloop_mcp_runs", "Runs that are kept, by state.", ["state"], registry=registry)
        self._devboxes = Gauge(
            "runloop_mcp_devboxes",
            "Devboxes that are up, wait for their turn, or are suspended.",
            ["state"],
            registry=registry,
        )
        self._open_sessions = Gauge("runloop_mcp_sessions", "Open sessions of MCP.", registry=registry)

    def call_ended(self, tool: str, outcome: str, seconds: float) -> None:
        """See `Observer.call_ended`."""
        ended = self._ended.get((tool, outcome))
        if ended is None:
            ended = self._calls.labels(tool, outcome), self._call_seconds.labels(tool)
            self._ended[tool, outcome] = ended
        ended[0].inc()
        ended[1].observe(seconds)

    def request_ended(self, route: str, method: str, status: int, seconds: float) -> None:
        """See `Observer.request_ended`."""
        answered = self._answered.get((route, method, status))
        if answered is None:
            answered = self._requests.labels(route, method, str(status)), self._request_seconds.labels(route)
            self._answered[route, method, status] = answered
        answered[0].inc()
        answered[1].observe(seconds)

    async def answer(self, request: Request) -> Response:
        """The answer of the route; nobody but operators gets one."""
        refused = refused_for(request)
        if refused is not None:
            return refused
        try:
            with anyio.fail_after(_LOOK_SECONDS):
                await self._look()
        except (ApiError, TimeoutError) as error:
            reason = str(error) or f"The backend has not answered within {_LOOK_SECONDS:g} s."
            return JSONResponse({"code": "unavailable", "message": reason}, 503)
        encode, kind = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self._registry), headers={"content-type": kind})

    async def _look(self) -> None:
        """Asks for what nobody counts as it happens."""
        self._open_sessions.set(self._sessions())
        if self._backend.waits_cost_requests:
            return
        for state in RunState:
            page = await self._backend.runs.list(RunListParams(state=state.value, limit=1))
            self._runs.labels(state.value).set(page.total_count)
        for name, states in {
            "up": _UP,
            "waiting": (DevboxStatus.QUEUED,),
            "suspended": (DevboxStatus.SUSPENDED,),
        }.items():
            found = [await self._backend.devboxes.list(DevboxListParams(status=each, limit=1)) for each in states]
            self._devboxes.labels(name).set(sum(page.total_count for page in found))


def refused_for(request: Request) -> Response | None:
    """What a caller gets who is no operator; None for operators."""
    principal: Principal = request.scope.get("state", {}).get(PRINCIPAL, LOCAL_OPERATOR)
    if principal.operates:
        return None
    return JSONResponse({"code": "forbidden", "message": "Metrics are for operators. Use an operator's key."}, 403)
