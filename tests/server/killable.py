"""A real server process that a test may kill, spoken to in raw messages, and the processes that it leaves."""

import asyncio
import ctypes
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import anyio
from forked_python import OWN, ForkedProcess, address

_PR_SET_CHILD_SUBREAPER = 36
_PATIENCE_SECONDS = 60.0
_LINE_BYTES = 2**24
_INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


class Gone(Exception):
    """The server ended before it had answered: what was asked for may have happened or not."""


class Refused(Exception):
    """The server answered with an error."""


class _Forked:
    """A forked server, with what is used of a process of asyncio's."""

    def __init__(self, process: ForkedProcess) -> None:
        assert process.stdin is not None
        self._process = process
        self.pid = process.pid
        self.stdin = process.stdin
        self.stdout = asyncio.StreamReader(limit=_LINE_BYTES)

    async def begin(self) -> Self:
        """Begins to read what it says."""
        protocol = asyncio.StreamReaderProtocol(self.stdout)
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, self._process.stdout)
        return self

    @property
    def returncode(self) -> int | None:
        """Its exit status, if it has been waited for."""
        return self._process.returncode

    def send_signal(self, number: int) -> None:
        """Signals it."""
        self._process.send_signal(number)

    async def wait(self) -> int:
        """Its exit status, once it has ended."""
        if self.returncode is None:
            await anyio.wait_readable(self._process.told)
        return self._process.wait()


@dataclass
class Server:
    """One server process."""

    process: asyncio.subprocess.Process | _Forked
    _waiting: dict[int, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)
    _last_id: int = 0
    _reading: "asyncio.Task[None] | None" = None

    @classmethod
    async def started(cls, state: Path, pack: Path, log: Path, *before: str) -> Self:
        """A server that has answered the handshake; `before` is what its command line begins with."""
        options = ["serve", "--state-dir", str(state), "--scenarios", str(pack)]
        pipe, command = subprocess.PIPE, ["-m", "runloop_mcp", *options]
        process: asyncio.subprocess.Process | _Forked
        with log.open("ab") as errors:
            if before:
                process = await asyncio.create_subprocess_exec(
                    *before, sys.executable, *command, stdin=pipe, stdout=pipe, stderr=errors, limit=_LINE_BYTES
                )
            else:
                process = await _Forked(ForkedProcess(command, stdin=pipe, stdout=pipe, stderr=errors)).begin()
        server = cls(process)
        server._reading = asyncio.create_task(server._read())
        await server.request("initialize", _INITIALIZE)
        server._send({"method": "notifications/initialized"})
        return server

    @property
    def alive(self) -> bool:
        """Whether it still answers."""
        return self._reading is not None and not self._reading.done()

    async def call(self, tool: str, **arguments: Any) -> str:
        """Calls a tool and gives the text of its answer.

        Raises:
            Gone: The server ended first.
            Refused: The tool answered with an error.
        """
        answer = await self.request("tools/call", {"name": tool, "arguments": arguments})
        result = answer.get("result", {"isError": True, "content": [{"type": "text", "text": json.dumps(answer)}]})
        text = "\n".join(block.get("text", "") for block in result["content"])
        if result.get("isError"):
            raise Refused(text)
        return text

    async def request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Sends a request and gives its answer."""
        self._last_id += 1
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[self._last_id] = future
        self._send({"id": self._last_id, "method": method, "params": params})
        with anyio.fail_after(_PATIENCE_SECONDS):
            return await future

    def _send(self, message: dict[str, Any]) -> None:
        if not self.alive:
            raise Gone
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        except BrokenPipeError as error:  # it ended, and its last words are still being read
            raise Gone from error

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            if not line.endswith(b"\n"):
                break  # it was killed in the middle of a message
            message = json.loads(line)
            future = self._waiting.pop(message.get("id"), None)
            if future is not None and not future.done():
                future.set_result(message)
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(Gone())
                future.exception()  # looked at: its asker may have gone
        self._waiting.clear()

    async def end(self, number: signal.Signals | None) -> int:
        """Ends it by a signal, or by hanging up where that is None; gives its exit status."""
        assert self.process.stdin is not None
        if number is None:
            self.process.stdin.close()
        else:
            self.process.send_signal(number)
        with anyio.fail_after(_PATIENCE_SECONDS):
            status = await self.process.wait()
            if self._reading is not None:
                await self._reading
        self.process.stdin.close()
        return status


_others: set[int] = set()
"""Children that were there before, such as an engine of containers that other tests use."""


@asynccontextmanager
async def adopting_orphans() -> AsyncIterator[None]:
    """Processes whose parent ends become children of this one, so that none is overlooked."""
    address(OWN)  # what servers are forked from is no orphan
    _others.clear()
    _others.update(_children())
    set_option = ctypes.CDLL(None, use_errno=True).prctl
    assert set_option(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    try:
        yield
    finally:
        set_option(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


async def orphans_gone(*servers: Server) -> None:
    """Returns once this process has no more children than before, but these servers; fails where that never comes."""
    own = {server.process.pid for server in servers if server.process.returncode is None} | _others
    with anyio.fail_after(20):
        while left := _children() - own:
            for pid in left:
                _reap(pid)
            await anyio.sleep(0.005)


def _children() -> set[int]:
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that has ended meanwhile
            found.update(map(int, (task / "children").read_text().split()))
    return found


def _reap(pid: int) -> None:
    """Reaps one that was adopted and has ended; others are left to run."""
    with suppress(FileNotFoundError, ChildProcessError):
        if re.search(r"\) Z ", Path(f"/proc/{pid}/stat").read_text()):
            os.waitpid(pid, os.WNOHANG)


def mounts_below(folder: Path) -> list[str]:
    """What is mounted on this machine below a folder, or from it."""
    return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(folder) in line]


def control_groups_of(devbox_ids: set[str]) -> list[str]:
    """The control groups that are left of these devboxes."""
    names = {f"runloop-mcp-{devbox_id}" for devbox_id in devbox_ids}
    return [folder for folder, folders, _ in os.walk("/sys/fs/cgroup") if names & set(folders)]
