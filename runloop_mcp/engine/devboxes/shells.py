"""Named shells of a devbox: begun when they are first named; in each, one command after the other."""

import time
from dataclasses import replace

import anyio

from runloop_mcp.api.errors import ApiError, Conflict, InvalidRequest, InvalidState
from runloop_mcp.api.models.devbox import ExecutionStatus
from runloop_mcp.devbox.port import Devbox, Exit, OutputSink, Process, Shell, ShellCommand

MOST_SHELLS = 32
"""How many shells of a devbox may run at once."""

_LONGEST_NAME = 100
_WHAT_IS_GONE = "its directory, variables, functions and background processes are gone"
_NEVER_RAN = "It was still waiting for its turn in the shell, and never ran."
_ENDED_BEFORE = (
    "The devbox ended before this command had its turn in the shell, so it never ran; its exit status is 137."
)


class NamedShell:
    """One name: its shell, where one runs, and the turn that its commands take."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.turn = anyio.Lock()
        self.asked = 0
        """How many commands run in it or wait for their turn."""
        self.shell: Shell | None = None
        self.was_there = False
        """Whether there was a shell of this name before."""

    @property
    def alive(self) -> bool:
        """Whether a shell of this name runs."""
        return self.shell is not None and self.shell.alive

    def as_first(self, command: ShellCommand, begins_in: str | None) -> ShellCommand:
        """The command as it runs in this shell now: the first one of a shell says where that begins."""
        if self.alive or command.working_directory is not None or begins_in is None:
            return command
        return replace(command, working_directory=begins_in)

    async def running(self, box: Devbox, environment: dict[str, str], notes: list[str]) -> Shell:
        """The shell; begun where none runs, and told of where that is news."""
        if self.shell is None or not self.shell.alive:
            if self.was_there:
                notes.append(f"The shell {self.name!r} had ended and was begun afresh: {_WHAT_IS_GONE}.")
            self.shell = await box.open_shell(environment=environment)
            self.was_there = True
        return self.shell


class Shells:
    """The named shells of one devbox."""

    def __init__(self) -> None:
        self._named: dict[str, NamedShell] = {}

    def remember(self, names: list[str]) -> None:
        """Learns of shells that there were before, on another server: they have ended with their devbox."""
        for name in names:
            self._named.setdefault(name, NamedShell(name)).was_there = True

    def named(self, name: str) -> NamedShell:
        """The shell of this name.

        Raises:
            InvalidRequest: It can't be a name.
            InvalidState: There are too many.
        """
        known = self._named.get(name)
        if known is None:
            if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
                raise InvalidRequest(
                    f"{name[:_LONGEST_NAME]!r} is no name of a shell.",
                    hint=f"A name has 1 to {_LONGEST_NAME} printable characters.",
                )
            known = NamedShell(name)
        others = sum(shell.alive or shell.asked > 0 for shell in self._named.values() if shell is not known)
        if others >= MOST_SHELLS:
            raise InvalidState(
                f"{MOST_SHELLS} shells run on this devbox already.",
                hint="Use one of them, or end one with the command `exit`.",
            )
        return self._named.setdefault(name, known)


class ShellTurn(Process):
    """A command of a named shell, from the moment that it is asked for: it waits for its turn, and then it runs.

    Args:
        named: The shell.
        box: The devbox.
        environment: Variables of the shell, where it has to be begun.
        command: What to run.
        begins_in: Where the shell begins, where it has to be begun; None: in the devbox's working directory.
    """

    def __init__(
        self,
        named: NamedShell,
        box: Devbox,
        environment: dict[str, str],
        command: ShellCommand,
        *,
        begins_in: str | None = None,
    ) -> None:
        named.asked += 1
        self.notes: list[str] = []
        """What the command's caller should be told."""
        self._named = named
        self._box = box
        self._environment = environment
        self._command = command
        self._begins_in = begins_in
        self._scope = anyio.CancelScope()
        self._process: Process | None = None
        self._failure: ApiError | None = None
        self._interrupted = False
        self._exit = Exit(137, lost=True)
        self._settled = anyio.Event()
        self._ended = anyio.Event()
        self.began: float | None = None
        """When it began to run, by the clock of the event loop."""

    @property
    def status(self) -> ExecutionStatus:
        """How it stands, until its end is kept."""
        return ExecutionStatus.QUEUED if self.began is None else ExecutionStatus.RUNNING

    async def carry_out(self, stdout: OutputSink, stderr: OutputSink) -> None:
        """Runs it in its turn, to its end; for a task that outlives the caller."""
        try:
            with self._scope:
                async with self._named.turn:
                    await self._run(stdout, stderr)
            if self._scope.cancelled_caught:
                self.notes.append(_NEVER_RAN)
                self._exit = Exit(130, signal=2) if self._interrupted else Exit(137, signal=9)
        except ApiError as error:
            self._failure = error
            self.notes.append(_ENDED_BEFORE if not self._box.alive else f"This command never ran: {error}")
        finally:
            self._named.asked -= 1
            self._settled.set()
            self._ended.set()

    async def _run(self, stdout: OutputSink, stderr: OutputSink) -> None:
        command = self._named.as_first(self._command, self._begins_in)
        shell = await self._named.running(self._box, self._environment, self.notes)
        self._process = await shell.start(command, stdout=stdout, stderr=stderr)
        self.began = time.monotonic()
        self._settled.set()
        self._exit = await self._process.wait()
        if not shell.alive and not self._exit.lost:
            self.notes.append(
                f"The shell {self._named.name!r} ended with this command: {_WHAT_IS_GONE}. The next command with this"
                f" name begins a fresh one in {self._begins_in or self._box.spec.working_directory}."
            )

    async def begun(self) -> None:
        """Returns once it runs or has ended.

        Raises:
            ApiError: It could not be started.
        """
        await self._settled.wait()
        if self._failure is not None:
            raise self._failure

    async def wait(self) -> Exit:
        """See `Process.wait`."""
        await self._ended.wait()
        return self._exit

    async def kill(self) -> None:
        """See `Process.kill`; what waits for its turn is not run."""
        if self._process is not None:
            await self._process.kill()
        else:
            self._scope.cancel()
        await self._ended.wait()

    async def send_stdin(self, data: bytes) -> None:
        """See `Process.send_stdin`."""
        await self._begun().send_stdin(data)

    async def end_stdin(self) -> None:
        """See `Process.end_stdin`."""
        await self._begun().end_stdin()

    async def interrupt(self) -> None:
        """See `Process.interrupt`; what waits for its turn is not run."""
        if self._process is not None:
            await self._process.interrupt()
        elif self._ended.is_set():
            raise InvalidState("The command has ended.", hint="Its output can be read.")
        else:
            self._interrupted = True
            self._scope.cancel()
            await self._ended.wait()

    def _begun(self) -> Process:
        if self._process is None:
            raise Conflict("The command still waits for its turn in the shell.", hint="Send it later.", retry_after=1)
        return self._process
