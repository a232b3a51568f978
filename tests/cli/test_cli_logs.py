"""What a server writes to standard error, and what it costs where nobody asks for more."""

import json
import logging
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator

import pytest

from runloop_mcp.cli.logs import OURS, begin_logging

_COMMAND = [sys.executable, "-m", "runloop_mcp", "serve"]
_MESSAGES = [
    {
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    },
    {"method": "notifications/initialized"},
    {"id": 2, "method": "tools/call", "params": {"name": "get_run", "arguments": {"run_id": "scr_none"}}},
]


def _conversation(environment: dict[str, str], *arguments: str, python: tuple[str, ...] = ()) -> tuple[str, str]:
    """What a server over stdio says to a client that calls a tool, and on standard error."""
    command = [_COMMAND[0], *python, *_COMMAND[1:], *arguments]
    # A file: more than a pipe holds may be said before anybody reads it.
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("".join(json.dumps({"jsonrpc": "2.0", **message}) + "\n" for message in _MESSAGES))
        process.stdin.flush()
        said = process.stdout.readline() + process.stdout.readline()
        process.stdin.close()
        assert process.wait(60) == 0
        errors.seek(0)
        logged = errors.read()
    return said, logged


def test_over_stdio_lines_of_json_tell_of_calls(environment: dict[str, str]) -> None:
    """Each call is a line with the ids of its message and run; a collector that is not there holds nothing up."""
    unreachable = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "grpc",
        "RUNLOOP_MCP_LOG_FORMAT": "json",
    }
    said, logged = _conversation(environment | unreachable, "--log-level", "info")
    assert [json.loads(line)["id"] for line in said.splitlines()] == [1, 2]
    lines = [json.loads(line) for line in logged.splitlines()]
    (call,) = [line for line in lines if line["message"].startswith("get_run: error")]
    assert (call["level"], call["request_id"], call["run_id"]) == ("info", "2", "scr_none")
    assert any("speaks http/protobuf" in line["message"] for line in lines)


def test_nothing_is_imported_for_what_nobody_asked_for(environment: dict[str, str]) -> None:
    """A server over stdio loads no library of metrics or traces, and says nothing."""
    inherited = {name: value for name, value in environment.items() if not name.startswith("OTEL_")}
    _, logged = _conversation(inherited, python=("-X", "importtime"))
    imported = {line.rsplit("|", 1)[-1].strip() for line in logged.splitlines()}
    assert all(line.startswith("import time:") for line in logged.splitlines())
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
    started: Callable[..., subprocess.CompletedProcess[str]], arguments: list[str], variables: dict[str, str], told: str
) -> None:
    """Who reads the log as JSON reads there why the server has ended; the exit code says so as well."""
    ended = started("serve", "--transport", "http", *arguments, **variables)
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
