"""One end of a socket whose other end a box holds: packets out, never blocking; packets in, never trusted."""

import array
import asyncio
import contextlib
import marshal
import os
import socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

MAX_ANSWER = 4096
_MAX_DESCRIPTORS = 4
_MAX_PACKET = 100_000  # a bigger one travels as a file of memory
_INT = array.array("i").itemsize

OnAnswer = Callable[[str, int, int, str, int | None], None]
"""Takes an answer's word, token, number, text, and the descriptor that came along, which the taker then owns."""


class Channel:
    """Sends requests and hands on answers, until one side closes.

    Args:
        ours: A connected socket of the kind SEQPACKET, owned from now on.
        on_answer: Called in the event loop with each answer.
        on_closed: Called once, when the other end is gone or has talked nonsense.
    """

    def __init__(self, ours: socket.socket, on_answer: OnAnswer, on_closed: Callable[[], None]) -> None:
        ours.setblocking(False)
        self._socket = ours
        self._on_answer = on_answer
        self._on_closed = on_closed
        self._loop = asyncio.get_running_loop()
        self._unsent: deque[tuple[bytes, list[int]]] = deque()
        self.open = True
        self._loop.add_reader(ours.fileno(), self._readable)

    def send(self, request: Any, descriptors: Sequence[int] = ()) -> None:
        """Sends a request; the caller keeps its descriptors and can close them at once."""
        if not self.open:
            return
        packet = marshal.dumps(request, 4)
        own: list[int] = []
        if len(packet) > _MAX_PACKET:
            own.append(_in_memory(packet))
            packet = b"in memory"
        if self._unsent or not self._try_send(packet, [*own, *descriptors]):
            self._unsent.append((packet, [*own, *map(os.dup, descriptors)]))
            self._loop.add_writer(self._socket.fileno(), self._writable)
            return
        for descriptor in own:
            os.close(descriptor)

    def _try_send(self, packet: bytes, descriptors: Sequence[int]) -> bool:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        try:
            self._socket.sendmsg([packet], rights)
        except BlockingIOError:
            return False
        except OSError:
            self.close()
        return True

    def _writable(self) -> None:
        while self._unsent and self._try_send(*self._unsent[0]):
            if not self._unsent:  # closed
                return
            for descriptor in self._unsent.popleft()[1]:
                os.close(descriptor)
        if not self._unsent and self.open:
            self._loop.remove_writer(self._socket.fileno())

    def _readable(self) -> None:
        try:
            data, ancillary, flags, _ = self._socket.recvmsg(
                MAX_ANSWER, socket.CMSG_SPACE(_MAX_DESCRIPTORS * _INT), socket.MSG_CMSG_CLOEXEC
            )
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        descriptors = array.array("i")
        for level, kind, content in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors.frombytes(content[: len(content) - len(content) % _INT])
        for extra in descriptors[1:]:
            os.close(extra)
        descriptor = descriptors[0] if descriptors else None
        answer = None if flags & socket.MSG_TRUNC else _parse(data)
        if answer is None:  # closed, or not what a supervisor says
            if descriptor is not None:
                os.close(descriptor)
            self.close()
            return
        self._on_answer(*answer, descriptor)

    def close(self) -> None:
        """Closes this end; `on_closed` is called if it was open."""
        if not self.open:
            return
        self.open = False
        self._loop.remove_reader(self._socket.fileno())
        self._loop.remove_writer(self._socket.fileno())
        self._socket.close()
        for _, descriptors in self._unsent:
            for descriptor in descriptors:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        self._unsent.clear()
        self._on_closed()


def _in_memory(packet: bytes) -> int:
    memory = os.memfd_create("request")
    with open(memory, "wb", closefd=False) as file:
        file.write(packet)
    return memory


def _parse(data: bytes) -> tuple[str, int, int, str] | None:
    word, _, rest = data.partition(b" ")
    numbers = rest.split(b" ", 2)
    try:
        token, number = int(numbers[0]), int(numbers[1])
        return word.decode("ascii"), token, number, numbers[2].decode(errors="replace") if len(numbers) > 2 else ""
    except (ValueError, IndexError):
        return None
