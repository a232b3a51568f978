"""What operators see of a real server at work: its log, /metrics, and what it sends to a collector of OpenTelemetry."""

import gzip
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anyio
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families
from served_command import Server, pack_with, serving_command

from runloop_mcp.access.keyring import open_keyring
from runloop_mcp.api.access import Role

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
SECRET = "hunter2-of-the-collector"  # noqa: S105  the tests' own


@dataclass
class Collector:
    """What was sent to a collector."""

    traces: list[ExportTraceServiceRequest] = field(default_factory=list)
    metrics: list[ExportMetricsServiceRequest] = field(default_factory=list)
    headers: list[str | None] = field(default_factory=list)

    def spans(self) -> list[Any]:
        """All spans."""
        return [
            span
            for sent in self.traces
            for resource in sent.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@contextmanager
def collecting() -> Iterator[tuple[str, Collector]]:
    """A collector of OpenTelemetry, and its address."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            body = gzip.decompress(body) if self.headers["content-encoding"] == "gzip" else body
            if self.path == "/v1/traces":
                collector.traces.append(ExportTraceServiceRequest.FromString(body))
            else:
                collector.metrics.append(ExportMetricsServiceRequest.FromString(body))
            collector.headers.append(self.headers["x-collector"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", collector
        finally:
            server.shutdown()


@dataclass
class Seen:
    """What was seen of one server, from its start to its end."""

    run_id: str
    log: list[dict[str, Any]]
    scraped: dict[tuple[str, frozenset[str]], float]
    refused: tuple[int, ...]
    request_id: str
    collector: Collector
    key: str

    def metric(self, name: str, *labels: str) -> float:
        """The value of a sample."""
        return self.scraped[name, frozenset(labels)]


def observed(folder: Path, built_tools: Path) -> Seen:
    """A run from start to score on a server that is observed in every way."""
    more = ["--log-format", "json", "--log-level", "debug", "--scenarios", str(pack_with(folder / "pack"))]
    with collecting() as (endpoint, collector):
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_HEADERS": f"x-collector={SECRET}"}
        with serving_command(folder / "state", *more, tools=built_tools, env=env) as server:
            run_id, request_id = _lifecycle(server)
            scraped, refused = _scraped(server, folder / "state")
            assert server.stop() == 0
            log = [json.loads(line) for line in server.log.read_text().splitlines()]
    return Seen(run_id, log, scraped, refused, request_id, collector, server.key)


def _lifecycle(server: Server) -> tuple[str, str]:
    """Solves the scenario, with some mistakes on the way; gives the run, and the id of a request on it."""
    started = server.call("start_run", {"traceparent": f"00-{TRACE}-{PARENT}-01"}, scenario_id="answer")
    run_id = re.search(r"scr_\w+", started["content"][0]["text"])
    assert run_id is not None, started
    run = {"run_id": run_id.group()}
    server.call("exec_on_devbox", {"traceparent": f"00-{TRACE}-{PARENT}-01"}, command="echo 42 > answer.txt", **run)
    assert server.call("exec_on_devbox", command="true", run_id="scr_nobody")["isError"]
    assert server.call("no_such_tool")["isError"]
    server.call("score_run", {"traceparent": f"00-{TRACE}-{PARENT}-01"}, **run)
    with server.client() as client:
        answer = client.get(f"/v1/scenarios/runs/{run_id.group()}", headers={"x-request-id": "mine-1"})
        assert (answer.status_code, answer.headers["x-request-id"]) == (200, "mine-1")
        forged = client.get("/v1/scenarios", headers={"x-request-id": "a b{}"})
        assert forged.headers["x-request-id"] != "a b{}"
        client.get("/nowhere?token=rlmcp_notakeybutlooksmuchlikeone")
    return run_id.group(), "mine-1"


def _scraped(server: Server, state: Path) -> tuple[dict[tuple[str, frozenset[str]], float], tuple[int, ...]]:
    """What Prometheus reads, and what others get there."""
    with server.client() as client:
        answer = client.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain")
        found = {
            (sample.name, frozenset(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        }
        keyless = client.get("/metrics", headers={"authorization": ""}).status_code
        others = [
            client.get("/metrics", headers={"authorization": f"Bearer {key}"}).status_code
            for key in anyio.run(_other_keys, state)
        ]
        return found, (keyless, *others)


async def _other_keys(state: Path) -> tuple[str, str]:
    """A key that was revoked, and a solver's."""
    keyring = await open_keyring(state)
    made = await keyring.create("gone")
    await keyring.revoke(made.id)
    return made.key, (await keyring.create("solver", Role.SOLVER)).key


def each_line_of_the_log_is_an_object_that_tells_what_it_belongs_to(seen: Seen) -> None:
    """Time, level, logger and message are always there, request and run where they are known."""
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in seen.log)
    assert any(line["message"].startswith("Serving clients") for line in seen.log)
    calls = {line["message"].split(" after")[0]: line for line in seen.log if line["logger"].endswith("calls")}
    assert {"start_run: ok", "exec_on_devbox: ok", "exec_on_devbox: error", "other: error", "score_run: ok"} <= set(
        calls
    )
    assert calls["score_run: ok"]["run_id"] == seen.run_id
    assert calls["exec_on_devbox: error"]["run_id"] == "scr_nobody"
    (request,) = [line for line in seen.log if line.get("request_id") == seen.request_id]
    assert (request["run_id"], request["message"].split(" after")[0]) == (seen.run_id, "GET /v1: 200")
    ids = {line["request_id"] for line in calls.values()}
    assert len(ids) == len(calls)


def no_secret_is_logged(seen: Seen) -> None:
    """Neither keys nor what is sent to the collector, at any level; what callers send is no line of its own."""
    whole = json.dumps(seen.log)
    assert seen.key not in whole
    assert SECRET not in whole
    assert "notakeybut" not in whole
    assert "echo 42" not in whole


def prometheus_reads_what_happened(seen: Seen) -> None:
    """Calls by tool and outcome, durations, runs by state, devboxes, sessions and requests are counted."""
    assert seen.metric("runloop_mcp_tool_calls_total", "exec_on_devbox", "ok") == 1
    assert seen.metric("runloop_mcp_tool_calls_total", "exec_on_devbox", "error") == 1
    assert seen.metric("runloop_mcp_tool_calls_total", "other", "error") == 1
    assert seen.metric("runloop_mcp_tool_call_seconds_count", "exec_on_devbox") == 2
    assert seen.metric("runloop_mcp_tool_call_seconds_bucket", "exec_on_devbox", "+Inf") == 2
    assert seen.metric("runloop_mcp_runs", "scored") == 1
    assert seen.metric("runloop_mcp_runs", "running") == 0
    assert seen.metric("runloop_mcp_devboxes", "up") >= 0
    assert seen.metric("runloop_mcp_devboxes", "waiting") == 0
    assert seen.metric("runloop_mcp_sessions") == 0
    assert seen.metric("runloop_mcp_http_requests_total", "/mcp", "POST", "200") == 5
    assert seen.metric("runloop_mcp_http_requests_total", "other", "GET", "404") == 1
    assert seen.metric("process_resident_memory_bytes") > 0


def metrics_are_for_operators(seen: Seen) -> None:
    """Nobody reads them who could not use the server, and no solver."""
    assert seen.refused == (401, 401, 403)


def spans_of_calls_hang_on_the_client_s_and_have_the_work_below(seen: Seen) -> None:
    """A call's span is a child of the span that the client names; what the backend did for it is below, with ids."""
    spans = seen.collector.spans()
    calls = {span.name: span for span in spans if span.name.startswith("tools/call")}
    for name, work in {
        "tools/call start_run": "runs",
        "tools/call exec_on_devbox": "devboxes.execute",
        "tools/call score_run": "runs.score",
    }.items():
        mine = [span for span in spans if span.name == name and span.parent_span_id.hex() == PARENT]
        assert [span.trace_id.hex() for span in mine] == [TRACE], name
        below = [span for span in spans if span.parent_span_id == mine[0].span_id]
        assert any(span.name.startswith(work) for span in below), (name, [span.name for span in below])
    assert "tools/call score_run" in calls
    of_run = {span.name: span for span in spans if span.trace_id.hex() == TRACE}
    assert {"boot devbox", "score run", "freeze disk", "scoring function"} <= set(of_run)
    assert of_run["scoring function"].parent_span_id == of_run["score run"].span_id
    told = {(each.key, each.value.string_value) for span in spans for each in span.attributes}
    assert ("runloop.run.id", seen.run_id) in told
    services = {
        each.value.string_value
        for sent in seen.collector.traces
        for resource in sent.resource_spans
        for each in resource.resource.attributes
        if each.key == "service.name"
    }
    assert services == {"runloop-mcp"}
    assert set(seen.collector.headers) == {SECRET}


def metrics_are_sent_too(seen: Seen) -> None:
    """What was counted until the end reaches the collector, under the names of the conventions."""
    metrics = {
        metric.name: metric
        for sent in seen.collector.metrics
        for resource in sent.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    tools = {
        each.value.string_value
        for point in metrics["mcp.server.operation.duration"].histogram.data_points
        for each in point.attributes
        if each.key == "gen_ai.tool.name"
    }
    assert {"start_run", "exec_on_devbox", "score_run", "other"} <= tools
    assert "http.server.request.duration" in metrics


def test_operators_see_a_server_at_work(tmp_path: Path, built_tools: Path) -> None:
    """One life of a server, seen in its log, by Prometheus and by a collector of OpenTelemetry."""
    seen = observed(tmp_path, built_tools)
    each_line_of_the_log_is_an_object_that_tells_what_it_belongs_to(seen)
    no_secret_is_logged(seen)
    prometheus_reads_what_happened(seen)
    metrics_are_for_operators(seen)
    spans_of_calls_hang_on_the_client_s_and_have_the_work_below(seen)
    metrics_are_sent_too(seen)
