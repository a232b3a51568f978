"""OpenTelemetry, set up as its standard variables say. Imported only where one of them asks for it."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from runloop_mcp import __version__

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.export import SpanExporter

    from runloop_mcp.server.observation.calls import Observer

_log = logging.getLogger(__name__)

_FLUSH_SECONDS: Final = 2.0
"""How long what is left may take to leave when the server ends, spans and metrics together."""


class _Unusable(Exception):
    """What a variable asks for can't be had."""


@contextmanager
def telemetry(environ: Mapping[str, str] = os.environ) -> Iterator["list[Observer]"]:
    """Sends spans and metrics while entered, where the environment asks for it and as it says; yields who counts.

    `OTEL_EXPORTER_OTLP_ENDPOINT` alone turns on both; `OTEL_TRACES_EXPORTER` and `OTEL_METRICS_EXPORTER` choose `otlp`,
    `console` (standard error) or `none`; `OTEL_SDK_DISABLED` turns all off. What can't be had is told in the log and
    left out: these variables are often set for everything that runs on a machine.
    """
    observers: list[Observer] = []
    ends = []
    try:
        for signal, begin in (("TRACES", _begin_traces), ("METRICS", _begin_metrics)):
            exporter = _wanted(signal, environ)
            if exporter == "none":
                continue
            try:
                end, observer = begin(exporter, environ)
            except ImportError:
                _log.warning(
                    "OpenTelemetry is asked for and not installed; install it: pip install 'runloop-mcp[otel]'"
                )
                break
            except _Unusable as error:
                _log.warning("%s; nothing is sent.", error)
                continue
            ends.append(end)
            observers += [observer] if observer is not None else []
        yield observers
    finally:
        # The collector may be gone, and is not to hold up the end.
        leaving = [threading.Thread(target=end, daemon=True) for end in ends]
        for thread in leaving:
            thread.start()
        due = time.monotonic() + _FLUSH_SECONDS
        for thread in leaving:
            thread.join(max(due - time.monotonic(), 0))


def _wanted(signal: str, environ: Mapping[str, str]) -> str:
    """Which exporter a signal goes to."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return "none"
    has_endpoint = environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or environ.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    return environ.get(f"OTEL_{signal}_EXPORTER", "").strip() or ("otlp" if has_endpoint else "none")


def _check_protocol(signal: str, environ: Mapping[str, str]) -> None:
    """Makes sure that OTLP over HTTP will do.

    Raises:
        _Unusable: Another protocol is asked for.
    """
    names = (f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    for name in names:
        if environ.get(name, "http/protobuf") != "http/protobuf":
            raise _Unusable(f"{name} is {environ[name]!r}; this server speaks http/protobuf")


def _resource(environ: Mapping[str, str]) -> "Resource":
    from opentelemetry.sdk.resources import Resource

    own = {"service.version": __version__}
    if not environ.get("OTEL_SERVICE_NAME") and "service.name=" not in environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        own["service.name"] = "runloop-mcp"
    return Resource.create(own)


def _begin_traces(exporter: str, environ: Mapping[str, str]) -> "tuple[Callable[[], object], None]":
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=_resource(environ), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_span_exporter(exporter, environ)))
    trace.set_tracer_provider(provider)
    return provider.shutdown, None


def _span_exporter(exporter: str, environ: Mapping[str, str]) -> "SpanExporter":
    if exporter == "console":
        import sys

        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        return ConsoleSpanExporter(out=sys.stderr)
    if exporter != "otlp":
        raise _Unusable(f"OTEL_TRACES_EXPORTER is {exporter!r}; valid: otlp, console, none")
    _check_protocol("TRACES", environ)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()


def _begin_metrics(exporter: str, environ: Mapping[str, str]) -> "tuple[Callable[[], object], Observer]":
    from opentelemetry import metrics
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    from runloop_mcp.server.observation.otel_metrics import OtelMetrics

    reader = PeriodicExportingMetricReader(_metric_exporter(exporter, environ))
    provider = MeterProvider([reader], resource=_resource(environ), shutdown_on_exit=False)
    metrics.set_meter_provider(provider)
    return provider.shutdown, OtelMetrics()


def _metric_exporter(exporter: str, environ: Mapping[str, str]) -> "MetricExporter":
    if exporter == "console":
        import sys

        from opentelemetry.sdk.metrics.export import ConsoleMetricExporter

        return ConsoleMetricExporter(out=sys.stderr)
    if exporter != "otlp":
        raise _Unusable(f"OTEL_METRICS_EXPORTER is {exporter!r}; valid: otlp, console, none")
    _check_protocol("METRICS", environ)
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

    return OTLPMetricExporter()
