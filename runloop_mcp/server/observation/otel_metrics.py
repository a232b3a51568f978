"""Calls and requests as metrics of OpenTelemetry, under the names that its conventions give them."""

from opentelemetry import metrics


class OtelMetrics:
    """An observer of calls and requests that counts where the provider sends it."""

    def __init__(self) -> None:
        meter = metrics.get_meter("runloop_mcp")
        self._calls = meter.create_histogram(
            "mcp.server.operation.duration", unit="s", description="How long calls of tools took."
        )
        self._requests = meter.create_histogram(
            "http.server.request.duration", unit="s", description="How long HTTP requests took."
        )

    def call_ended(self, tool: str, outcome: str, seconds: float) -> None:
        """See `Observer.call_ended`."""
        told = {"mcp.method.name": "tools/call", "gen_ai.tool.name": tool}
        self._calls.record(seconds, told if outcome == "ok" else {**told, "error.type": outcome})

    def request_ended(self, route: str, method: str, status: int, seconds: float) -> None:
        """See `Observer.request_ended`."""
        self._requests.record(
            seconds,
            {"http.route": route, "http.request.method": method, "http.response.status_code": status},
        )
