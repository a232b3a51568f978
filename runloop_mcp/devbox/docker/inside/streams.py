"""What an agent has in hand for its engine: outputs, inputs, files that are written, and news that has to wait."""

from __future__ import annotations

import fcntl
import select
import sys
import time
from collections import deque

TYPE_CHECKING = False  # importing typing to say so would cost the start 3 ms
if TYPE_CHECKING:
    from collections.abc import Iterable

WINDOW = 512 << 10
"""How many bytes of a stream may be on their way before the other side has taken some."""

_PATIENCE_SECONDS = 30.0
_FIONREAD = 0x541B


class Output:
    """Something that is read here and sent: a process's output, or a file."""

    def __init__(self, descriptor: int, number: int, left: int | None = None) -> None:
        self.descriptor = descriptor
        self.number = number
        self.room = WINDOW
        self.sent = 0
        self.left = left
        """How many bytes of a file are wanted; None for a pipe."""
        self.reports = False
        """Whether a shell tells in it of the ends of its commands, whose output has names of its own."""
        self.named = False
        """Whether it is such an output."""
        self.held = False
        """Whether a report waits for those outputs to be sent."""

    def waiting(self) -> int:
        """How many bytes a pipe holds."""
        return int.from_bytes(fcntl.ioctl(self.descriptor, _FIONREAD, bytes(4)), sys.byteorder)

    def readable(self) -> bool:
        """Whether there is something, or an end that somebody has come to."""
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        return bool(poll.poll(0))


class Input:
    """A pipe that what comes is written to."""

    def __init__(self, descriptor: int, number: int) -> None:
        self.descriptor = descriptor
        self.number = number
        self.waiting: deque[bytes] = deque()
        self.taken = 0
        self.ended = False


class Sink:
    """A file that what comes is written to; it is never empty on the way."""

    def __init__(self, descriptor: int, token: int, mode: int, size: int) -> None:
        self.descriptor = descriptor
        self.token = token
        self.mode = mode
        self.size = size
        self.position = 0
        self.failure = 0


class News:
    """What is told once the output that came before it is sent, or has been held up for long."""

    def __init__(self, kind: bytes, number: int, data: bytes, after: Iterable[Output]) -> None:
        self.kind = kind
        self.number = number
        self.data = data
        self.after = [(output, output.sent + output.waiting()) for output in after]
        """The outputs that go first, and how far: what others add to them later holds up nothing."""
        self.patience = time.monotonic() + _PATIENCE_SECONDS
