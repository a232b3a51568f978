"""Starting a box, and the engine's side of the keeper that stays beside it."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio

from runloop_mcp.api.errors import Unavailable

from .channel import Channel

PYTHON = "/usr/bin/python3"
_BOOT_SECONDS = 30.0
_END_SECONDS = 10.0
_RUN = "import sys; sys.path.insert(0, sys.argv[1]); from inside.keeper import main; main()"


class Refused(Exception):
    """What the keeper or the supervisor could not do: `number` is the error's, the message says where."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number = number


class Keeper:
    """The process beside a box, from its start until it has been reaped.

    Args:
        code: The folder that holds its code; named relative to the next, because a box sees its supervisor's arguments.
        folder: The driver's folder, which it works in.
    """

    def __init__(self, code: Path, folder: Path) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                # Not in a thread: the kernel ends the child when the thread that made it ends.
                self._process = subprocess.Popen(
                    [PYTHON, "-I", "-S", "-c", _RUN, os.path.relpath(code, folder), str(theirs.fileno())],
                    env={},
                    cwd=folder,
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            except OSError as error:
                ours.close()
                raise Unavailable(
                    f"{PYTHON} cannot be started: {error.strerror}.", hint="Local devboxes need it; install python3."
                ) from error
        self.pid = self._process.pid
        self._loop = asyncio.get_running_loop()
        self._answers: asyncio.Queue[tuple[str, int, str] | None] = asyncio.Queue()
        self._turn = anyio.Lock()
        self._channel = Channel(ours, self._on_answer, lambda: self._answers.put_nowait(None))
        self._reaped: asyncio.Future[int] = self._loop.create_future()
        try:
            self._pidfd = os.pidfd_open(self.pid)
        except OSError:  # nobody would learn of its end
            self._channel.close()
            self._process.kill()
            self._process.wait()
            raise
        self._loop.add_reader(self._pidfd, self._reap)

    def _on_answer(self, word: str, token: int, number: int, text: str, descriptor: int | None) -> None:
        del token  # one question at a time
        if descriptor is not None:
            os.close(descriptor)
        self._answers.put_nowait((word, number, text))

    def _reap(self) -> None:
        status = self._process.poll()
        if status is None:
            return
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._reaped.set_result(status)

    async def request(self, request: Any, descriptors: Sequence[int] = ()) -> int:
        """Asks for one thing and waits until it is done; returns the number that it answers with.

        Raises:
            Refused: It could not be done.
            Unavailable: The keeper has ended.
        """
        async with self._turn:
            self._channel.send(request, descriptors)
            try:
                answer = await self._answers.get()
            except BaseException:
                self._channel.close()  # a late answer would be taken for the next one's; this ends the box
                raise
        if answer is None:
            self._answers.put_nowait(None)
            raise Unavailable("The devbox's keeper ended.", hint="Resume the devbox and try again.", retryable=True)
        word, number, text = answer
        if word == "failed":
            raise Refused(number, text)
        return number

    async def start(self, plan: dict[str, Any], descriptors: Sequence[int]) -> int:
        """Gives the keeper its plan and waits until it has made its namespaces; returns the box's pid 1 on the host."""
        with anyio.fail_after(_BOOT_SECONDS):
            return await self.request(plan, descriptors)

    async def end(self) -> None:
        """Ends the box and its keeper, and returns once no process of either is left."""
        self._channel.close()
        with anyio.CancelScope(shield=True):
            with anyio.move_on_after(_END_SECONDS):
                await asyncio.shield(self._reaped)
                return
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)
            await asyncio.shield(self._reaped)
