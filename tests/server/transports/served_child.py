"""Driving `served.py` as a child process: raw JSON lines, signals, and files to wait for."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from forked_python import ForkedProcess

PATIENCE = 20.0
"""Seconds that a test waits for what has to happen; how soon it does is for benchmarks."""

SCRIPT = Path(__file__).with_name("served.py")

INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


def command(folder: Path, transport: str, *more: object) -> list[str]:
    """The command line of the server."""
    return [sys.executable, str(SCRIPT), str(folder), transport, *map(str, more)]


def environment() -> dict[str, str]:
    """The environment as a user has it: what is printed to a pipe is buffered."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def eventually(condition: Callable[[], bool]) -> None:
    """Return when something outside this process has become so; looking is all one can do."""
    due = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < due, "it did not happen"
        time.sleep(0.01)


def await_file(path: Path, *, there: bool = True) -> None:
    """Return when a file has appeared, or gone."""
    eventually(lambda: path.exists() is there)


class Child:
    """A server process, its stdin and stdout ours to read and write. Use it as a context manager.

    Args:
        folder: Where it puts its files; stderr goes there too.
        transport: As in `served.py`.
        more: Further arguments.
        starter: A program that is given the server's arguments, and starts it.
        streams: Arguments for `ForkedProcess` other than pipes for stdin and stdout.
    """

    def __init__(
        self,
        folder: Path,
        transport: str,
        *more: object,
        starter: str = "",
        **streams: Any,
    ) -> None:
        self.folder = folder
        self._errors = (folder / "stderr").open("ab")
        options: dict[str, Any] = {
            "stdin": subprocess.PIPE,
            "stdout": subprocess.PIPE,
            "stderr": self._errors,
            "env": environment(),
        }
        before_it = ["-c", starter] if starter else []
        arguments = [*before_it, *command(folder, transport, *more)[1:]]
        self.process = ForkedProcess(arguments, **(options | streams))
        self._unread = bytearray()
        self._last_id = 0

    def send(self, message: object) -> None:
        """Write a message, or bytes as they are, and a newline."""
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        assert self.process.stdin is not None
        left = memoryview(data + b"\n")
        while left:
            left = left[self.process.stdin.write(left) :]

    def read(self) -> dict[str, Any]:
        """The next message. Fails on anything on the wire that is no JSON object."""
        line = self.read_line()
        assert line, "the server closed its stdout"
        return valid_object(line)

    def read_line(self) -> bytes:
        """The next line; empty at the end of the stream."""
        assert self.process.stdout is not None
        due = time.monotonic() + PATIENCE
        while (end := self._unread.find(b"\n")) < 0:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0.0, due - time.monotonic()))
            assert ready, "the server said nothing"
            data = os.read(self.process.stdout.fileno(), 2**16)
            if not data:
                break
            self._unread += data
        line = bytes(self._unread[: end + 1] if end >= 0 else self._unread)
        del self._unread[: len(line)]
        return line

    def request(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a request and return its answer."""
        request_id = self.start(method, params)
        while (answer := self.read()).get("id") != request_id:
            assert "method" in answer, f"unexpected: {answer}"
        return answer

    def start(self, method: str, params: dict[str, Any] | None = None) -> int:
        """Send a request; return its id."""
        self._last_id += 1
        self.send({"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params or {}})
        return self._last_id

    def call(self, tool: str, **arguments: object) -> dict[str, Any]:
        """Call a tool and return its result."""
        answer = self.request("tools/call", {"name": tool, "arguments": arguments})
        assert "result" in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def start_call(self, tool: str, **arguments: object) -> int:
        """Call a tool; return when it runs."""
        request_id = self.start("tools/call", {"name": tool, "arguments": arguments})
        await_file(self.folder / "called")
        return request_id

    def handshake(self) -> Self:
        """Open a connection of the handshake era."""
        assert "result" in self.request("initialize", INITIALIZE)
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return self

    def url(self) -> str:
        """Where an HTTP server listens."""
        await_file(self.folder / "url")
        return (self.folder / "url").read_text()

    def close_stdin(self) -> None:
        """Be done with the server."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def status(self) -> int:
        """The exit status, when it has ended."""
        return self.process.wait(PATIENCE)

    def has(self, name: str) -> bool:
        """Whether it made a file."""
        return (self.folder / name).exists()

    def stderr(self) -> str:
        """What it wrote to stderr so far."""
        return (self.folder / "stderr").read_text()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            sys.stderr.write(self.stderr())
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self._errors):
            if stream is not None:
                stream.close()


def valid_object(line: bytes | str) -> dict[str, Any]:
    """The JSON object in a line, read as strictly as any parser would."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    value = json.loads(line, parse_constant=refuse)
    json.dumps(value, ensure_ascii=False).encode("utf-8")
    assert isinstance(value, dict)
    return value
