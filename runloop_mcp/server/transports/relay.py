"""Between a client on stdin and stdout and the process that has the devbox of a run: bytes to and fro, nothing else.

Standard library only, without an event loop: an agent that starts it waits for little more than for Python itself.
"""

import json
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Final

_CHUNK: Final = 2**16
_HELLO_SECONDS: Final = 5.0
_PARENT_CHECK_SECONDS: Final = 1.0


def relay(folder: Path, run_id: str) -> bool:
    """Connects this process's client with whoever serves the run, until either is done.

    Args:
        folder: Where the sockets of living servers are.
        run_id: The run that the client is bound to.

    Returns:
        Whether anyone serves it; if not, nothing was read or written.

    Raises:
        ConnectionError: Whoever served it ended before the client did.
    """
    parent = os.getppid()
    connection = _connected(folder, run_id)
    if connection is None:
        return False
    with connection, _ending_on_signals():
        feeding = threading.Thread(target=_feed, args=(connection,), daemon=True)
        feeding.start()
        with suppress(BrokenPipeError):  # the client no longer reads
            _pass_on(connection, parent)
            if feeding.is_alive() and os.getppid() == parent:
                raise ConnectionError("The server that has the run's devbox has ended.")
    return True


def forget_dead(folder: Path) -> None:
    """Takes away the sockets that killed processes have left."""
    for path in folder.glob("*.sock"):
        with socket.socket(socket.AF_UNIX) as connection, suppress(OSError):
            connection.setblocking(False)
            _connect(connection, path)


def _connected(folder: Path, run_id: str) -> socket.socket | None:
    for path in sorted(folder.glob("*.sock")):
        connection = socket.socket(socket.AF_UNIX)
        try:
            if _agrees(connection, path, run_id):
                return connection
        except OSError:  # it has just ended, is at its end or does not answer: it has no devbox for long
            connection.close()
            continue
        connection.close()
    return None


def _agrees(connection: socket.socket, path: Path, run_id: str) -> bool:
    connection.settimeout(_HELLO_SECONDS)
    _connect(connection, path)
    connection.sendall(json.dumps({"run_id": run_id}).encode() + b"\n")
    said = bytearray()
    while not said.endswith(b"\n"):
        byte = connection.recv(1)  # what comes after the line is the client's
        if not byte:
            return False
        said += byte
    connection.settimeout(None)
    return bool(json.loads(said)["serving"])


def _connect(connection: socket.socket, path: Path) -> None:
    try:
        with short_name(path) as name:
            connection.connect(name)
    except ConnectionRefusedError:
        path.unlink(missing_ok=True)  # left by one that was killed
        raise


def _feed(connection: socket.socket) -> None:
    """What the client says, to its end."""
    with suppress(OSError):
        while data := os.read(0, _CHUNK):
            connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)


def _pass_on(connection: socket.socket, parent: int) -> None:
    """What the server says, to its end or that of whoever started us."""
    while os.getppid() == parent:
        ready, _, _ = select.select([connection], [], [], _PARENT_CHECK_SECONDS)
        if ready:
            try:
                data = connection.recv(_CHUNK)
            except ConnectionResetError:
                return
            if not data:
                return
            _write_all(data)


def _write_all(data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(1, left) :]


@contextmanager
def _ending_on_signals() -> Iterator[None]:
    """SIGTERM and SIGINT end the process with status 0: there is nothing to clean up."""

    def end(_number: int, _frame: FrameType | None) -> None:
        sys.exit(0)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def short_name(path: Path) -> Iterator[str]:
    """A name of a socket that the system takes, which takes none over about a hundred bytes."""
    if not Path("/proc/self/fd").is_dir():
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
