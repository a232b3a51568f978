"""Runs a command and ends everything that it started, however it went into the background. A script of its own.

    python -I -S agent_supervisor.py PARENT_PID GRACE_SECONDS FOLDER PROGRAM ARGUMENT...

It ends with the command's exit status (128 + signal where a signal ended it) once no process of the command is left. On
SIGTERM, which the system also sends when the parent dies, the command is asked to end, and after the grace made to. A
parent that has died can't delete the folder that it made for the command; then that is done here.

Standard library only, and few modules of it: it is started for every attempt.
"""

import ctypes
import os
import signal
import sys
import time

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_ASKED = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_LOOK_AGAIN_SECONDS = 0.02
_GIVE_UP_SECONDS = 10.0
"""What can't be killed in so long is left: it belongs to another user, or hangs in the kernel."""


def main(arguments: list[str]) -> int:
    """Runs the command; returns what to exit with."""
    parent, grace, folder, command = int(arguments[0]), float(arguments[1]), arguments[2], arguments[3:]
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, *_ASKED})
    if sys.platform == "linux":
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)  # orphans of the command become children of ours
        _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    status = 128 + signal.SIGTERM
    if os.getppid() == parent:  # else it died before we could ask to be told
        status = _run(command, grace)
    if os.getppid() != parent:
        import shutil

        os.chdir("/")
        shutil.rmtree(folder, ignore_errors=True)
    return status


def _run(command: list[str], grace: float) -> int:
    child = _start(command)
    status = _wait(child, None)
    if status is None:
        _kill_group(child, signal.SIGTERM)
        status = _wait(child, time.monotonic() + grace)
    left = _end_all(child)
    return left if status is None else status


def _start(command: list[str]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        if sys.platform == "linux":
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        os.setsid()
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def _wait(child: int, deadline: float | None) -> int | None:
    """The command's exit status; None when we were asked to end it, or the time is over."""
    while True:
        status, _ = _reap(child)
        if status is not None:
            return status
        if deadline is None:
            if signal.sigwait({signal.SIGCHLD, *_ASKED}) in _ASKED:
                return None
        elif time.monotonic() >= deadline:
            return None
        else:
            time.sleep(_LOOK_AGAIN_SECONDS)


def _reap(child: int) -> tuple[int | None, bool]:
    """Buries all who have died; the command's exit status, if it is among them, and whether anyone is left."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found, False
        if pid == 0:
            return found, True
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            found = code if code >= 0 else 128 - code


def _end_all(child: int) -> int:
    """Kills what is left of the command, whatever session it is in; the command's exit status, if it was left."""
    found = 128 + signal.SIGKILL
    deadline = time.monotonic() + _GIVE_UP_SECONDS
    _kill_group(child, signal.SIGKILL)
    while time.monotonic() < deadline:
        for pid in _descendants():
            _kill(pid)
        status, somebody_left = _reap(child)
        found = found if status is None else status
        if not somebody_left:
            break
        time.sleep(_LOOK_AGAIN_SECONDS)
    return found


def _descendants() -> list[int]:
    """Everything below this process."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if not name.isdecimal():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                # The name of a program may hold spaces and parentheses; the fields after it don't.
                parent = int(file.read().rpartition(b")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(name))
    found = []
    unseen = list(children.get(os.getpid(), ()))
    while unseen:
        pid = unseen.pop()
        found.append(pid)
        unseen += children.get(pid, ())
    return found


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # it has ended, or belongs to somebody else


def _kill_group(child: int, number: int) -> None:
    try:
        os.killpg(child, number)
    except (ProcessLookupError, PermissionError):
        return


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
