"""Python in processes of their own, forked from one that has imported the program already.

Importing is most of what a short command or a server's start takes, and the suite starts hundreds. Each process has its
own arguments, environment, descriptors and end, as one that `python` starts has; what a start itself is about is
tested with processes that are started the usual way.

    python forked_python.py DESCRIPTOR       forks processes for whoever connects to this listening socket
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
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import IO, Any, Self

_START_SECONDS = 120.0


class ForkedProcess:
    """A process that was forked; used as `subprocess.Popen` is.

    Args:
        arguments: What `python` would get: `-m MODULE …`, `-c PROGRAM …` or `SCRIPT …`.
        env: Its environment, or that of this process.
        stdin: As of `Popen`; likewise the other streams. What is None is this process's own.
        stdout: See above.
        stderr: See above.
        text: Pipes are of text.
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
    ) -> None:
        self.args = list(arguments)
        self.returncode: int | None = None
        self.stdin: IO[Any] | None = None
        self.stdout: IO[Any] | None = None
        self.stderr: IO[Any] | None = None
        theirs = []
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
        request = {
            "arguments": self.args,
            "environment": dict(os.environ if env is None else env),
            "cwd": str(Path.cwd()),
        }
        self.told = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.told.settimeout(_START_SECONDS)
        self.told.connect(address())
        socket.send_fds(self.told, [json.dumps(request).encode()], theirs)
        for descriptor in theirs:
            os.close(descriptor)
        self.pid = int(self.told.recv(100))

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
            self.returncode = int(self.told.recv(100))
            self.told.close()
        return self.returncode

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
    arguments: Sequence[str], *, env: Mapping[str, str], given: str = "", timeout: float
) -> subprocess.CompletedProcess[str]:
    """Runs a process to its end, as `subprocess.run` with text would.

    Args:
        arguments: See `ForkedProcess`.
        env: Its environment.
        given: What it can read from its standard input.
        timeout: Seconds.

    Raises:
        subprocess.TimeoutExpired: It took longer than this, and was killed.
    """
    pipe = subprocess.PIPE
    with ForkedProcess(
        arguments, env=env, stdin=pipe if given else subprocess.DEVNULL, stdout=pipe, stderr=pipe
    ) as process:
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


@cache
def address() -> str:
    """Where the process that forks listens; it is started when the first asks, and ends with this one."""
    folder = TemporaryDirectory(prefix="forked-python-")
    path = f"{folder.name}/socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen()
        command = [sys.executable, __file__, str(listener.fileno())]
        # It ends when its standard input does: at the latest when this process does.
        process = subprocess.Popen(command, pass_fds=[listener.fileno()], stdin=subprocess.PIPE)

    def end() -> None:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()
        folder.cleanup()

    atexit.register(end)
    return path


def _import_all() -> None:
    from pydantic import BaseModel  # noqa: PLC0415 - not in the tests' own process

    import runloop_mcp  # noqa: PLC0415 - likewise

    for found in pkgutil.walk_packages(runloop_mcp.__path__, "runloop_mcp."):
        if not found.name.endswith(".__main__") and ".inside" not in found.name:
            importlib.import_module(found.name)
    waiting = [BaseModel]
    while waiting:
        model = waiting.pop()
        waiting += model.__subclasses__()
        if model.__module__.startswith("runloop_mcp."):
            model.model_rebuild()


def _serve(listener: socket.socket) -> None:
    """Forks for each that connects a process that forks what is asked for, and returns in that."""
    children: set[int] = set()
    while listener in select.select([listener, 0], [], [])[0]:
        connection, _ = listener.accept()
        child = os.fork()
        if child == 0:
            _begin(listener, connection)
            return
        connection.close()
        # Reaped, rather than ignored, so that what they took counts as taken by the tests.
        children = {each for each in children | {child} if os.waitpid(each, os.WNOHANG)[0] == 0}
    for each in children:
        os.waitpid(each, 0)
    os._exit(0)


def _begin(listener: socket.socket, connection: socket.socket) -> None:
    """Forks the process and tells how it ends; returns in it."""
    listener.close()
    data, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    process = os.fork()
    if process != 0:
        for descriptor in descriptors:
            os.close(descriptor)
        _watch(connection, process)
    connection.close()
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


def _watch(connection: socket.socket, process: int) -> None:
    """Tells how the process ends; whoever has asked for it and is gone takes it along."""
    connection.send(str(process).encode())
    ended = os.pidfd_open(process)
    if ended not in select.select([connection, ended], [], [])[0]:
        os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    with suppress(OSError):
        connection.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


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
    _import_all()
    gc.freeze()  # commands would look through all of it, and so copy it
    _serve(socket.socket(fileno=int(sys.argv[1])))
    _open_streams()
    _carry_out()
