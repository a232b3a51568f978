"""The real command in a process of its own, forked from one that has imported the program already.

Importing is most of what a short command takes, and the suite runs hundreds. Each command has its own arguments,
environment, descriptors and end, as `python -m runloop_mcp` has; what a start itself is about (signals, terminals,
servers) is tested with processes that are started the usual way.

    python forked_commands.py ADDRESS        forks commands for whoever connects to this socket
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_START_SECONDS = 120.0


class ForkedCommands:
    """Runs commands. Use it as a context manager.

    Args:
        folder: For the socket.
    """

    def __init__(self, folder: Path) -> None:
        self._address = str(folder / "commands.sock")
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(self._address)
        self._listener.listen()
        command = [sys.executable, __file__, str(self._listener.fileno())]
        self._parent = subprocess.Popen(command, pass_fds=[self._listener.fileno()], stdin=subprocess.DEVNULL)

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], *, seconds: float
    ) -> subprocess.CompletedProcess[str]:
        """Runs one command to its end.

        Raises:
            subprocess.TimeoutExpired: It took longer than this, and was killed.
        """
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as command:
            command.settimeout(_START_SECONDS)
            command.connect(self._address)
            (out, theirs_out), (err, theirs_err) = os.pipe(), os.pipe()
            request = json.dumps(
                {"arguments": list(arguments), "environment": dict(environment), "cwd": str(Path.cwd())}
            )
            socket.send_fds(command, [request.encode()], [theirs_out, theirs_err])
            os.close(theirs_out)
            os.close(theirs_err)
            process = int(command.recv(100))
            said = [_Reading(out), _Reading(err)]
            end = time.monotonic() + seconds
            command.settimeout(seconds)
            try:
                code = int(command.recv(100))
                texts = [reading.text(end - time.monotonic()) for reading in said]
            except TimeoutError:
                os.kill(process, signal.SIGKILL)
                raise subprocess.TimeoutExpired(list(arguments), seconds) from None
        return subprocess.CompletedProcess(list(arguments), code, *texts)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parent.kill()
        self._parent.wait()
        self._listener.close()


class _Reading:
    """Reads a pipe to its end in a thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._data = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with os.fdopen(self._descriptor, "rb") as pipe:
            self._data = pipe.read()

    def text(self, seconds: float) -> str:
        self._thread.join(max(seconds, 0))
        if self._thread.is_alive():
            raise TimeoutError
        return self._data.decode().replace("\r\n", "\n")


def _import_all() -> None:
    from pydantic import BaseModel  # noqa: PLC0415 - likewise

    import runloop_mcp  # noqa: PLC0415 - not in the tests' own process

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
    """Forks a process for each that connects, which forks the command and tells how that ends; returns in a command."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            break
        connection.close()
    listener.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    data, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 2)
    command = os.fork()
    if command != 0:
        for descriptor in descriptors:
            os.close(descriptor)
        connection.send(str(command).encode())
        _, status = os.waitpid(command, 0)
        connection.send(str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    connection.close()
    for standard, descriptor in enumerate(descriptors, start=1):
        os.dup2(descriptor, standard)
        os.close(descriptor)
    request = json.loads(data)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv[1:] = request["arguments"]


def _carry_out() -> None:
    """Runs the command, and ends this process without taking down all that was imported, as that takes the longest."""
    try:
        runpy.run_module("runloop_mcp", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise
        atexit._run_exitfuncs()  # nothing public runs them earlier
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code or 0)


if __name__ == "__main__":
    _import_all()
    gc.freeze()  # commands would look through all of it, and so copy it
    _serve(socket.socket(fileno=int(sys.argv[1])))
    sys.path[0] = str(Path.cwd())
    _carry_out()
