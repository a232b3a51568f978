"""Output of executions by range, from streams that begin at a byte and go on."""

from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

import anyio

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.models.devbox import ExecutionStatus, ExecutionView, OutputRange, OutputStream
from runloop_mcp.client.executions import OutputChunk
from runloop_mcp.client.runloop_client import RunloopClient

_QUIET_SECONDS: Final = 0.5
"""After so long without output, of a command whose output nobody has counted, what came is all there is."""
_WHOLE_SECONDS: Final = 600.0


class Outputs:
    """Reads the streams of executions."""

    def __init__(self, client: RunloopClient) -> None:
        self._client = client

    async def read_range(
        self, view: ExecutionView, stream: OutputStream, *, offset: int, limit: int, wait_seconds: float
    ) -> OutputRange:
        """A range of a stream, cut between characters; see `Devboxes.read_output`."""
        if limit < 1:
            raise InvalidRequest("The limit must be at least 1 byte.")
        complete = view.status == ExecutionStatus.COMPLETED
        total = _counted(view, stream)
        if offset < 0:
            if total is None:
                total = (await self._read(view, stream, _Part(0, None))).end
            offset = max(total + offset, 0)
        if total is not None:
            offset = min(offset, total)
        if complete and total is not None and offset == total:
            return OutputRange(text="", offset=offset, next_offset=offset, total_bytes=total, complete=True)
        part = _Part(offset, limit)
        await self._read(view, stream, part, available=total, wait_seconds=wait_seconds)
        text, end = part.cut()
        seen = max(total or 0, part.end)
        complete = complete or part.ended  # while it was waited for
        return OutputRange(text=text, offset=offset, next_offset=end, total_bytes=seen, complete=complete)

    async def whole(self, view: ExecutionView, stream: OutputStream) -> bytes:
        """All that a stream holds so far."""
        total = _counted(view, stream)
        if total == 0:
            return b""
        part = await self._read(view, stream, _Part(0, None), available=total)
        return part.text.encode("utf-8", "replace")

    async def _read(
        self,
        view: ExecutionView,
        stream: OutputStream,
        part: "_Part",
        *,
        available: int | None = None,
        wait_seconds: float = 0,
    ) -> "_Part":
        """Reads until the part is full, the stream ends, or there is nothing more just now."""
        complete = view.status == ExecutionStatus.COMPLETED
        chunks = self._client.executions.stream(view.devbox_id, view.execution_id, stream, offset=part.begin)
        quiet = _WHOLE_SECONDS if complete else _QUIET_SECONDS
        async with aclosing(chunks):
            while not part.is_full and (complete or available is None or part.end < max(available, part.begin + 1)):
                waiting = not complete and part.end == part.begin and (available is None or available <= part.begin)
                with anyio.move_on_after(max(wait_seconds, 0.05) if waiting else quiet) as patience:
                    try:
                        part.add(await anext(chunks))
                    except StopAsyncIteration:
                        part.ended = True
                        break
                if patience.cancelled_caught:
                    break
        return part


@dataclass(slots=True)
class _Part:
    """A part of a stream, as it is put together."""

    begin: int
    limit: int | None
    text: str = ""
    end: int = -1
    ended: bool = False
    """Whether the stream has, as it does once the command has completed."""

    def __post_init__(self) -> None:
        self.end = self.begin

    def add(self, chunk: OutputChunk) -> None:
        self.text += chunk.text
        self.end = chunk.end

    @property
    def is_full(self) -> bool:
        return self.limit is not None and self.end - self.begin >= self.limit

    def cut(self) -> tuple[str, int]:
        """The text within the limit, and the byte just past it.

        A character that stands for bytes which are no text counts as those bytes, as far as that can be told.
        """
        data = self.text.encode("utf-8", "replace")
        size = self.end - self.begin
        if self.limit is None or size <= self.limit:
            return self.text, self.end
        strange = self.text.count("\ufffd") if len(data) != size else 0
        width = 3 - (len(data) - size) / strange if strange else 3
        taken, count = 0.0, 0
        for character in self.text:
            bytes_of_it = width if character == "\ufffd" and strange else len(character.encode("utf-8", "replace"))
            if taken + bytes_of_it > self.limit and count:
                break
            taken += bytes_of_it
            count += 1
        return self.text[:count], self.begin + round(taken)


def _counted(view: ExecutionView, stream: OutputStream) -> int | None:
    """How many bytes a stream has so far, where the server counts."""
    if view.x_runloop_mcp is None:
        return None
    return view.x_runloop_mcp.stdout_bytes if stream is OutputStream.STDOUT else view.x_runloop_mcp.stderr_bytes
