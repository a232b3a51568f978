"""Pipes of this server whose other ends are streams of a container's agent."""

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Callable

from .frames import WINDOW, Kind

Send = Callable[[Kind, int, bytes], None]
_CHUNK = 64 << 10
_GRANTS = 4
"""In how many parts room for more is granted."""


class Outward:
    """What comes from the agent goes into a descriptor here.

    Args:
        number: The stream's.
        descriptor: Written to; owned from now on.
        send: Sends frames to the agent.
        on_written: Called whenever something has been written, or nothing will be any more.
        is_socket: Whether the descriptor tells when nobody is at its other end any more.
        window: How many bytes may be on their way.
    """

    def __init__(
        self,
        number: int,
        descriptor: int,
        send: Send,
        on_written: Callable[[], None],
        *,
        is_socket: bool = False,
        window: int = WINDOW,
    ) -> None:
        os.set_blocking(descriptor, False)
        self.number = number
        self._descriptor = descriptor
        self._send = send
        self._on_written = on_written
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._taken = 0
        self.received = 0
        """How many bytes have come."""
        self.written = 0
        """How many of them have been written."""
        self._ended = False
        self._writing = False
        self._watched = is_socket
        self._window = window
        self.open = True
        self._loop = asyncio.get_running_loop()
        if is_socket:
            self._loop.add_reader(descriptor, self._gone)

    def reaches(self, far: int) -> bool:
        """Whether so much has been written, or never will be."""
        return self.written >= far or not self.open

    def take(self, data: bytes) -> bool:
        """Takes what the agent has sent; False where that is more than it may."""
        if not self.open:
            return True
        self.received += len(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes + self._taken > self._window:
            return False
        self._waiting.append(data)
        if not self._writing:
            self._write()
        return True

    def end(self) -> None:
        """The agent has no more."""
        self._ended = True
        if not self._waiting:
            self.close()

    def _write(self) -> None:
        while self._waiting:
            data = self._waiting[0]
            try:
                written = os.write(self._descriptor, data)
            except BlockingIOError:
                break
            except OSError:
                self._gone()
                return
            self._waiting_bytes -= written
            self.written += written
            self._taken += written
            if written < len(data):
                self._waiting[0] = data[written:]
            else:
                self._waiting.popleft()
        if self._taken >= self._window // _GRANTS and not self._ended:
            self._send(Kind.ROOM, self.number, self._taken.to_bytes(4, "big"))
            self._taken = 0
        if bool(self._waiting) != self._writing:
            self._writing = not self._writing
            if self._writing:
                self._loop.add_writer(self._descriptor, self._write)
            else:
                self._loop.remove_writer(self._descriptor)
        if not self._waiting and self._ended:
            self.close()
        self._on_written()

    def _gone(self) -> None:
        """Nobody reads any more."""
        if not self._ended:
            self._send(Kind.END, self.number, b"")
        self.close()
        self._on_written()

    def close(self) -> None:
        """Lets go of the descriptor; what waits is lost."""
        if not self.open:
            return
        self.open = False
        self._waiting.clear()
        self._loop.remove_writer(self._descriptor)
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)


class Inward:
    """What is read from a descriptor here goes to the agent.

    Args:
        number: The stream's.
        descriptor: Read from; owned from now on.
        send: Sends frames to the agent.
    """

    def __init__(self, number: int, descriptor: int, send: Send) -> None:
        os.set_blocking(descriptor, False)
        self.number = number
        self._descriptor = descriptor
        self._send = send
        self._room = WINDOW
        self._reading = False
        self.open = True
        self._loop = asyncio.get_running_loop()
        self._watch()

    def _watch(self) -> None:
        wanted = self.open and self._room > 0
        if wanted and not self._reading:
            self._loop.add_reader(self._descriptor, self._readable)
        elif self._reading and not wanted:
            self._loop.remove_reader(self._descriptor)
        self._reading = wanted

    def _readable(self) -> None:
        try:
            data = os.read(self._descriptor, min(_CHUNK, self._room))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._send(Kind.END, self.number, b"")
            self.close()
            return
        self._room -= len(data)
        self._send(Kind.DATA, self.number, data)
        self._watch()

    def more_room(self, size: int) -> None:
        """The agent has passed on so much."""
        self._room += size
        self._watch()

    def close(self) -> None:
        """Lets go of the descriptor."""
        if self.open:
            self.open = False
            with contextlib.suppress(ValueError):
                self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
