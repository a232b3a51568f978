"""What a server writes to standard error, and what it costs where nobody asks for more."""

import json
import logging
from collections.abc import Callable, Iterator
from subprocess import CompletedProcess

import pytest

from runloop_mcp.cli.logs import OURS, begin_logging

Command = Callable[..., CompletedProcess[str]]

_MESSAGES = [
    {
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    },
    {"method": "notifications/initialized"},
    {"id": 2, "method": "tools/call", "params": {"name": "get_run", "arguments": {"run_id": "scr_none"}}},
]


def _conversation(begin: Command, *arguments: str, **variables: str) -> CompletedProcess[str]:
    """What a server over stdio says to a client that calls a tool, and on standard error."""
    given = "".join(json.dumps({"jsonrpc": "2.0", **message}) + "\n" for message in _MESSAGES)
    done = begin("serve", *arguments, given=given, **variables)
    assert done.returncode == 0
    return done


def test_over_stdio_lines_of_json_tell_of_calls(runloop: Command) -> None:
    """Each call is a line with the ids of its message and run; a collector that is not there holds nothing up."""
    unreachable = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "grpc",
        "RUNLOOP_MCP_LOG_FORMAT": "json",
    }
    done = _conversation(runloop, "--log-level", "info", **unreachable)
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == [1, 2]
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    (call,) = [line for line in lines if line["message"].startswith("get_run: error")]
    assert (call["level"], call["request_id"], call["run_id"]) == ("info", "2", "scr_none")
    assert any("speaks http/protobuf" in line["message"] for line in lines)


def test_nothing_is_imported_for_what_nobody_asked_for(started: Command) -> None:
    """A server over stdio loads no library of metrics or traces, and says nothing."""
    lines = _conversation(started, PYTHONPROFILEIMPORTTIME="1").stderr.splitlines()
    imported = {line.rsplit("|", 1)[-1].strip() for line in lines}
    assert all(line.startswith("import time:") for line in lines)
    assert "runloop_mcp.server.face" in imported
    assert not imported & {"opentelemetry.sdk", "prometheus_client", "google.protobuf", "runloop_mcp.cli.telemetry"}
    assert "runloop_mcp.server.observation.calls" not in imported


@pytest.mark.parametrize(
    ("arguments", "variables", "told"),
    [
        (["--log-format", "json"], {}, "keys create"),
        ([], {"RUNLOOP_MCP_LOG_FORMAT": "json", "RUNLOOP_MCP_LOG_LEVEL": "loud"}, "RUNLOOP_MCP_LOG_LEVEL is not valid"),
    ],
)
def test_why_it_ends_is_a_line_too(
    runloop: Command, arguments: list[str], variables: dict[str, str], told: str
) -> None:
    """Who reads the log as JSON reads there why the server has ended; the exit code says so as well."""
    ended = runloop("serve", "--transport", "http", *arguments, **variables)
    assert ended.returncode == 1
    line = json.loads(ended.stderr)
    assert line["level"] == "critical"
    assert told in line["message"]


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """The product's logger, set up as a server does; the tests' own handlers come back afterwards."""
    root, ours = logging.getLogger(), logging.getLogger(OURS)
    before = root.handlers[:], root.level, ours.level
    root.handlers.clear()
    yield ours
    root.handlers[:], root.level, ours.level = before


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_secrets_are_covered_and_lines_are_whole(
    logger: logging.Logger, log_format: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Keys are covered wherever they stand, and who chose a part of a message can't write a line of his own."""
    monkeypatch.setenv("RUNLOOP_API_KEY", "plain-looking")
    begin_logging(log_format, "info")
    try:
        {}["refused plain-looking"]
    except KeyError:
        logger.exception(
            "sent Bearer abc.def to /v1/signed/x?token=t0ken&a=1, then rlmcp_0123456789abcdefgh,"
            " eyJhbGciOiJS.eyJzdWIi.c2ln\n2026 FORGED"
        )
    said = capsys.readouterr().err
    for secret in ("plain-looking", "abc.def", "t0ken", "0123456789abcdefgh", "hbGciOiJS", "c2ln"):
        assert secret not in said
    assert "KeyError" in said
    assert not any(line.startswith("2026 FORGED") for line in said.splitlines())
