"""The agent of a Runloop devbox: that of a container on lines of text, started by a command of the API.

Its input and output pass through the API as text, and what was sent may be sent again. So the frames travel in lines:

    :<number> <base64>   frames; each side counts its lines from 1, and passes over those that it has had
    ~<number> <base64>   from the agent: likewise, compressed
    !<number> <turn>     to the agent: from now on speak through the pipe of this turn; the same back, as the last line
                         before it does. The API keeps all that an execution writes, up to a quota, so that the output
                         passes from one execution to the next.

It is no pid 1 and may have no right but the user's. So the processes of a command are found by who started them
(`family`, `warden`), and not by a label.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # see processes
import binascii
import errno
import os
import resource
import sys
import zlib

from runloop_mcp.devbox.docker.inside.agent import Agent
from runloop_mcp.devbox.docker.inside.streams import WINDOW, Input, Output
from runloop_mcp.devbox.runloop.inside import family, furnish, warden
from runloop_mcp.devbox.sandbox.inside import kernel, processes, trees

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_NAME = b"rlmcp-agent"
_OF_COMMANDS, _OWN = b"600", b"500"
_DEAF_TO = (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP, _signal.SIGQUIT)
_CHUNK = 256 << 10
_WORTH_SQUEEZING = 1024
_WINDOW = 2 << 20  # as the server has it (see `devbox`): it hears of us and we of it only so often


def main(received: bytes) -> NoReturn:
    """Never returns: the agent ends with its input, and everything that it has started with it.

    Args:
        received: What came behind the code.
    """
    requests, answers = os.dup(0), os.dup(1)
    null = os.open("/dev/null", os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.umask(0o022)
    sys.path[:] = []
    sys.meta_path[:] = []
    try:
        for number in _DEAF_TO:  # whoever ends programs by their names is not to end this one
            _signal.signal(number, _signal.SIG_IGN)
        family.be_called(_NAME)
        ends_first = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
        agent = RunloopAgent(requests, answers, ends_first)
        try:
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            del soft
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            kernel.set_dumpable(on=False)
            family.become_reaper()
        except OSError as error:
            agent.broken(error)
        else:
            agent.tell_path()
            agent.begin(received)
        agent.end_all()
    finally:
        os._exit(0)


class RunloopAgent(Agent):
    """Serves one server over lines of text."""

    def __init__(self, requests: int, answers: int, ends_first: int) -> None:
        super().__init__(requests, answers, 0, ends_first)
        self._lines = b""
        self._heard = 0
        """The number of the last line that was taken."""
        self._said = 0
        self._folder = b""
        self._limits: list[tuple[int, int]] = []
        self._commands: dict[int, int] = {}
        """A command's process id by its warden's."""
        self._operations |= {"begin": self._begin, "furnish": self._furnish}

    def tell_path(self) -> None:
        """Tells where programs are found here."""
        self._send(b"A", 0, b"path 0 0 " + os.environb.get(b"PATH", b"")[:3000])

    def begin(self, received: bytes) -> None:
        """Serves until the input ends; what was received with the code comes first."""
        self._take_lines(received)
        self.serve()

    def _heed_signals(self) -> None:
        _signal.signal(_signal.SIGCHLD, lambda _number, _frame: None)

    # Lines

    def _send(self, kind: bytes, number: int, data: bytes = b"") -> None:
        frame = kind + number.to_bytes(4, "big") + len(data).to_bytes(4, "big") + data
        mark = b":"
        if len(frame) > _WORTH_SQUEEZING:
            squeezed = zlib.compress(frame, 1)
            if len(squeezed) < len(frame):
                mark, frame = b"~", squeezed
        self._say(mark, binascii.b2a_base64(frame, newline=False))

    def _say(self, mark: bytes, text: bytes) -> None:
        self._said += 1
        line = mark + b"%d " % self._said + text + b"\n"
        while line:
            line = line[os.write(self._answers, line) :]

    def _receive(self) -> bool:
        data = os.read(self._requests, _CHUNK)
        if not data:
            return False
        self._take_lines(data)
        return True

    def _take_lines(self, data: bytes) -> None:
        *lines, self._lines = (self._lines + data).split(b"\n")
        for line in lines:
            number, _, text = line[1:].partition(b" ")
            if not number.isdigit() or int(number) <= self._heard:
                continue
            self._heard = int(number)
            if line[:1] == b":":
                self._take(binascii.a2b_base64(text))
            elif line[:1] == b"!":
                self._turn(text)

    def _turn(self, turn: bytes) -> None:
        """Goes on speaking through a pipe with a name, which somebody will read."""
        path = self._folder + b"/out-" + turn
        os.mkfifo(path, 0o600)
        # Both ways: then there is no wait for the reader, and no end before it comes.
        opened = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._say(b"!", turn)
        os.close(self._answers)
        self._answers = opened

    def _add(self, stream: Output | Input) -> Output | Input:
        if isinstance(stream, Output):
            stream.room += _WINDOW - WINDOW
        return super()._add(stream)

    # Processes

    def _begin(self, token: int, _: list[int], folder: bytes, limits: list[tuple[int, int]]) -> None:
        """Makes the agent's folder, and learns what commands are limited to."""
        _forget_those_before(folder)
        os.mkdir(folder, 0o700)
        self._folder, self._limits = folder, limits
        self._answer("done", token)

    def _start(
        self,
        token: int,
        descriptors: list[int],
        argv: list[bytes],
        directory: bytes,
        environment: dict[bytes, bytes],
        terminal: bool = False,
        program: bytes = b"",
    ) -> None:
        del program  # there are no guarded ones here
        standard_input = descriptors[2] if len(descriptors) > 2 else 0
        ours, theirs = os.openpty() if terminal else (-1, -1)
        streams = (standard_input, descriptors[0], theirs if terminal else descriptors[1])
        try:
            pid, command, failure = self._with_warden(warden.Order(argv, directory, environment, streams, self._limits))
        except OSError:
            if terminal:
                os.close(ours)
            raise
        finally:
            if terminal:
                os.close(theirs)
        if failure:
            if terminal:
                os.close(ours)
            missing, number = failure & warden.NO_DIRECTORY, failure & ~warden.NO_DIRECTORY
            self._answer("no-directory" if missing else "failed", token, number)
            return
        if terminal:
            self._terminals[pid] = ours
        self._tokens[pid] = token
        self._commands[pid] = command
        self._answer("started", token)

    def _with_warden(self, order: warden.Order) -> tuple[int, int, int]:
        self._be_ended(_OF_COMMANDS)  # handed on
        try:
            return warden.start(order)
        finally:
            self._be_ended(_OWN)

    def _be_ended(self, how_soon: bytes) -> None:
        """Says how soon the kernel ends this process, and what it starts then, where memory is short."""
        try:
            os.write(self._ends_first, how_soon)
        except OSError:  # it was started with more, which it may not undo
            pass

    def _reap(self) -> None:
        super()._reap()
        for pid, command in list(self._commands.items()):
            if pid in self._tokens:
                continue
            del self._commands[pid]
            if family.parent_of(command) == os.getpid():  # somebody has killed its warden
                for each in (*family.stop_all_below(command, ()), command):
                    processes.send_signal(each, _signal.SIGKILL)

    def _warden_of(self, token: int) -> int | None:
        return next((pid for pid, known in self._tokens.items() if known == token), None)

    def _kill(self, token: int, _: list[int], wanted: int) -> None:
        pid = self._warden_of(wanted)
        if pid is not None:
            members = family.stop_all_below(pid, ()) if pid in self._commands else {pid}
            command = self._commands.get(pid, pid)
            for each in members - {command}:
                processes.send_signal(each, _signal.SIGKILL)
            processes.send_signal(command, _signal.SIGKILL)
            processes.wait_gone({*members, pid}, self._reap)
            self._reap()
        self._hurry(wanted)
        self._answer("done", token)

    def _kill_all(self, token: int, _: list[int]) -> None:
        self.end_all()
        self._answer("done", token)

    def end_all(self) -> None:
        """Kills everything that was started here."""
        family.end_all_below(os.getpid(), self._reap)

    def _signal(self, token: int, _: list[int], wanted: int, number: int) -> None:
        pid = self._warden_of(wanted)
        if pid is not None and pid in self._commands:
            processes.signal_group(self._commands[pid], number)
        self._answer("done", token)

    def _find(self, token: int, descriptors: list[int], names: list[bytes], below: bytes, limit: int) -> None:
        def work() -> int:
            return processes.find(set(names), below, limit, descriptors[0])

        self._work(token, work)

    def _furnish(self, token: int, descriptors: list[int], steps: list[tuple[str, tuple[bytes, ...]]]) -> None:
        """Works on directories in a process of its own, which writes what went wrong to the server."""

        def work() -> int:
            return furnish.carry_out(steps, descriptors[0])

        self._work(token, work)

    def _work(self, token: int, work: furnish.Work) -> None:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                status = work()
            finally:
                os._exit(status)
        self._tokens[pid] = token
        self._answer("started", token)

    def _freeze(self, token: int, _: list[int]) -> None:
        if not self._stopped:
            self._still = processes.stopped()
        self._stopped |= family.stop_all_below(os.getpid(), self._commands.keys()) - self._still
        self._answer("done", token)

    def _thaw(self, token: int, _: list[int]) -> None:
        for pid in self._stopped:
            processes.send_signal(pid, _signal.SIGCONT)
        self._stopped.clear()
        self._answer("done", token)

    def _fifo(self, token: int, given: list[int], path: bytes, both_ways: bool, gone: list[bytes]) -> None:
        if not os.path.isdir(self._folder):
            raise OSError(errno.ENOENT, "the agent's folder was deleted")
        super()._fifo(token, given, path, both_ways, gone)


def _forget_those_before(folder: bytes) -> None:
    """Deletes the folders of agents that were here before."""
    parent, _, name = folder.rpartition(b"/")
    beginning = os.fsdecode(name.partition(b"-")[0] + b"-")
    here = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for old in os.listdir(here):
            if old.startswith(beginning):
                trees.remove(old, here)
    finally:
        os.close(here)
