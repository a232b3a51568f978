"""A container's standard streams, over a connection that the engine has handed over."""

import asyncio

_CHUNK = 256 << 10
_HEADER = 8
_STDERR = 2
_MOST_SAID = 4096


class Attachment:
    """Writes a container's standard input and reads its outputs, which come in the engine's frames.

    Args:
        reader: The connection, after the engine's answer.
        writer: Its other way; owned from now on.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._raw = bytearray()
        self._left = 0
        self._is_stderr = False
        self.said = b""
        """The end of what came over standard error."""

    def write(self, data: bytes) -> None:
        """Writes to the container's input; what it does not take yet waits here."""
        self._writer.write(data)

    async def drained(self) -> None:
        """Returns when not much waits."""
        await self._writer.drain()

    async def read(self) -> bytes:
        """What comes next over standard output; nothing when that has ended."""
        while True:
            raw = await self._reader.read(_CHUNK)
            if not raw:
                return b""
            if data := self._sort(raw):
                return data

    def _sort(self, raw: bytes) -> bytes:
        buffered = self._raw
        buffered += raw
        position = 0
        out = []
        while position < len(buffered):
            if self._left == 0:
                if len(buffered) - position < _HEADER:
                    break
                self._is_stderr = buffered[position] == _STDERR
                self._left = int.from_bytes(buffered[position + 4 : position + _HEADER], "big")
                position += _HEADER
                continue
            part = bytes(buffered[position : position + self._left])
            position += len(part)
            self._left -= len(part)
            if self._is_stderr:
                self.said = (self.said + part)[-_MOST_SAID:]
            else:
                out.append(part)
        del buffered[:position]
        return b"".join(out)

    def close(self) -> None:
        """Ends the connection, and with it the container's input."""
        self._writer.close()
