"""Pid 1 of a box: starts processes and opens files for the engine, with no right that the box's user has not.

It imports nothing after it has moved into the box, whose files may be a solver's. Requests come from the engine as
marshalled tuples, and are trusted. Answers are lines of plain words and numbers, because the engine trusts none.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # not signal, which imports enum: 3 ms
import _socket
import errno
import marshal
import os
import resource
import select
import stat
import sys

from . import kernel, observing, processes, root

TYPE_CHECKING = False  # importing typing to say so would cost the start 3 ms
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

_MAX_PACKET = 1 << 18
_KILL_ROUNDS = 3
_MAX_DESCRIPTORS = 8
_OF_PID_1, _OF_COMMANDS = b"500", b"600"
"""How soon the kernel ends a process when a box has no memory left: commands first, however little each has itself."""


def main(plan: dict[str, Any], channel: int, lock: int, keeper_alive: int) -> NoReturn:
    """Never returns: the process ends with its socket, its keeper or a failure that it tells the engine.

    Args:
        plan: What the box is made of.
        channel: The engine's socket.
        lock: Held open for as long as the box lives: whoever can lock it knows that the disk is free.
        keeper_alive: Reads as ended once the keeper has.
    """
    status = 1
    try:
        sock = _socket.socket(fileno=channel)
        try:
            ends_first = _move_in(plan, keeper_alive, {channel, lock})
        except BaseException as error:  # noqa: BLE001 - whatever it was, the one who waits must learn of it
            text = f"{type(error).__name__}: {error}".encode(errors="replace")[:2000]
            sock.send(b"broken 0 %d " % (getattr(error, "errno", 0) or 0) + text)
            os._exit(1)
        Supervisor(sock, plan["secret"], ends_first).serve()
        status = 0
    finally:
        os._exit(status)


def _move_in(plan: dict[str, Any], keeper_alive: int, kept: set[int]) -> int:
    """Builds the box around this process; returns a descriptor for how soon it is ended for memory."""
    kernel.die_with_parent()
    if select.select([keeper_alive], [], [], 0)[0]:  # end of file: the keeper died before this process asked to follow
        os._exit(1)
    kernel.unshare(kernel.CLONE_NEWNS)  # the keeper goes on seeing the host's files
    os.umask(0o022)
    root.build(plan)
    sys.path[:] = []
    sys.meta_path[:] = []
    _only_keep(kept)
    ends_first = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)  # not to be had once undumpable
    os.setsid()
    kernel.set_dumpable(on=False)
    kernel.drop_all_capabilities()
    for name, wanted in plan["limits"]:
        hard = resource.getrlimit(name)[1]
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(name, (limit, limit))
    kernel.install_filter(plan["filter"])
    kernel.label_children(0, plan["secret"])  # tried here, so that no command is ever started without
    return ends_first


def _only_keep(kept: set[int]) -> None:
    """Closes every descriptor but these and the three standard ones, which become /dev/null."""
    null = os.open("/dev/null", os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard, inheritable=False)
    for name in os.listdir("/proc/self/fd"):
        if (descriptor := int(name)) > 2 and descriptor not in kept:
            try:
                os.close(descriptor)
            except OSError as error:
                if error.errno != errno.EBADF:  # the listing's own
                    raise


class Supervisor:
    """Serves one engine, one request at a time; nothing that it does for one takes long."""

    def __init__(self, channel: _socket.socket, secret: int, ends_first: int) -> None:
        self._channel = channel
        self._secret = secret
        self._ends_first = ends_first
        self._proc_device = os.stat("/proc").st_dev
        self._tokens: dict[int, int] = {}
        """Which execution a running process is, by its process id."""
        self._terminals: dict[int, int] = {}
        """The other side of the terminal that a running process was given, by its process id."""
        self._still: set[int] = set()
        """What stood still before `freeze` came."""
        self._stopped: set[int] = set()
        """What `freeze` has stopped."""
        self._operations: dict[str, Callable[..., None]] = {
            "start": self._start,
            "kill": self._kill,
            "kill-all": self._kill_all,
            "signal": self._signal,
            "fifo": self._fifo,
            "read": self._read,
            "write": self._write,
            "remove": self._remove,
            "find": self._find,
            "observe": self._observe,
            "freeze": self._freeze,
            "thaw": self._thaw,
        }

    def serve(self) -> None:
        """Serves until the engine closes its end."""
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # for pid 1 that means to ignore it; Python's own would raise
        # Read and not handled: a handler would be run in the middle of waiting, which then begins again.
        _signal.pthread_sigmask(_signal.SIG_BLOCK, (_signal.SIGCHLD,))
        ended = kernel.signal_descriptor(_signal.SIGCHLD)
        poll = select.poll()
        poll.register(ended, select.POLLIN)
        poll.register(self._channel.fileno(), select.POLLIN)
        self._answer("ready", 0)
        requests = self._channel.fileno()
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == requests:
                    if not self._one_request():
                        return
                else:
                    try:
                        os.read(ended, 4096)
                    except BlockingIOError:
                        pass
            self._reap()

    def _one_request(self) -> bool:
        size = 4
        data, ancillary, _, _ = self._channel.recvmsg(
            _MAX_PACKET, _socket.CMSG_SPACE(_MAX_DESCRIPTORS * size), _socket.MSG_CMSG_CLOEXEC
        )
        if not data:
            return False
        descriptors = []
        for _, _, content in ancillary:
            descriptors += [int.from_bytes(content[i : i + size], sys.byteorder) for i in range(0, len(content), size)]
        try:
            if data == b"in memory":
                memory = descriptors.pop(0)
                data = _read_all(memory)
                os.close(memory)
            operation, token, *arguments = marshal.loads(data)  # noqa: S302 - from the engine, in the trusted direction
            try:
                self._operations[operation](token, descriptors, *arguments)
            except OSError as error:
                self._answer("failed", token, error.errno or errno.EIO)
            except Exception:  # noqa: BLE001 - one odd request must not end the box
                self._answer("failed", token, errno.EIO)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return True

    def _answer(self, word: str, token: int, number: int = 0, descriptor: int | None = None) -> None:
        packet = f"{word} {token} {number}".encode()
        if descriptor is None:
            self._channel.send(packet)
            return
        passed = descriptor.to_bytes(4, sys.byteorder, signed=True)
        self._channel.sendmsg([packet], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, passed)])

    def _reap(self) -> None:
        """Learns which processes have ended, orphans among them."""
        while True:
            try:
                ended, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if ended == 0:
                return
            if (terminal := self._terminals.pop(ended, None)) is not None:
                os.close(terminal)
            token = self._tokens.pop(ended, None)
            if token is not None:
                self._answer("exit", token, os.waitstatus_to_exitcode(status))

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
        standard_input = descriptors[2] if len(descriptors) > 2 else 0
        try:
            os.chdir(directory)
        except OSError as error:
            self._answer("no-directory", token, error.errno or errno.EIO)
            return
        kernel.label_children(token, self._secret)
        os.write(self._ends_first, _OF_COMMANDS)  # handed on
        try:
            if terminal:
                pid = self._spawn_on_terminal(argv, environment, standard_input, descriptors[0], descriptors[1])
            else:
                pid = processes.spawn(argv, environment, standard_input, descriptors[0], descriptors[1], program)
        finally:
            os.write(self._ends_first, _OF_PID_1)
        self._tokens[pid] = token
        self._answer("started", token)

    def _spawn_on_terminal(
        self, argv: list[bytes], environment: dict[bytes, bytes], stdin: int, stdout: int, stderr: int
    ) -> int:
        """With a terminal of its own as standard error, where there is one to be had; nobody reads what it says there.

        An interactive shell wants one to set its modes, and would complain to its commands' standard error.
        """
        try:
            ours, theirs = os.openpty()
        except OSError:
            return processes.spawn(argv, environment, stdin, stdout, stderr)
        try:
            pid = processes.spawn(argv, environment, stdin, stdout, theirs)
        except OSError:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        self._terminals[pid] = ours
        return pid

    def _kill(self, token: int, _: list[int], wanted: int) -> None:
        first = next((pid for pid, known in self._tokens.items() if known == wanted), None)
        if first is not None:
            # Looked at again afterwards: on a busy machine a chain of forks can pass a stop that it was not part of.
            for _round in range(_KILL_ROUNDS):
                killed = processes.kill_all_of(wanted, first)
                processes.wait_gone(killed, self._reap)
                if not processes.any_left(wanted):
                    break
            else:
                if processes.outran(wanted):
                    self._answer("failed", token, errno.EBUSY)
                    return
        self._answer("done", token)

    def _kill_all(self, token: int, _: list[int]) -> None:
        try:
            os.kill(-1, _signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._answer("done", token)

    def _signal(self, token: int, _: list[int], wanted: int, number: int) -> None:
        first = next((pid for pid, known in self._tokens.items() if known == wanted), None)
        if first is not None:
            processes.signal_group(first, number)
        self._answer("done", token)

    def _fifo(self, token: int, _: list[int], path: bytes, both_ways: bool, gone: list[bytes]) -> None:
        """Makes a pipe with a name, so that a process that runs can open it, and passes its reading end out.

        With `both_ways` that end is a writing one as well: whoever reads from the pipe then need not wait for it.
        """
        for name in gone:
            try:
                os.unlink(name)
            except OSError:
                pass
        os.mkfifo(path, 0o600)
        way = os.O_RDWR if both_ways else os.O_RDONLY
        opened = os.open(path, way | os.O_NONBLOCK | os.O_NOFOLLOW)
        try:
            self._answer("opened", token, 0, opened)
        finally:
            os.close(opened)

    def _read(self, token: int, _: list[int], path: bytes) -> None:
        self._pass_out(token, os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY))

    def _write(self, token: int, _: list[int], path: bytes) -> None:
        make_directories(os.path.dirname(path))
        flags = os.O_NONBLOCK | os.O_NOCTTY
        try:
            opened, existed = os.open(path, os.O_WRONLY | flags), 1
        except FileNotFoundError:
            opened, existed = os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o644), 0
        self._pass_out(token, opened, existed)

    def _pass_out(self, token: int, opened: int, number: int = 0) -> None:
        try:
            about = os.fstat(opened)
            if stat.S_ISDIR(about.st_mode):
                self._answer("failed", token, errno.EISDIR)
            elif not stat.S_ISREG(about.st_mode) or about.st_dev == self._proc_device:
                self._answer("failed", token, errno.ENXIO)
            else:
                self._answer("opened", token, number, opened)
        finally:
            os.close(opened)

    def _remove(self, token: int, _: list[int], path: bytes) -> None:
        try:
            os.unlink(path)
        except (FileNotFoundError, NotADirectoryError):
            pass
        self._answer("done", token)

    def _find(self, token: int, descriptors: list[int], names: list[bytes], below: bytes, limit: int) -> None:
        """Searches in a process of its own, which writes what it finds to a descriptor of the engine's."""
        kernel.label_children(token, self._secret)
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                status = processes.find(set(names), below, limit, descriptors[0])
            finally:
                os._exit(status)
        self._tokens[pid] = token
        self._answer("started", token)

    def _observe(self, token: int, descriptors: list[int]) -> None:
        """Writes what runs and what was tried over the network to a file of the engine's."""
        observing.write(descriptors[0], observing.going_on())
        self._answer("done", token)

    def _freeze(self, token: int, _: list[int]) -> None:
        if not self._stopped:
            self._still = processes.stopped()
        self._stopped |= processes.freeze()
        self._answer("done", token)

    def _thaw(self, token: int, _: list[int]) -> None:
        # One that was being born when all were stopped is among those that stand still now, and was on no list.
        for pid in self._stopped | (processes.stopped() - self._still):
            processes.send_signal(pid, _signal.SIGCONT)
        self._stopped.clear()
        self._answer("done", token)


def make_directories(path: bytes) -> None:
    """Makes a directory and those that it needs; what comes in between is for whoever opens a file there to find."""
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for directory in reversed(missing):
        try:
            os.mkdir(directory)
        except FileExistsError:  # by someone else meanwhile, or a file: then opening tells
            pass


def _read_all(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, size, 0)
