"""A booted box, seen from outside, whatever its supervisor is spoken to by."""

import asyncio
import contextlib
import errno
import os
import posixpath
import signal
import stat
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

import anyio
import anyio.to_thread

from runloop_mcp.api.errors import InvalidRequest, Unavailable
from runloop_mcp.devbox.port import (
    HOME,
    Command,
    Devbox,
    DevboxSpec,
    LimitHit,
    OutputSink,
    Process,
    Shell,
)

from .arguments import as_bytes, environment_bytes, start_failure
from .channel import OnAnswer
from .feed import Feed
from .files import file_failure
from .gate import Gate
from .launch import Refused
from .limits import NONE, LimitHits
from .process import SandboxProcess, Spawn
from .shell import SandboxShell

ENVIRONMENT: Mapping[str, str] = {
    "HOME": HOME,
    "SHELL": "/bin/bash",
    # Not LANG: the other categories of C.UTF-8 are those of C, and reading their files costs each bash 0.13 ms.
    "LC_CTYPE": "C.UTF-8",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
}
"""What every command of a box begins with, beside the name of its user."""

_ANSWER_SECONDS = 30.0
_KILL_SECONDS = 10.0
_SETTLE_SECONDS = 1.0
_MAX_FOUND = 64 << 20

Answer = tuple[str, int, int | None]


class Line(Protocol):
    """What a box's supervisor is spoken to by."""

    open: bool

    def send(self, request: Any, descriptors: Sequence[int] = ()) -> None:
        """Sends a request; the caller keeps its descriptors and can close them at once."""

    def close(self) -> None:
        """Closes this end, once."""


Connect = Callable[[OnAnswer, Callable[[], None]], Line]
"""Opens the line to a supervisor, given what takes its answers and what is called when it has closed."""


class SupervisedDevbox(Devbox, ABC):
    """A box whose supervisor answers on a line; made by its driver, which boots it."""

    guarded: ClassVar[Mapping[str, str]] = {}
    """Programs with a copy that nobody may read: the kernel lets nobody look into what runs such a one."""
    pipes = "/run/shells"
    """The directory in it where the pipes of its shells lie."""

    def __init__(self, devbox_id: str, spec: DevboxSpec, connect: Connect, spawn: Spawn) -> None:
        self.id = devbox_id
        self.spec = spec
        self.limits = LimitHits()
        """What it has run into."""
        self._spawn = spawn
        user = {"USER": spec.user.name, "LOGNAME": spec.user.name}
        self._environment = environment_bytes({**ENVIRONMENT, **user, **spec.environment})
        self._last_token = 0
        self._calls: dict[int, asyncio.Future[Answer]] = {}
        self._processes: dict[int, SandboxProcess] = {}
        self._unsettled: set[SandboxProcess] = set()
        self._shells = 0
        self._gone_fifos: list[bytes] = []
        self._ready: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._calls[0] = self._ready
        self._ended = anyio.Event()
        self._reason = ""
        self._gate = Gate()
        self._freezing = anyio.Lock()
        self._frozen = 0
        self._boot_failure = ""
        self._channel = connect(self._on_answer, self._on_closed)

    async def ready(self) -> None:
        """Waits until the supervisor stands in the box.

        Raises:
            Refused: It does not; the message says at which step it failed.
        """
        try:
            word, number, _ = await self._ready
        except Unavailable as error:
            raise Refused(0, "the supervisor ended while it started") from error
        if word != "ready":
            raise Refused(number, self._boot_failure)

    # What the supervisor says

    def _on_answer(self, word: str, token: int, number: int, text: str, descriptor: int | None) -> None:
        if word == "exit":
            self._on_exit(token, number)
        elif (call := self._calls.pop(token, None)) is not None and not call.done():
            self._boot_failure = text
            call.set_result((word, number, descriptor))
            return
        if descriptor is not None:
            os.close(descriptor)

    def _on_exit(self, token: int, code: int) -> None:
        process = self._processes.pop(token, None)
        if process is None:
            return
        hits = self.limits.since(process.began) if code else NONE
        process.ended(code, hits)
        if LimitHit.MEMORY in hits:
            self._spawn(self.free_shared_memory)  # what outlives its makers must not keep the next ones out

    async def free_shared_memory(self) -> None:
        """Frees memory that outlived the processes that made it, where a box can hold such."""

    def _on_closed(self) -> None:
        self._reason = self._reason or self._why_ended()
        for call in self._calls.values():
            if not call.done():
                call.set_exception(self._gone())
                call.exception()  # looked at: nobody may be waiting any more
        self._calls.clear()
        for process in list(self._processes.values()):
            process.ended(None, self.limits.since(process.began))
        self._processes.clear()
        self._ended.set()
        self._spawn(self._clean_up)

    def _why_ended(self) -> str:
        if self.limits.ever(LimitHit.MEMORY):
            return "It ran out of memory, and the kernel ended its supervisor."
        return "Its supervisor ended unexpectedly."

    @abstractmethod
    async def _clean_up(self) -> None:
        """Leaves nothing of an ended box but its disk; called at least once, maybe several times at once."""

    def _gone(self) -> Unavailable:
        return Unavailable(f"The devbox has ended. {self._reason}", hint="Resume it on its disk, or make a new one.")

    # Asking it

    async def _ask(self, operation: str, *arguments: Any, descriptors: Sequence[int] = ()) -> Answer:
        """Sends a request and waits for its answer, which holds a descriptor that the caller then owns."""
        _, call = self._send(operation, *arguments, descriptors=descriptors)
        try:
            with anyio.fail_after(_ANSWER_SECONDS):
                return await asyncio.shield(call)
        except TimeoutError as error:
            self.end("Its supervisor did not answer.")
            raise self._gone() from error
        except asyncio.CancelledError:
            call.add_done_callback(_close_unwanted)
            raise

    def _send(
        self, operation: str, *arguments: Any, descriptors: Sequence[int] = ()
    ) -> tuple[int, asyncio.Future[Answer]]:
        if not self.alive:
            raise self._gone()
        self._last_token += 1
        token = self._last_token
        call: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._calls[token] = call
        self._channel.send((operation, token, *arguments), descriptors)
        return token, call

    def _path(self, path: str) -> bytes:
        return as_bytes(posixpath.join(self.spec.working_directory, path))

    # Processes

    async def start(self, command: Command, *, stdout: OutputSink, stderr: OutputSink) -> Process:  # noqa: D102 - see the port
        async with self._gate.change():
            return await self._start(command, stdout, stderr)

    async def start_on_terminal(self, command: Command, *, stdout: OutputSink) -> SandboxProcess:
        """Starts a process whose standard error is a terminal, where nobody reads."""
        async with self._gate.change():
            return await self._start(command, stdout, _nowhere, terminal=True)

    async def _start(
        self, command: Command, stdout: OutputSink, stderr: OutputSink, *, terminal: bool = False
    ) -> SandboxProcess:
        if not command.argv:
            raise InvalidRequest("The command is empty.", hint="Give a program and its arguments.")
        if not self.alive:
            raise self._gone()
        directory = self._path(command.working_directory or self.spec.working_directory)
        argv = [as_bytes(argument) for argument in command.argv]
        environment = self._environment | environment_bytes(command.environment)
        token = self._last_token + 1
        process = SandboxProcess(lambda: self._kill(token), lambda: self._interrupt(token), self._spawn)
        try:
            program = self.guarded.get(command.argv[0], "") if command.guarded and self.spec.guards else ""
            what: tuple[Any, ...] = (argv, directory, environment)
            if terminal or program:
                what = (*what, terminal, as_bytes(program))
            call = self._send_start(process, command, what, stdout, stderr)
        except OSError as error:
            raise Unavailable(
                f"The process cannot be started: {error.strerror}.",
                hint="The server has too many files open; end other commands and try again.",
                retryable=True,
            ) from error
        # A bare timer, and no scope of its own: a command of a millisecond would feel it.
        deadline = call.get_loop().call_later(_ANSWER_SECONDS, _time_out, call)
        try:
            word, number, _ = await call
        except TimeoutError as error:
            self.end("Its supervisor did not answer.")
            raise self._gone() from error
        except asyncio.CancelledError:
            process.silence()
            self._spawn(process.kill)
            raise
        finally:
            deadline.cancel()
        if word != "started":
            self._processes.pop(token, None)
            process.abandon()
            raise start_failure(word, number, command, directory)
        if command.timeout_seconds is not None:
            process.limit(command.timeout_seconds)
        return process

    def _keep_count(self, process: SandboxProcess) -> None:
        self._unsettled.add(process)
        process.on_settled = lambda: self._unsettled.discard(process)

    async def settle(self) -> None:
        """Waits a moment until the output of all processes of an ended box is with the sinks."""
        with anyio.move_on_after(_SETTLE_SECONDS):
            while self._unsettled:
                await next(iter(self._unsettled)).settled()

    def _send_start(
        self,
        process: SandboxProcess,
        command: Command,
        what: tuple[Any, ...],
        stdout: OutputSink,
        stderr: OutputSink,
    ) -> asyncio.Future[Answer]:
        """Makes the pipes, sends the request with the box's ends and gives the others to the process."""
        data, attached = command.stdin, command.attach_stdin
        ends: list[int] = []
        try:
            for _ in range(3 if data or attached else 2):
                ends += os.pipe()
        except OSError:
            for end in ends:
                os.close(end)
            raise
        passed = [ends[1], ends[3], *ends[4:5]]
        token, call = self._send("start", *what, descriptors=passed)
        self._processes[token] = process
        for end in passed:
            os.close(end)
        feed = Feed(ends[5], data, attached=attached) if data or attached else None
        process.attach([(ends[0], stdout), (ends[2], stderr)], feed)
        self._keep_count(process)
        return call

    async def _kill(self, token: int) -> None:
        """Kills a process and all that it has started; ends the box where that does not work."""
        if token not in self._processes:
            return
        try:
            with anyio.fail_after(_KILL_SECONDS):
                process = self._processes[token]
                word, _, _ = await self._ask("kill", token)
                if word == "failed":  # what it has started outruns the supervisor, and must not outlive its time
                    self.end("A process could not be killed.")
                await process.exited()
        except TimeoutError:
            self.end("A process could not be killed.")
        except Unavailable:  # it ended meanwhile, and the process with it
            return

    async def _interrupt(self, token: int) -> None:
        """Sends SIGINT to the process group that a process began."""
        if token in self._processes:
            await self._ask("signal", token, signal.SIGINT.value)

    async def kill_all(self, limit: LimitHit) -> None:
        """Kills every process but the supervisor, because the box is beyond a limit."""
        self.limits.hit(limit)
        with contextlib.suppress(Unavailable):  # it has ended meanwhile, and they with it
            await self._ask("kill-all")

    async def open_shell(self, *, environment: Mapping[str, str]) -> Shell:  # noqa: D102 - see the port
        self._shells += 1
        return await SandboxShell.opened(self, self._shells, environment)

    def forget_fifos(self, *names: str) -> None:
        """Has the names of pipes deleted with the next request for one."""
        self._gone_fifos += map(as_bytes, names)

    def writing_end(self, descriptor: int) -> int:
        """Another end of a pipe that was made `both_ways`, which can only be written to; the caller owns it.

        Raises:
            OSError: This server has too many files open.
        """
        return os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)

    async def make_fifo(self, name: str, *, both_ways: bool) -> int:
        """Makes a pipe with a name in the box.

        Returns:
            A descriptor to read from it, and with `both_ways` to write to it; the caller owns it.

        Raises:
            Unavailable: It can't be made.
        """
        gone, self._gone_fifos = self._gone_fifos, []
        word, number, opened = await self._ask("fifo", as_bytes(name), both_ways, gone)
        if word == "opened" and opened is not None and stat.S_ISFIFO(os.fstat(opened).st_mode):
            return opened
        if opened is not None:
            os.close(opened)
        raise Unavailable(f"The shell gets no pipe for its command: {os.strerror(number or errno.EIO)}.")

    @contextlib.asynccontextmanager
    async def changing(self) -> AsyncIterator[None]:
        """A block in which the box may be changed; it is not frozen meanwhile."""
        async with self._gate.change():
            yield

    @property
    def spawn(self) -> Spawn:
        """Runs what must go on when nobody waits for it."""
        return self._spawn

    def note_process(self, process: SandboxProcess) -> None:
        """Has the box wait for a process's output when it ends."""
        self._keep_count(process)

    # Files

    async def remove_file(self, path: str) -> None:  # noqa: D102 - see the port
        async with self._gate.change():
            word, number, _ = await self._ask("remove", self._path(path))
        if word != "done":
            raise file_failure(number, path, "delete")

    async def find_files(self, names: Sequence[str], *, below: str, limit: int = 10_000) -> list[str]:  # noqa: D102 - see the port
        async with self._gate.change():  # a process of the box does it, which must not be stopped half way
            return await self._find_files(names, below, limit)

    async def _find_files(self, names: Sequence[str], below: str, limit: int) -> list[str]:
        found = bytearray()

        async def keep(data: bytes) -> None:
            if len(found) <= _MAX_FOUND:
                found.extend(data)

        if not self.alive:
            raise self._gone()
        wanted = [as_bytes(name) for name in names], self._path(below), limit
        results, passed = os.pipe()
        process = SandboxProcess(self.stop, self.stop, self._spawn)
        token, call = self._send("find", *wanted, descriptors=[passed])
        self._processes[token] = process
        os.close(passed)
        process.attach([(results, keep)], None)
        self._keep_count(process)
        try:
            with anyio.fail_after(_ANSWER_SECONDS):
                await asyncio.shield(call)
                ended = await process.wait()
        except TimeoutError as error:
            self.end("A search for files did not end.")
            raise self._gone() from error
        if ended.status != 0 or len(found) > _MAX_FOUND:
            raise Unavailable(
                f"The search below {below} was given up: the tree is too deep, too big or too slow to read.",
                hint=f"It may hold at most {limit} matches, and no path of more than 3,800 bytes.",
            )
        return sorted(os.fsdecode(path) for path in bytes(found).split(b"\0") if path)

    # The whole

    @contextlib.asynccontextmanager
    async def frozen(self) -> AsyncIterator[None]:  # noqa: D102 - see the port
        async with self._gate.closed(), self.halted():
            yield

    @contextlib.asynccontextmanager
    async def halted(self) -> AsyncIterator[None]:
        """A block at whose beginning every process stands still; unlike `frozen` it holds up nobody who starts more."""
        async with self._freezing:
            await self._freeze()  # again where it stands still already: more may have been started since
            self._frozen += 1
        try:
            yield
        finally:
            with anyio.CancelScope(shield=True):
                async with self._freezing:
                    self._frozen -= 1
                    if self._frozen == 0:
                        await self._thaw()

    async def _freeze(self) -> None:
        try:
            await self._ask("freeze")
        except BaseException:
            if self.alive:
                self._send("thaw")  # it may be on its way into the ice already; this follows it
            raise

    async def _thaw(self) -> None:
        if self.alive:
            with contextlib.suppress(Unavailable):  # it ended meanwhile: nothing is left to go on
                await self._ask("thaw")

    def end(self, reason: str) -> None:
        """Ends the box at once; returns before its last process is gone."""
        self._reason = self._reason or reason
        self._channel.close()

    async def stop(self) -> None:  # noqa: D102 - see the port
        self.end("It was stopped.")
        await self._clean_up()

    @property
    def alive(self) -> bool:  # noqa: D102 - see the port
        return self._channel.open

    async def wait_ended(self) -> str:  # noqa: D102 - see the port
        await self._ended.wait()
        return self._reason


async def _nowhere(_: bytes) -> None:
    """Takes what is for nobody."""


def _time_out(call: asyncio.Future[Answer]) -> None:
    if not call.done():
        call.set_exception(TimeoutError())


def _close_unwanted(call: asyncio.Future[Answer]) -> None:
    """Closes the descriptor that an answer brings after its asker has gone."""
    if not call.cancelled() and call.exception() is None and (descriptor := call.result()[2]) is not None:
        os.close(descriptor)
