"""`runloop-mcp` as a server: started by a client over stdio, by a person on a terminal, and over HTTP."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import httpx
import pytest
from forked_python import ForkedProcess

Command = Callable[..., CompletedProcess[str]]

COMMAND = ["-m", "runloop_mcp"]
_INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}


@pytest.mark.parametrize("arguments", [[], ["serve"], ["serve", "--transport", "stdio"]])
def test_stdio_from_start_to_end(runloop: Command, arguments: list[str]) -> None:
    """With no arguments it serves stdio: answers initialize, keeps quiet otherwise, and ends well with its input."""
    result = runloop(*arguments, given=json.dumps(_INITIALIZE) + "\n")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    answer = json.loads(result.stdout)
    assert answer["id"] == 1
    assert answer["result"]["serverInfo"]["name"] == "runloop"


def test_tools_are_chosen_by_flags_and_variables(runloop: Command) -> None:
    """A flag beats the variable of its name, and the instructions tell what is on."""
    lines = [_INITIALIZE, {"jsonrpc": "2.0", "method": "notifications/initialized"}]
    lines.append({"jsonrpc": "2.0", "id": 2, "method": "tools/list"})
    variables = {"RUNLOOP_MCP_TOOLSETS": "all", "RUNLOOP_MCP_TOOLS": "list_scenarios, validate_scenario"}
    flags = ("--toolsets", "benchmark", "--exclude-tools", "create_benchmark")
    result = runloop("serve", *flags, given="".join(json.dumps(line) + "\n" for line in lines), **variables)
    assert result.returncode == 0, result.stderr
    first, second = (json.loads(line)["result"] for line in result.stdout.splitlines())
    names = [tool["name"] for tool in second["tools"]]
    assert names[:3] == ["list_scenarios", "validate_scenario", "list_benchmarks"]
    assert "create_benchmark" not in names
    assert "validate_scenario" in first["instructions"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_terminal_is_told_what_this_is(environment: dict[str, str], number: signal.Signals) -> None:
    """Started by a person on a terminal it says what it is waiting for and how it is used; a signal ends it quietly."""
    ours, theirs = pty.openpty()
    try:
        with ForkedProcess(
            COMMAND, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        ) as process:
            assert process.stderr is not None
            said = _read_until(process.stderr.fileno(), rb"Ctrl-C ends it\.")
            assert "install claude-code" in said
            assert "runloop-mcp demo" in said
            process.send_signal(number)
            assert process.wait(30) == 0
            assert b"Traceback" not in process.stderr.read()
    finally:
        os.close(ours)
        os.close(theirs)


def test_http_on_loopback(environment: dict[str, str]) -> None:
    """Over HTTP it says where it serves, answers initialize there, and ends on SIGTERM with status 0."""
    command = [*COMMAND, "serve", "--transport", "http", "--no-auth", "--port", "0"]
    with ForkedProcess(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stderr is not None
        said = _read_until(process.stderr.fileno(), rb"Ctrl-C ends it\.")
        found = re.search(r"http://127\.0\.0\.1:\d+/mcp", said)
        assert found is not None
        answer = httpx.post(
            found.group(), json=_INITIALIZE, headers={"accept": "application/json, text/event-stream"}, timeout=30
        )
        assert answer.status_code == 200
        assert '"serverInfo"' in answer.text
        process.terminate()
        assert process.wait(30) == 0


def test_sse_alone_on_loopback(environment: dict[str, str]) -> None:
    """With --transport sse it says where its stream is, and the stream names where to post."""
    command = [*COMMAND, "serve", "--transport", "sse", "--no-auth", "--port", "0"]
    with ForkedProcess(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stderr is not None
        said = _read_until(process.stderr.fileno(), rb"Ctrl-C ends it\.")
        found = re.search(r"http://127\.0\.0\.1:\d+/sse", said)
        assert found is not None
        assert "/mcp" not in said
        with httpx.stream("GET", found.group(), timeout=30) as stream:
            assert next(stream.iter_lines()) == "event: endpoint"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_state_is_private_to_its_owner(environment: dict[str, str], runloop: Command) -> None:
    """The state directory can be read by nobody else: it holds outputs, and what scenarios hide."""
    runloop("scenarios", "list")
    assert Path(environment["RUNLOOP_MCP_STATE_DIR"]).stat().st_mode & 0o077 == 0


def _read_until(descriptor: int, pattern: bytes, seconds: float = 60) -> str:
    """What a process says, up to the pattern."""
    said, deadline = b"", time.monotonic() + seconds
    while not re.search(pattern, said):
        ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"nothing more came after: {said!r}"
        more = os.read(descriptor, 4096)
        assert more, f"it ended after: {said!r}"
        said += more
    return said.decode()
