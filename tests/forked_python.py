"""Python in processes of their own, forked from one that has imported the program already.

Importing is most of what a short command or a server's start takes, and the suite starts hundreds. Each process has its
own arguments, environment, descriptors and end, as one that `python` starts has; what a start itself is about is
tested with processes that are started the usual way.

    python forked_python.py DESCRIPTOR PACKAGE       forks processes for whoever connects to this listening socket
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import IO, Any, Self

from forked_command import ask

OWN = (sys.executable, "runloop_mcp")
"""This interpreter, and the program."""


class ForkedProcess:
    """A process that was forked; used as `subprocess.Popen` is.

    Args:
        arguments: What `python` would get: `-m MODULE …`, `-c PROGRAM …` or `SCRIPT …`.
        env: Its environment, or that of this process.
        stdin: As of `Popen`; likewise the other streams. What is None is this process's own.
        stdout: See above.
        stderr: See above.
        text: Pipes are of text.
        imported: See `address`.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: int | IO[Any] | None = None,
        stdout: int | IO[Any] | None = None,
        stderr: int | IO[Any] | None = None,
        text: bool = False,
        imported: tuple[str, str] = OWN,
    ) -> None:
        self.args = list(arguments)
        self.returncode: int | None = None
        self.stdin: IO[Any] | None = None
        self.stdout: IO[Any] | None = None
        self.stderr: IO[Any] | None = None
        theirs: list[int] = []
        for standard, (name, stream) in enumerate({"stdin": stdin, "stdout": stdout, "stderr": stderr}.items()):
            if stream == subprocess.PIPE:
                end, own = os.pipe() if standard == 0 else reversed(os.pipe())
                mode = ("r" if standard else "w") + ("" if text else "b")
                setattr(self, name, os.fdopen(own, mode, buffering=-1 if standard or text else 0))
            elif stream == subprocess.DEVNULL:
                end = os.open(os.devnull, os.O_RDWR)
            elif stream == subprocess.STDOUT:
                end = os.dup(theirs[1])
            else:
                end = os.dup(standard if stream is None else stream if isinstance(stream, int) else stream.fileno())
            theirs.append(end)
        self.told = ask(address(imported), self.args, os.environ if env is None else env, theirs)
        for descriptor in theirs:
            os.close(descriptor)
        self.pid = self._number_told()

    def poll(self) -> int | None:
        """Its exit status, if it has ended."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, once it has ended, which is when there is something to read from `told`.

        Raises:
            subprocess.TimeoutExpired: It has not ended in time.
        """
        if self.returncode is None:
            if not select.select([self.told], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = self._number_told()
            self.told.close()
        return self.returncode

    def _number_told(self) -> int:
        told = self.told.recv(100)
        assert told, "the process that forks has ended"
        return int(told)

    def send_signal(self, number: int) -> None:
        """Signals it, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Signals SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Signals SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in (self.stdout, self.stderr, self.stdin):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()
        self.wait()


def run(
    arguments: Sequence[str],
    *,
    env: Mapping[str, str],
    given: str = "",
    timeout: float,
    imported: tuple[str, str] = OWN,
) -> subprocess.CompletedProcess[str]:
    """Runs a process to its end, as `subprocess.run` with text would.

    Args:
        arguments: See `ForkedProcess`.
        env: Its environment.
        given: What it can read from its standard input.
        timeout: Seconds.
        imported: See `address`.

    Raises:
        subprocess.TimeoutExpired: It took longer than this, and was killed.
    """
    pipe = subprocess.PIPE
    stdin = pipe if given else subprocess.DEVNULL
    with ForkedProcess(arguments, env=env, stdin=stdin, stdout=pipe, stderr=pipe, imported=imported) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        said = [_Reading(process.stdout), _Reading(process.stderr)]
        if process.stdin is not None:
            with suppress(BrokenPipeError):
                process.stdin.write(given.encode())
            process.stdin.close()
        try:
            process.wait(timeout)
            texts = [reading.text(timeout) for reading in said]
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert process.returncode is not None
    return subprocess.CompletedProcess(list(arguments), process.returncode, *texts)


class _Reading:
    """Reads a pipe to its end in a thread."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._data = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        self._data = self._pipe.read()

    def text(self, seconds: float) -> str:
        self._thread.join(seconds)
        if self._thread.is_alive():
            raise subprocess.TimeoutExpired("what it had started", seconds)
        return self._data.decode().replace("\r\n", "\n")


def forked_command(*arguments: str) -> list[str]:
    """A command line for clients that start a server themselves: what `python` would do with these arguments."""
    return [sys.executable, "-I", "-S", str(Path(__file__).with_name("forked_command.py")), address(OWN), *arguments]


@cache
def address(imported: tuple[str, str]) -> str:
    """Where the process that forks listens; it is started when the first asks, and ends with this one.

    Args:
        imported: The interpreter that it is, and the package that it has imported, with all modules of that.
    """
    python, package = imported
    folder = TemporaryDirectory(prefix="forked-python-")
    path = f"{folder.name}/socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen()
        command = [python, __file__, str(listener.fileno()), package]
        # It ends when its standard input does: at the latest when this process does.
        process = subprocess.Popen(command, pass_fds=[listener.fileno()], stdin=subprocess.PIPE)

    def end() -> None:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()
        folder.cleanup()

    atexit.register(end)
    return path


_IMPORTED_LATER = ("anyio._backends._asyncio", "encodings.ascii", "encodings.idna", "httpcore", "rich.logging")
"""What is imported when it is first used, which takes 10 ms and more each time."""


def _import_all(package: str) -> None:
    from pydantic import BaseModel  # noqa: PLC0415 - not in the tests' own process

    for found in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        if not found.name.endswith(".__main__") and ".inside" not in found.name:
            try:
                importlib.import_module(found.name)
            except ModuleNotFoundError as error:
                if (error.name or "").startswith(package):
                    raise  # else it lacks an extra that is not installed
    for later in _IMPORTED_LATER:
        with suppress(ImportError):
            importlib.import_module(later)
    waiting = [BaseModel]
    while waiting:
        model = waiting.pop()
        waiting += model.__subclasses__()
        if model.__module__.startswith(f"{package}."):
            model.model_rebuild()


@dataclass(frozen=True)
class _Asked:
    """A process that somebody has asked for."""

    connection: socket.socket
    process: int
    ended: int
    """A descriptor that is readable once it has ended."""

    def leave(self) -> None:
        """Closes what is known of it in a process that is none of its business."""
        self.connection.close()
        os.close(self.ended)

    def tell_end(self) -> None:
        """Reaps it, so that what it took counts as taken by the tests, and tells how it has ended."""
        _, status = os.waitpid(self.process, 0)
        with suppress(OSError):
            self.connection.send(str(os.waitstatus_to_exitcode(status)).encode())
        self.leave()


def _serve(listener: socket.socket) -> None:
    """Forks what is asked for, and tells how it ends; returns in the process that was asked for."""
    running: set[_Asked] = set()
    last = False
    while not last or running:
        awaited: list[int | socket.socket] = [] if last else [0, listener]
        for each in running:
            awaited += [each.connection, each.ended]
        ready = select.select(awaited, [], [])[0]
        last = last or 0 in ready
        for each in list(running):
            if each.ended in ready:
                running.remove(each)
                each.tell_end()
            elif last or each.connection in ready:  # whoever has asked for it and is gone takes it along
                signal.pidfd_send_signal(each.ended, signal.SIGKILL)
        if listener in ready and (request := _next_request(listener)) is not None:
            asked = _fork(*request)
            if asked is None:
                listener.close()
                for each in running:
                    each.leave()
                return
            running.add(asked)
    os._exit(0)


def _next_request(listener: socket.socket) -> tuple[socket.socket, bytes, list[int]] | None:
    """What somebody asks for, and with which standard streams; nothing where they went before asking."""
    connection, _ = listener.accept()
    data, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    if data:
        return connection, data, descriptors
    connection.close()
    return None


def _fork(connection: socket.socket, data: bytes, descriptors: list[int]) -> _Asked | None:
    """The process that is asked for; or nothing, in that process."""
    process = os.fork()
    if process == 0:
        connection.close()
        _begin(data, descriptors)
        return None
    for descriptor in descriptors:
        os.close(descriptor)
    with suppress(OSError):  # whoever asked may be gone already, which the connection tells again
        connection.send(str(process).encode())
    return _Asked(connection, process, os.pidfd_open(process))


def _begin(data: bytes, descriptors: Sequence[int]) -> None:
    """Makes this process the one that was asked for."""
    for standard, descriptor in enumerate(descriptors):
        os.dup2(descriptor, standard)
        os.close(descriptor)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    request = json.loads(data)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv[:] = request["arguments"]


def _open_streams() -> None:
    """Opens the standard streams anew, as an interpreter that starts with these descriptors does."""
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - for as long as this process lives
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - likewise
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115 - likewise


def _carry_out() -> None:
    """Runs what was asked for, and ends without taking down all that was imported, as that takes the longest."""
    status: object = 0
    try:
        sys.path[1:1] = filter(None, os.environ.get("PYTHONPATH", "").split(":"))
        match sys.argv:
            case ["-m", module, *_]:
                del sys.argv[0]
                sys.path[0] = str(Path.cwd())
                runpy.run_module(module, run_name="__main__", alter_sys=True)
            case ["-c", program, *_]:
                del sys.argv[1]
                sys.path.insert(0, "")  # before the tests' own folder, whose modules it may use
                exec(program, {"__name__": "__main__"})  # noqa: S102 - it is a test's own
            case [script, *_]:
                sys.path[0] = str(Path(script).parent)
                runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        status = end.code
    except BaseException:  # noqa: BLE001 - what an interpreter does with it
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]  # there is one
        status = 1
    if not isinstance(status, int | None):
        sys.stderr.write(f"{status}\n")
        status = 1
    atexit._run_exitfuncs()  # nothing public runs them earlier
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status or 0)


if __name__ == "__main__":
    gc.disable()  # all of it stays: looking for garbage would take a sixth of the time
    _import_all(sys.argv[2])
    gc.enable()
    gc.freeze()  # commands would look through all of it, and so copy it
    _serve(socket.socket(fileno=int(sys.argv[1])))
    _open_streams()
    _carry_out()
