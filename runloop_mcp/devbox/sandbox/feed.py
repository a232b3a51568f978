"""What goes into a process: its standard input, written as fast as the process takes it, with bounded memory."""

import asyncio
import os

from runloop_mcp.api.errors import Conflict, InvalidState

_MOST_WAITING = 1 << 20


class Feed:
    """Writes one pipe.

    Args:
        descriptor: The pipe's end; owned from now on.
        data: What to write first.
        attached: Whether more may follow; else the pipe is closed behind `data`.
        held: The reader is not there yet, and what is written would be lost if the pipe were closed before: it is
            closed after `reader_came` at the earliest.
    """

    def __init__(self, descriptor: int, data: bytes, *, attached: bool = False, held: bool = False) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._left = memoryview(data)
        self.attached = attached
        self._ended = not attached
        self._held = held
        self._open = True
        self._broken = False
        self._writing = False
        self._loop = asyncio.get_running_loop()
        self._go_on()

    def _go_on(self) -> None:
        if self._left and not self._writing:
            self._writing = True
            self._loop.add_writer(self._descriptor, self._writable)
        elif not self._left and self._writing:
            self._writing = False
            self._loop.remove_writer(self._descriptor)
        if not self._left and self._ended and not self._held:
            self.close()

    def _writable(self) -> None:
        try:
            self._left = self._left[os.write(self._descriptor, self._left) :]
        except BlockingIOError:
            return
        except OSError:  # nobody reads any more
            self._broken = True
            self.close()
            return
        self._go_on()

    def send(self, data: bytes) -> None:
        """Adds to what is to be written.

        Raises:
            InvalidState: The input was ended, or nobody reads it any more.
            Conflict: So much waits already that no more is taken.
        """
        if self._broken:
            raise InvalidState("The command no longer reads its standard input.", hint="Nothing more can be sent.")
        if self._ended:
            raise InvalidState("The standard input of this command was ended.", hint="Nothing more can be sent.")
        if len(self._left) + len(data) > _MOST_WAITING:
            raise Conflict(
                f"The command has {len(self._left)} bytes of input to read, and at most {_MOST_WAITING} wait for it.",
                hint="Send less at once, and the rest when it has read some.",
                retry_after=1,
            )
        self._left = memoryview(bytes(self._left) + data)
        self._go_on()

    def end(self) -> None:
        """Ends the input behind what was sent."""
        self._ended = True
        self._go_on()

    def reader_came(self, descriptor: int) -> None:
        """Goes on with another end of the same pipe, now that somebody has opened it for reading."""
        if not self._open:
            os.close(descriptor)
            return
        if self._writing:
            self._loop.remove_writer(self._descriptor)
            self._writing = False
        os.close(self._descriptor)
        self._descriptor, self._held = descriptor, False
        self._go_on()

    @property
    def descriptor(self) -> int | None:
        """The pipe's end, while it is open."""
        return self._descriptor if self._open else None

    def close(self) -> None:
        """Ends the input where it is."""
        if self._open:
            self._open = False
            if self._writing:
                self._loop.remove_writer(self._descriptor)
            os.close(self._descriptor)
