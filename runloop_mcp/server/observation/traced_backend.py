"""A backend whose work has spans, for those who collect spans: children of the spans of MCP's messages."""

import inspect
from collections.abc import Awaitable
from functools import wraps
from types import TracebackType
from typing import Any, Final, Self

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import ApiError

_LEFT_OUT: Final = frozenset({"trace"})
"""The record of runs is kept beside the work, and no part of it."""

_IDS: Final = {
    "scr_": "runloop.run.id",
    "scn_": "runloop.scenario.id",
    "dbx_": "runloop.devbox.id",
    "exe_": "runloop.execution.id",
}


class TracedBackend(Backend):
    """Stands for a backend that somebody else enters and leaves.

    Args:
        backend: What carries everything out.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        tracer = trace.get_tracer("runloop_mcp")
        for name in Backend.__annotations__:
            if name not in _LEFT_OUT:
                setattr(self, name, _Group(backend, name, tracer))

    @property
    def trace(self) -> Any:  # type: ignore[override]  # the port declares an attribute
        """The record of runs, as the backend has it."""
        return self._backend.trace

    @property
    def paid_devboxes(self) -> bool:  # type: ignore[override]  # likewise
        """Whether somebody is billed for the time that devboxes are up."""
        return self._backend.paid_devboxes

    @property
    def waits_cost_requests(self) -> bool:  # type: ignore[override]  # likewise
        """Whether each wait is a request to another machine."""
        return self._backend.waits_cost_requests

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None


class _Group:
    """A group of operations."""

    def __init__(self, backend: Backend, name: str, tracer: trace.Tracer) -> None:
        self._backend = backend
        self._name = name
        self._tracer = tracer

    def __getattr__(self, operation: str) -> Any:
        carried_out = getattr(getattr(self._backend, self._name), operation)

        @wraps(carried_out)
        def call(*args: Any, **kwargs: Any) -> Any:
            result = carried_out(*args, **kwargs)
            return self._spanned(operation, args, result) if inspect.isawaitable(result) else result

        return call

    async def _spanned(self, operation: str, args: tuple[Any, ...], result: Awaitable[Any]) -> Any:
        with self._tracer.start_as_current_span(
            f"{self._name}.{operation}", kind=SpanKind.INTERNAL, record_exception=False, set_status_on_exception=False
        ) as span:
            _tell_ids(span, args)
            try:
                value = await result
            except ApiError as error:
                span.set_attribute("error.type", error.code)
                span.set_status(StatusCode.ERROR, error.message)
                raise
            except BaseException as error:
                # What it says may hold what callers sent.
                span.set_attribute("error.type", type(error).__qualname__)
                span.set_status(StatusCode.ERROR)
                raise
            _tell_ids(span, (getattr(value, "id", None),))
            return value


def _tell_ids(span: Span, values: tuple[Any, ...]) -> None:
    for value in values:
        if isinstance(value, str):
            name = next((name for prefix, name in _IDS.items() if value.startswith(prefix)), None)
            if name is not None:
                span.set_attribute(name, value)
