"""The processes of a box, as its pid 1 sees them: starting, finding, stopping and ending them.

All that a command has started is found by its label, which the kernel hands on to every child and which no process of a
box can change: not by forking twice, not in a session of its own, not by clearing its environment.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # not signal, which imports enum: 3 ms
import errno
import os
import resource
import stat
import time

from . import kernel

TYPE_CHECKING = False  # importing typing to say so would cost the start 3 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_DEFAULT_PATH = b"/usr/local/bin:/usr/bin:/bin"
_ROUNDS = 200
_FREEZE_SECONDS = 2.0
_GONE_SECONDS = 3.0
_FIND_SECONDS = 10.0
_MAX_PATH = 4096
# Python's own two, and those that a server may have been started without, as by nohup or in the background.
_TO_DEFAULT = (
    _signal.SIGPIPE, _signal.SIGXFSZ, _signal.SIGHUP, _signal.SIGINT, _signal.SIGQUIT, _signal.SIGTERM,
)  # fmt: skip
_BEGAN = 19
_STOPPED = (b"T", b"t")
_MASKS = (b"SigBlk", b"SigIgn", b"SigCgt")
_DEAF, _IGNORES, _HEARS = range(3)
_LOOKS_ALONE = 20
_CALM_SECONDS = 0.5
_YOUNG_SECONDS = 0.03
_TICKS = os.sysconf("SC_CLK_TCK")
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK


def spawn(
    argv: list[bytes], environment: dict[bytes, bytes], stdin: int, stdout: int, stderr: int, program: bytes = b""
) -> int:
    """Starts a program in the current directory and a session of its own; returns its process id.

    It is the one that the first argument names, unless another is given that is there.
    """
    if not program or not os.access(program, os.X_OK):
        program = _find_program(argv[0], environment.get(b"PATH", _DEFAULT_PATH))
    actions = [(os.POSIX_SPAWN_DUP2, stdin, 0), (os.POSIX_SPAWN_DUP2, stdout, 1), (os.POSIX_SPAWN_DUP2, stderr, 2)]
    try:
        return _spawn(program, argv, environment, actions)
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
    return _spawn(b"/bin/sh", [b"sh", program, *argv[1:]], environment, actions)  # a script that names no interpreter


def _spawn(
    program: bytes, argv: list[bytes], environment: dict[bytes, bytes], actions: list[tuple[int, int, int]]
) -> int:
    return os.posix_spawn(
        program, argv, environment, file_actions=actions, setsid=True, setsigmask=(), setsigdef=_TO_DEFAULT
    )


def _find_program(name: bytes, path: bytes) -> bytes:
    if b"/" in name:
        return name
    found: OSError = FileNotFoundError(errno.ENOENT, "no such program")
    for directory in path.split(b":"):
        candidate = os.path.join(directory or b".", name)
        if os.access(candidate, os.X_OK):
            if stat.S_ISREG(os.stat(candidate).st_mode):
                return candidate
            found = PermissionError(errno.EACCES, "no program")
        elif os.path.isfile(candidate):
            found = PermissionError(errno.EACCES, "not executable")
    raise found


def _all() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and name != "1"]


def _read(pid: int, name: str) -> bytes:
    try:
        descriptor = os.open(f"/proc/{pid}/{name}", os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.read(descriptor, 1 << 18)
    except OSError:  # ended between the two
        return b""
    finally:
        os.close(descriptor)


def _state(pid: int) -> bytes:
    """The letter of a process's state; none where it is gone."""
    return _read(pid, "stat").rpartition(b")")[2][1:2]


def _label(pid: int) -> int | None:
    try:
        return resource.prlimit(pid, kernel.LABEL)[0]
    except (ProcessLookupError, PermissionError):  # gone
        return None


def _runs(pid: int) -> bool:
    return _state(pid) not in b"ZX"


def names() -> list[bytes]:
    """The names of the processes that run."""
    found = []
    for pid in _all():
        about, _, rest = _read(pid, "stat").rpartition(b")")
        if rest[1:2] not in b"ZX":
            found.append(about.partition(b"(")[2])
    return found


def send_signal(pid: int, number: int) -> None:
    """Sends a signal to a process, which may have ended."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def signal_group(first: int, number: int) -> None:
    """Signals the process group that a process began, as a terminal does, at a moment when it can't be lost.

    A shell that waits for a program takes an interrupt for its own only if the program ended by it, and goes on as if
    nothing had been where the program was forked and had not begun, or had just ended. So the group is stopped and
    looked at: a program must run that the signal reaches, or none at all for a while, as when the shell works itself.
    """
    deadline = time.monotonic() + _CALM_SECONDS
    stopped_before = {pid for pid, fields in _group(first).items() if fields[0] in b"Tt"}
    alone = looks = 0
    while True:
        others = [_hearing(pid, number) for pid in _stop_group(first) - stopped_before if pid != first]
        alone = 0 if _DEAF in others or _HEARS in others else alone + 1
        now = (_HEARS in others and _DEAF not in others) or alone == _LOOKS_ALONE or time.monotonic() > deadline
        if now:
            send_signal(-first, number)
        if stopped_before:
            for pid in _group(first).keys() - stopped_before:
                send_signal(pid, _signal.SIGCONT)
        else:
            send_signal(-first, _signal.SIGCONT)
        if now:
            return
        looks += 1
        time.sleep(0.0003 * (looks % 7 + 1))  # not in step with a loop


def _group(group: int) -> dict[int, list[bytes]]:
    """The processes of a process group, each with the fields of its `stat` from the state on."""
    found = {pid: _read(pid, "stat").rpartition(b")")[2].split() for pid in _all()}
    return {pid: fields for pid, fields in found.items() if len(fields) > _BEGAN and int(fields[2]) == group}


def _stop_group(group: int) -> set[int]:
    """Stops a process group; returns who is in it."""
    send_signal(-group, _signal.SIGSTOP)
    deadline = time.monotonic() + _CALM_SECONDS
    while True:
        states = {pid: fields[0] for pid, fields in _group(group).items()}
        # One that waits in the kernel, such as for a child that was stopped before its exec, stops when it returns.
        if all(state in b"TtZXD" for state in states.values()) or time.monotonic() > deadline:
            return set(states)
        time.sleep(0.0002)


def _hearing(pid: int, number: int) -> int:
    """Whether a signal reaches a process: not one that has just ended, blocks it, or is a young copy of its parent."""
    fields = _read(pid, "stat").rpartition(b")")[2].split()
    if len(fields) <= _BEGAN:
        return _IGNORES
    if fields[0] in b"ZX":
        return _DEAF
    masks = {line[:6]: int(line.split()[1], 16) for line in _read(pid, "status").split(b"\n") if line[:6] in _MASKS}
    blocked, ignored, caught = (masks.get(mask, 0) >> (number - 1) & 1 for mask in _MASKS)
    if ignored:
        return _IGNORES
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[_BEGAN]) / _TICKS
    copied = caught and age < _YOUNG_SECONDS and _program(pid) == _program(int(fields[1]))
    return _DEAF if blocked or copied else _HEARS


def _program(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def labelled(label: int) -> tuple[set[int], bool]:
    """The processes with a label that run, and whether these are surely all.

    Where one ended during the look, it may have left a child behind that is too young to have been listed.
    """
    found = set()
    sure = True
    for pid in _all():
        if not _runs(pid):
            sure = False
        elif _label(pid) == label:
            found.add(pid)
    return found, sure


def kill_all_of(label: int, first: int) -> set[int]:
    """Stops what has a label until no more of it appears, then kills all of that; returns what it killed.

    Args:
        label: What the processes have.
        first: The one that was started with it, and is killed last: its end is what the engine waits for.
    """
    members: set[int] = set()
    bystanders: set[int] = set()
    for _ in range(_ROUNDS):
        found, sure = labelled(label)
        if not sure:  # processes that replace each other can outrun a look; not one at which everything stands still
            bystanders = freeze()
            members |= labelled(label)[0]
            break
        if found <= members:
            break
        for pid in found - members:
            send_signal(pid, _signal.SIGSTOP)
        members |= found
    for pid in members - {first}:
        send_signal(pid, _signal.SIGKILL)
    send_signal(first, _signal.SIGKILL)
    for pid in bystanders - members:
        send_signal(pid, _signal.SIGCONT)
    return members


def any_left(label: int) -> bool:
    """Whether something with a label still runs, or may: a look at moving processes proves nothing."""
    found, sure = labelled(label)
    return not sure or bool(found)


def outran(label: int) -> bool:
    """Whether something with a label goes on after it was killed; not what hangs in the kernel, as on a busy disk."""
    return any(_state(pid) not in (b"D", b"") for pid in labelled(label)[0])


def wait_gone(pids: Iterable[int], reap: Callable[[], None]) -> None:
    """Returns once killed processes are gone, or after a while: one can hang in the kernel, as on a busy disk."""
    deadline = time.monotonic() + _GONE_SECONDS
    left = set(pids)
    while left and time.monotonic() < deadline:
        reap()
        left = {pid for pid in left if _runs(pid)}
        if left:
            time.sleep(0.0005)


def stopped() -> set[int]:
    """The processes that are stopped."""
    return {pid for pid in _all() if _state(pid) in _STOPPED}


def freeze() -> set[int]:
    """Stops every process but this one; returns those that were not stopped before.

    One signal to all is one instant to the kernel: no process is missed, and a fork under way is taken back. To stop
    one after the other would let processes slip through that keep replacing each other.
    """
    before = stopped()
    try:
        os.kill(-1, _signal.SIGSTOP)
    except ProcessLookupError:
        return set()
    asleep: set[int] | None = None
    deadline = time.monotonic() + _FREEZE_SECONDS
    while True:
        states = {pid: state for pid in _all() if (state := _state(pid)) not in b"ZX"}
        moving = {pid for pid, state in states.items() if state not in _STOPPED}
        # One that waits in the kernel, such as for a child that was stopped before its exec, stops when it returns.
        only_asleep = asleep == moving and all(states[pid] == b"D" for pid in moving)
        if not moving or only_asleep or time.monotonic() > deadline:
            return set(states) - before
        asleep = moving
        time.sleep(0.0005)
        send_signal(-1, _signal.SIGSTOP)  # again: before it stopped, one may have sent others on their way


def find(names: set[bytes], below: bytes, limit: int, results: int) -> int:
    """Writes the paths of files with one of these names, each ended by NUL; returns 0, or why it gave up.

    Returns:
        0 when all was searched, 2 when the tree is too deep, too slow or too rich.
    """
    deadline = time.monotonic() + _FIND_SECONDS
    left = limit
    waiting = [below.rstrip(b"/") or b"/"]
    while waiting:
        directory = waiting.pop()
        if time.monotonic() > deadline or len(directory) > _MAX_PATH - 256:
            return 2
        try:
            opened = os.open(directory, _DIRECTORY)
        except OSError:
            continue
        try:
            with os.scandir(opened) as entries:
                for entry in entries:
                    name = os.fsencode(entry.name)
                    path = os.path.join(directory, name)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(path)
                    elif name in names and (entry.is_file(follow_symlinks=False) or entry.is_symlink()):
                        left -= 1
                        if left < 0:
                            return 2
                        _write_all(results, path + b"\0")
        finally:
            os.close(opened)
    return 0


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
