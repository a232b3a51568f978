"""What operators see of a server, put around it as the environment asks for; nothing is imported for the rest."""

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from runloop_mcp.cli.logs import OURS, logs_json

if TYPE_CHECKING:
    from runloop_mcp.api.backend import Backend
    from runloop_mcp.server.app import RunloopServer
    from runloop_mcp.server.observation.calls import Observer


class Observing:
    """Puts observation around servers and backends.

    Attributes:
        observers: Are told of calls and requests.
    """

    def __init__(self, observers: "list[Observer]", *, has_spans: bool) -> None:
        self.observers = observers
        self._has_spans = has_spans

    def observed(self, server: "RunloopServer") -> "RunloopServer":
        """The server, its calls observed where somebody counts them or they are logged."""
        if self.observers or logging.getLogger(OURS).isEnabledFor(logging.INFO) or logs_json():
            from runloop_mcp.server.observation.calls import observe_calls

            observe_calls(server, self.observers)
        return server

    def spanned(self, backend: "Backend") -> "Backend":
        """The backend, its work in spans where somebody collects them."""
        if not self._has_spans:
            return backend
        from runloop_mcp.server.observation.traced_backend import TracedBackend

        return TracedBackend(backend)


@contextmanager
def observing() -> Iterator[Observing]:
    """Observes while entered: logs always, OpenTelemetry where its variables ask for it."""
    with ExitStack() as stack:
        observers: list[Observer] = []
        if any(name.startswith("OTEL_") for name in os.environ):
            from runloop_mcp.cli.telemetry import telemetry

            observers += stack.enter_context(telemetry())
        from opentelemetry.trace import ProxyTracerProvider, get_tracer_provider

        yield Observing(observers, has_spans=not isinstance(get_tracer_provider(), ProxyTracerProvider))
