"""A bash in a box that stays: what it is told, and how the end of a command is known.

The shell reads what it is to do from its standard input and tells of it on a descriptor of its own. Each command gets
its streams by name, from pipes that the supervisor makes; while it runs, that descriptor is closed to it, so that
nothing that it prints is taken for its end. The shell is interactive, so that mistakes and interrupts lead back to the
next line; its commands see no terminal.
"""

import contextlib
import os
import posixpath
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from runloop_mcp.api.errors import Conflict, InvalidRequest, Unavailable
from runloop_mcp.devbox.port import Command, OutputSink, Process, Shell, ShellCommand

from .arguments import as_bytes
from .feed import Feed
from .process import SandboxProcess

if TYPE_CHECKING:
    from .supervised import SupervisedDevbox

_BASH = ("bash", "--norc", "--noprofile", "--noediting", "-i")
_REPORTS = 29  # below the least limit on open files, above what scripts and bash itself choose
_BEGIN = f"exec {_REPORTS}>&1 1>/dev/null 2>&1; PS1= PS2=; unset MAILCHECK; set +H +o history\n"
_OUTPUTS = 2
_ASK_AGAIN_SECONDS = 0.2
_MOST_HEARD = 4096
_LONGEST = 40
_MOST_TEXT = 128 << 10  # as much as a command without a shell may have


@dataclass(frozen=True, slots=True)
class _Pipe:
    """A stream of a command."""

    name: str
    """In the box."""
    end: int
    """Ours."""


@dataclass(slots=True)
class _Current:
    """The command that runs."""

    number: int
    process: SandboxProcess
    begun: anyio.Event
    stdin: Feed | None
    names: list[str]
    """Of its pipes."""


class SandboxShell(Shell):
    """A shell of a box; made by `opened`."""

    def __init__(self, box: "SupervisedDevbox", number: int) -> None:
        self._box = box
        self._name = f"{box.pipes}/{number}"
        self._bash: SandboxProcess
        self._heard = bytearray()
        self._current: _Current | None = None
        self._starting = False
        self._commands = 0
        self._last_status = 0
        self._made = 0
        self._making = anyio.Lock()
        self._spare: list[_Pipe] = []
        """The next command's outputs."""

    @classmethod
    async def opened(cls, box: "SupervisedDevbox", number: int, environment: Mapping[str, str]) -> "SandboxShell":
        """Opens one; `number` tells it apart from the box's others."""
        shell = cls(box, number)
        command = Command(_BASH, environment=environment, stdin=_BEGIN.encode(), attach_stdin=True)
        shell._bash = await box.start_on_terminal(command, stdout=shell._hear)
        box.spawn(shell._see_to_the_end)
        return shell

    @property
    def alive(self) -> bool:  # noqa: D102 - see the port
        return self._box.alive and self._bash.running

    async def start(self, command: ShellCommand, *, stdout: OutputSink, stderr: OutputSink) -> Process:  # noqa: D102 - see the port
        if self._current is not None or self._starting:
            raise Conflict("A command runs in this shell.", hint="Wait for its end, or use another shell.")
        prefix, text = self._prefix(command), as_bytes(command.text)
        if len(text) > _MOST_TEXT:
            raise InvalidRequest(
                f"The command has {len(text)} bytes, and a shell takes at most {_MOST_TEXT}.",
                hint="Write it into a file and run that.",
            )
        self._starting = True
        try:
            async with self._box.changing():
                pipes = await self._outputs()
                try:
                    pipes += await self._input(command)
                except BaseException:
                    self._drop(pipes)
                    raise
                current = self._begin(command, pipes, stdout, stderr)
                await self._bash.send_stdin(self._lines(command, prefix, pipes))
        finally:
            self._starting = False
        if command.timeout_seconds is not None:
            current.process.limit(command.timeout_seconds)
        self._box.spawn(self._prepare)
        return current.process

    def _begin(self, command: ShellCommand, pipes: list[_Pipe], stdout: OutputSink, stderr: OutputSink) -> _Current:
        """Takes over a command's pipes, and makes it the one that runs."""
        stdin = None
        if len(pipes) > _OUTPUTS:
            stdin = Feed(pipes[_OUTPUTS].end, command.stdin, attached=command.attach_stdin, held=True)
        process = SandboxProcess(self._bash.kill, self._interrupt, self._box.spawn)
        process.attach([(pipes[0].end, stdout), (pipes[1].end, stderr)], stdin)
        if not self.alive:
            process.abandon()
            raise Unavailable("The shell has ended.", hint="Open another.", retryable=True)
        self._box.note_process(process)
        self._commands += 1
        current = self._current = _Current(self._commands, process, anyio.Event(), stdin, [pipe.name for pipe in pipes])
        return current

    # What the shell is told

    def _prefix(self, command: ShellCommand) -> str:
        """What goes before the command: where to be, and its variables."""
        for name in command.environment:
            if not name.isidentifier() or not name.isascii():
                raise InvalidRequest(f"{name!r} is no variable of a shell.", hint="Letters, digits and _ make a name.")
        variables = "".join(f"{name}={shlex.quote(value)} " for name, value in command.environment.items())
        if command.working_directory is None:
            # What `$?` is, bash forgets over our own lines.
            status = self._last_status
            before = f"_() {{ \\builtin unset -f _; \\builtin return {status}; }}; _ || " if status else ""
        else:
            place = posixpath.join(self._box.spec.working_directory, command.working_directory)
            before = f"\\builtin cd -- {shlex.quote(place)} && "
        return before + variables

    def _lines(self, command: ShellCommand, prefix: str, pipes: list[_Pipe]) -> bytes:
        number, (out, err, *given) = self._commands, [pipe.name for pipe in pipes]
        opened = f"\\builtin printf '\\no {number} 0\\n' >&{_REPORTS}; " if given else ""
        # A variable before `builtin` would last for the first command of the text only.
        call = "\\eval" if command.environment else "\\builtin eval"
        work = f"{prefix}{call} {shlex.quote(command.text)}"
        return os.fsencode(
            f"\\builtin printf '\\nb {number} 0\\n' >&{_REPORTS}; {{ {opened}{{ {work}; }} {_REPORTS}>&-; }}"
            f" <{given[0] if given else '/dev/null'} >{out} 2>{err}\n\n{self._report()}"
        )

    def _report(self) -> str:
        """Has the shell tell how the command ended.

        In a line of its own, which an interrupt of the command leaves; and told on a new line, whatever a command that
        found the descriptor has left there.
        """
        return f"\\builtin printf '\\ns {self._commands} %d\\n' \"$?\" >&{_REPORTS}\n"

    async def _interrupt(self) -> None:
        current = self._current
        if current is None:
            return
        await current.begun.wait()  # before, the interrupt would hit the shell while it reads the command
        await self._bash.interrupt()
        with anyio.move_on_after(_ASK_AGAIN_SECONDS):
            await current.process.exited()
        if self._current is current and self.alive:
            # A command that ended by itself at that moment: the interrupt then hit the line that tells of it.
            await self._bash.send_stdin(f"\n\n{self._report()}".encode())

    # What it tells

    async def _hear(self, data: bytes) -> None:
        self._heard += data
        *lines, rest = self._heard.split(b"\n")
        self._heard = rest[-_MOST_HEARD:]
        for line in lines:
            match line.split(b" "):
                case [word, number, status] if len(line) < _LONGEST and number.isdigit() and status.isdigit():
                    if self._current is not None and self._current.number == int(number):
                        self._told(self._current, word, int(status))
                case _:  # a command has found the descriptor, and writes nonsense there
                    continue

    def _told(self, current: _Current, word: bytes | bytearray, status: int) -> None:
        current.begun.set()
        if word == b"o" and current.stdin is not None:
            self._connect(current.stdin)
        elif word == b"s":
            self._last_status = status & 0xFF
            self._end(current, self._last_status)

    def _connect(self, stdin: Feed) -> None:
        """The shell has opened the pipe for reading: from now on our end only writes, so that it can be ended."""
        if stdin.descriptor is None:
            return
        try:
            end = self._box.writing_end(stdin.descriptor)
        except OSError:  # this server has too many files open: better no input than one without an end
            stdin.close()
        else:
            stdin.reader_came(end)

    def _end(self, current: _Current, code: int | None) -> None:
        self._current = None
        current.begun.set()
        self._box.forget_fifos(*current.names)
        began = current.process.began
        current.process.ended(code, self._box.limits.since(began) if code else frozenset())

    async def _see_to_the_end(self) -> None:
        """Ends the command that runs when the shell does."""
        ended = await self._bash.wait()
        if (current := self._current) is not None:
            code = None if ended.lost else -ended.signal if ended.signal else ended.status
            self._end(current, code)
        async with self._making:
            self._drop(self._spare)
            self._spare = []

    # Its pipes

    async def _outputs(self) -> list[_Pipe]:
        async with self._making:
            pipes, self._spare = self._spare, []
            return pipes or await self._make_outputs()

    async def _input(self, command: ShellCommand) -> list[_Pipe]:
        if not command.stdin and not command.attach_stdin:
            return []
        return [await self._make(both_ways=True)]

    async def _prepare(self) -> None:
        """Makes the next command's outputs while this one runs."""
        async with self._making:
            if not self._spare and self.alive:
                with contextlib.suppress(Unavailable):  # whoever wants to run the next command is told
                    self._spare = await self._make_outputs()

    async def _make_outputs(self) -> list[_Pipe]:
        pipes: list[_Pipe] = []
        try:
            for _ in range(_OUTPUTS):
                pipes.append(await self._make())  # noqa: PERF401 - those made before one that fails are to be closed
        except BaseException:
            self._drop(pipes)
            raise
        return pipes

    async def _make(self, *, both_ways: bool = False) -> _Pipe:
        self._made += 1
        name = f"{self._name}-{self._made}"
        return _Pipe(name, await self._box.make_fifo(name, both_ways=both_ways))

    def _drop(self, pipes: list[_Pipe]) -> None:
        self._box.forget_fifos(*(pipe.name for pipe in pipes))
        for pipe in pipes:
            os.close(pipe.end)

    async def close(self) -> None:  # noqa: D102 - see the port
        await self._bash.kill()
