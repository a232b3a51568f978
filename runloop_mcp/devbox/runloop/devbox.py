"""A devbox of the Runloop API, seen from outside."""

import errno
import os
import resource
from collections.abc import Sequence

import anyio

from runloop_mcp.api.errors import ApiError, InvalidRequest, Unavailable
from runloop_mcp.devbox.docker.agent_devbox import AgentDevbox
from runloop_mcp.devbox.port import DevboxSpec, Limits
from runloop_mcp.devbox.sandbox.arguments import as_bytes
from runloop_mcp.devbox.sandbox.process import SandboxProcess, Spawn

from .ending import DevboxEnd
from .line import Line

Step = tuple[str, tuple[str, ...]]
"""What is to be done with a directory; `inside/furnish.py` says which there are."""

_FURNISH_SECONDS = 600.0
_LEAST_OPEN_FILES = 32
_AGENTS = 4
"""How many processes a command needs beside those that it starts: the agent, its warden, and what the API has."""
_FULL = (errno.ENOSPC, errno.EDQUOT)
_MOST_SAID = 4096
_WINDOW = 2 << 20  # as the agent has it


class RunloopDevbox(AgentDevbox):
    """A devbox whose agent answers on a line through the API.

    Args:
        devbox_id: Its id here.
        spec: What it is made of.
        folder: The agent's folder in it.
        line: The line to its agent, owned from now on.
        end: Sees to its end.
        spawn: Runs what must go on when nobody waits.
    """

    def __init__(self, devbox_id: str, spec: DevboxSpec, folder: str, line: Line, end: DevboxEnd, spawn: Spawn) -> None:
        self.pipes = self.folder = folder
        self._line = line
        self._end_of_devbox = end
        super().__init__(devbox_id, spec, line, spawn, window=_WINDOW)
        spawn(line.write_on)

    def _on_answer(self, word: str, token: int, number: int, text: str, descriptor: int | None) -> None:
        if word == "path":
            if text and "PATH" not in self.spec.environment:
                self._environment = self._environment | {b"PATH": os.fsencode(text)}
            return
        super()._on_answer(word, token, number, text, descriptor)

    async def begin(self) -> None:
        """Waits for the agent, and tells it what it has to know.

        Raises:
            Refused: It does not stand.
            Unavailable: It ended, or can't work here.
        """
        await self.ready()
        word, number, _ = await self._ask("begin", as_bytes(self.folder), _limits(self.spec.limits))
        if word != "done":
            raise Unavailable(f"The devbox's agent can't work there: {os.strerror(number)}.", hint="Make another.")

    async def furnish(self, steps: Sequence[Step]) -> None:
        """Works on directories in it, also while it is frozen.

        Raises:
            InvalidRequest: The devbox's user may not do that.
            Unavailable: Its disk is full, or it has ended.
        """
        if not steps:
            return
        said = bytearray()

        async def keep(data: bytes) -> None:
            said.extend(data[: max(0, _MOST_SAID - len(said))])

        if not self.alive:
            raise self._gone()
        told = [(name, tuple(as_bytes(argument) for argument in arguments)) for name, arguments in steps]
        results, passed = os.pipe()
        process = SandboxProcess(self.stop, self.stop, self._spawn)
        token, call = self._send("furnish", told, descriptors=[passed])
        self._processes[token] = process
        os.close(passed)
        process.attach([(results, keep)], None)
        self._keep_count(process)
        try:
            with anyio.fail_after(_FURNISH_SECONDS):
                await call
                ended = await process.wait()
        except TimeoutError as error:
            self.end("Work on its directories did not end.")
            raise self._gone() from error
        if ended.lost:
            raise self._gone()
        if ended.status != 0:
            raise _failure(ended.status, said.decode(errors="replace"))

    def leave(self) -> None:
        """Has its end do nothing more for it, because it is shut down next."""
        self._end_of_devbox.going = True

    def _why_ended(self) -> str:
        return self._line.why or "Its agent ended unexpectedly."

    async def _clean_up(self) -> None:
        await self._end_of_devbox.end()


def _limits(limits: Limits) -> list[tuple[int, int]]:
    """What every command is limited to by itself; the devbox's size sees to the rest."""
    told = [(resource.RLIMIT_CORE, 0)]
    if limits.open_files is not None:
        told.append((resource.RLIMIT_NOFILE, max(_LEAST_OPEN_FILES, limits.open_files)))
    if limits.processes is not None:
        told.append((resource.RLIMIT_NPROC, limits.processes + _AGENTS))
    return told


def _failure(number: int, what: str) -> ApiError:
    if number in _FULL:
        return Unavailable(f"The devbox's disk is full ({what}).", hint="Ask for a bigger size.")
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return InvalidRequest(
            f"The devbox's user may not do what it takes ({what}).",
            hint="Use directories below /home/user, or an image whose user may use sudo.",
        )
    return Unavailable(
        f"The devbox's directories can't be laid out ({what or os.strerror(number)}).", hint="Try again."
    )
