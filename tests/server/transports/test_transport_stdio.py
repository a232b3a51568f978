"""The stdio transport, on real processes: each row of what stock transports get wrong."""

import json
import os
import pty
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import forked_python
import pytest
from forked_python import forked_command
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from served_child import INITIALIZE, PATIENCE, Child, await_file, command, environment, valid_object

CONNECTION_CLOSED = -32000

ENVELOPE = (
    '{"io.modelcontextprotocol/protocolVersion":"2026-07-28",'
    '"io.modelcontextprotocol/clientInfo":{"name":"test","version":"1"},'
    '"io.modelcontextprotocol/clientCapabilities":{}}'
)
"""What a request of the 2026 era carries."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    """One server for all tests after which it must go on living."""
    with Child(tmp_path_factory.mktemp("served"), "stdio") as child:
        yield child.handshake()


@pytest.mark.parametrize(
    ("line", "code", "request_id"),
    [
        (b"garbage", -32700, None),
        (b'{"jsonrpc":"2.0","id":7,', -32700, None),
        (b'{"jsonrpc":"2.0","id":7,"method":"ping","params":{"text":"\xff"}}', -32700, None),
        (b"[" * 5000, -32700, None),
        (b'[{"jsonrpc":"2.0","id":7,"method":"ping"}]', -32600, None),
        (b"[]", -32600, None),
        (b'"ping"', -32600, None),
        (b'{"jsonrpc":"1.0","id":7,"method":"ping"}', -32600, 7),
        (b'{"jsonrpc":"2.0","id":"a","method":"ping","params":[1]}', -32600, "a"),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600, None),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600, None),
        (b'{"jsonrpc":"2.0","id":7,"error":"no object"}', -32600, None),
    ],
)
def test_a_line_that_holds_no_message_is_answered_with_an_error(
    shared: Child, line: bytes, code: int, request_id: int | str | None
) -> None:
    """What a stock server drops without a word is answered, under the request's id where there is one."""
    shared.send(line)
    answer = shared.read()
    assert answer["error"]["code"] == code
    assert answer["id"] == request_id
    assert shared.request("ping")["result"] == {}


@pytest.mark.parametrize("id_first", [True, False])
def test_a_message_over_the_limit_fails_alone(shared: Child, id_first: bool) -> None:
    """A message too long to read is refused under its own id, and the next one is served."""
    params = b'"params":{"name":"echo","arguments":{"text":"' + b"x" * (17 * 2**20) + b'"}}'
    if id_first:
        shared.send(b'{"jsonrpc":"2.0","id":"long","method":"tools/call",' + params + b"}")
    else:
        shared.send(b'{"method":"tools/call",' + params + b',"jsonrpc":"2.0","id":"long"}')
    answer = shared.read()
    assert answer["id"] == "long"
    assert "16 MiB" in answer["error"]["message"]
    assert shared.request("ping")["result"] == {}


def test_blank_lines_and_carriage_returns_are_no_messages(shared: Child) -> None:
    """Blank lines get no answer, and a line may end as on Windows."""
    shared.send(b"")
    shared.send(b"  \r")
    shared.send(b'{"jsonrpc":"2.0","id":"crlf","method":"ping"}\r')
    assert shared.read()["id"] == "crlf"


def test_half_a_character_in_the_arguments_is_made_whole(shared: Child) -> None:
    """A lone surrogate, which clients in JavaScript send, is replaced instead of losing the call."""
    shared.send(
        b'{"jsonrpc":"2.0","id":"cut","method":"tools/call","params":{"name":"echo","arguments":{"text":"a\\ud83d"}}}'
    )
    answer = shared.read()
    assert answer["id"] == "cut"
    assert answer["result"]["content"][0]["text"] == "a\ufffd"


def test_half_a_character_in_a_result_does_not_end_the_server(shared: Child) -> None:
    """A lone surrogate in a tool's output leaves as U+FFFD; a stock server dies of it."""
    assert shared.call("surrogate")["content"][0]["text"] == "cut \ufffd here"
    assert shared.request("ping")["result"] == {}


def test_numbers_that_are_none_leave_as_null(shared: Child) -> None:
    """NaN and infinity are no JSON."""
    content = shared.call("not_a_number")["structuredContent"]
    assert content == {"nan": None, "infinite": [None], "text": "whole"}


def test_stray_output_never_reaches_the_client(shared: Child) -> None:
    """What a tool, its child or the program before serving prints goes to stderr, and no child reads the wire."""
    assert shared.call("stray")["content"][0]["text"] == "child ended with 0"
    assert shared.request("ping")["result"] == {}
    for printed in ("printed before serving", "stray print", "stray child"):
        assert printed in shared.stderr()


def test_large_messages_pass_whole_both_ways(shared: Child) -> None:
    """Messages far larger than a pipe's buffer arrive as they left."""
    text = "y" * 3_000_000
    assert shared.call("echo", text=text)["content"][0]["text"] == text


def test_a_client_that_reads_late_gets_every_answer(shared: Child) -> None:
    """Results wait for a client that does not read, whole and in no one else's way."""
    ids = {shared.start("tools/call", {"name": "huge", "arguments": {"size": 20_000}}) for _ in range(400)}
    while ids:
        answer = shared.read()
        assert len(answer["result"]["content"][0]["text"]) == 20_000
        ids.remove(answer["id"])


@pytest.mark.parametrize("mode", ["auto", pytest.param("legacy", marks=pytest.mark.proof)])
async def test_the_sdk_client_works_in_both_eras(tmp_path: Path, mode: Any) -> None:
    """Lists, calls and progress work for the SDK's client, with and without the handshake."""
    argv = forked_command(*command(tmp_path, "stdio")[1:])
    seen: list[float] = []

    async def note(progress: float, _total: float | None, _message: str | None) -> None:
        seen.append(progress)

    async with Client(StdioServerParameters(command=argv[0], args=argv[1:], env=environment()), mode=mode) as client:
        assert "echo" in {tool.name for tool in (await client.list_tools()).tools}
        result = await client.call_tool("report", {"steps": 3}, progress_callback=note)
        assert result.content[0].text == "reported"
        assert (await client.call_tool("surrogate", {})).content[0].text == "cut \ufffd here"
    assert seen == [1, 2, 3]
    assert (tmp_path / "ended").exists()


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, pytest.param(signal.SIGHUP, marks=pytest.mark.proof)]
)
def test_a_signal_ends_the_server_in_order(tmp_path: Path, number: signal.Signals) -> None:
    """The call in flight is cancelled and answered, everything is cleaned up, and the status is 0."""
    with Child(tmp_path, "stdio") as child:
        request_id = child.handshake().start_call("wait_for", name="never")
        child.signal(number)
        answer = child.read()
        assert (answer["id"], answer["error"]["code"]) == (request_id, CONNECTION_CLOSED)
        assert child.status() == 0
        assert child.has("cancelled")
        assert child.has("lifespan")
        assert child.has("ended")


@pytest.mark.proof
def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    """Who asks twice does not wait for cleaning up; a client's SIGTERM after its SIGINT is no second asking."""
    (tmp_path / "linger").touch()
    with Child(tmp_path, "stdio") as child:
        child.handshake().signal(signal.SIGINT)
        await_file(tmp_path / "ending")
        child.signal(signal.SIGTERM)
        (tmp_path / "linger").unlink()
        assert child.status() == 0
    (tmp_path / "linger").touch()
    (tmp_path / "ending").unlink()
    with Child(tmp_path, "stdio") as child:
        child.handshake().signal(signal.SIGTERM)
        await_file(tmp_path / "ending")
        child.signal(signal.SIGTERM)
        assert child.status() == -signal.SIGTERM


def test_calls_in_flight_are_answered_after_the_end_of_input(tmp_path: Path) -> None:
    """`printf … | server` gets its answers, the last line without a newline too."""
    lines = [
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": INITIALIZE}).encode(),
        b'{"jsonrpc":"2.0","method":"notifications/initialized"}',
        b'{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"stray","arguments":{}}}',
        b'{"jsonrpc":"2.0","id":3,"method":"ping"}',
    ]
    done = forked_python.run(
        command(tmp_path, "stdio")[1:], given=b"\n".join(lines).decode(), timeout=PATIENCE, env=environment()
    )
    done.check_returncode()
    answers = {(message := valid_object(line))["id"]: message for line in done.stdout.splitlines()}
    assert all("result" in answers[request_id] for request_id in (1, 2, 3))
    assert (tmp_path / "ended").exists()


def test_the_end_of_input_ends_calls_that_do_not_finish(tmp_path: Path) -> None:
    """A client that closes stdin wants the server gone, so a call that waits for ever is cancelled."""
    with Child(tmp_path, "stdio") as child:
        child.handshake().start_call("wait_for", name="never")
        child.close_stdin()
        assert child.status() == 0
        assert child.has("cancelled")
        assert child.has("lifespan")


_STARTER = """
import os, runpy, sys
if os.fork():
    os.wait()
else:
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""A program that has a child of its own serve."""


def test_it_ends_with_its_parent_although_the_pipe_stays_open(tmp_path: Path) -> None:
    """When whoever started it is killed, nobody is left to serve, whoever else holds its stdin."""
    with Child(tmp_path, "stdio", starter=_STARTER) as parent:
        parent.handshake()
        parent.signal(signal.SIGKILL)
        parent.status()
        await_file(tmp_path / "ended")
        assert parent.read_line() == b""
        await_file(Path("/proc", (tmp_path / "ended").read_text()), there=False)


def test_a_client_that_does_not_read_cannot_hold_it_up(tmp_path: Path) -> None:
    """SIGTERM ends it although more is written than the client will ever take."""
    with Child(tmp_path, "stdio") as child:
        child.handshake()
        for _ in range(5):
            child.start_call("huge", size=1_000_000)
        child.signal(signal.SIGTERM)
        assert child.status() == 0
        assert child.has("ended")


def test_it_ends_when_nobody_reads_any_more(tmp_path: Path) -> None:
    """A client that closed the other end is gone, although stdin is open."""
    with Child(tmp_path, "stdio") as child:
        child.handshake()
        assert child.process.stdout is not None
        child.process.stdout.close()
        child.start("ping")
        assert child.status() == 0
        assert child.has("ended")


def test_a_log_on_the_wire_is_silenced(tmp_path: Path) -> None:
    """Started with 2>&1, it says nothing on stderr that the client would read as messages."""
    with Child(tmp_path, "stdio", stderr=subprocess.STDOUT) as child:
        assert child.handshake().call("stray")["content"][0]["text"] == "child ended with 0"


def test_it_serves_files(tmp_path: Path) -> None:
    """Input from a file and output to a file work, though neither can be waited for."""
    asked, answered = tmp_path / "asked", tmp_path / "answered"
    asked.write_text('{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":' + ENVELOPE + "}}\n")
    with (
        asked.open("rb") as stdin,
        answered.open("wb") as stdout,
        Child(tmp_path, "stdio", stdin=stdin, stdout=stdout) as child,
    ):
        assert child.status() == 0
    (line,) = answered.read_bytes().splitlines()
    assert "2026-07-28" in valid_object(line)["result"]["supportedVersions"]


def test_it_serves_sockets(tmp_path: Path) -> None:
    """A socket pair instead of pipes works, as Node's child processes have."""
    ours, theirs = socket.socketpair()
    with ours, theirs, Child(tmp_path, "stdio", stdin=theirs, stdout=theirs) as child, ours.makefile("rb") as answers:
        theirs.close()
        ours.sendall(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
        assert valid_object(answers.readline())["id"] == 1
        ours.shutdown(socket.SHUT_WR)
        assert child.status() == 0


def test_it_serves_a_terminal(tmp_path: Path) -> None:
    """A terminal works, and Ctrl-D ends it."""
    ours, theirs = pty.openpty()
    with (
        Child(tmp_path, "stdio", stdin=theirs, stdout=theirs) as child,
        os.fdopen(ours, "rb+", buffering=0) as terminal,
    ):
        os.close(theirs)
        terminal.write(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
        text = b""
        while b'"result"' not in text:
            text += os.read(ours, 4096)
        terminal.write(b"\x04")
        assert child.status() == 0


def test_it_ends_when_started_without_stdin(tmp_path: Path) -> None:
    """With a closed stdin there is no client, and the server ends in order."""
    argv = ["sh", "-c", 'exec "$@" <&-', "sh", *command(tmp_path, "stdio")]
    ended = subprocess.run(argv, check=False, env=environment(), capture_output=True, timeout=PATIENCE)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "ended").exists()
