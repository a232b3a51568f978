"""The log of a build or a launch: lines as they come, brought into the store, with values of secrets covered."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import anyio

from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.secrets.masking import Mask

_MOST_BYTES = 4_000_000
_LONGEST_LINE = 4_000
_MOST_UNFINISHED = 1 << 20
"""A line that has no end is cut there, whatever that cuts: more than any value of a secret has."""
_KEEP_LINES = 200
_KEEP_SECONDS = 0.5
_TAIL_LINES = 20


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line, with secrets covered."""

    level: str
    """`info`, or `error` for why something failed."""
    time_ms: int
    message: str | None = None
    command: str | None = None
    """What begins to run here."""
    exit_status: int | None = None
    """How what ran has ended."""


KeepLines = Callable[[Sequence[LogLine]], Awaitable[None]]
"""Brings lines into the store."""


async def keep_nothing(lines: Sequence[LogLine]) -> None:
    """For a log that nobody reads but for its tail."""


class BuildLog:
    """What one build or launch says.

    Args:
        keep: Brings it into the store.
        mask: Covers what is not to be seen.
    """

    def __init__(self, keep: KeepLines, mask: Mask) -> None:
        self._keep = keep
        self._mask = mask
        self._pending: list[LogLine] = []
        self._unfinished = bytearray()
        self._kept_at = anyio.current_time()
        self._room = _MOST_BYTES
        self.tail: list[str] = []
        """Its last lines."""

    async def say(self, message: str, *, level: str = "info") -> None:
        """Adds a line of our own."""
        self._end_line()
        self._add(message, level)
        await self.keep()

    async def begin(self, command: str) -> None:
        """Notes that a command begins."""
        self._end_line()
        self._pending.append(LogLine("info", now_ms(), command=self._mask.text(command)))
        await self.keep()

    async def end(self, exit_status: int) -> None:
        """Notes how the command has ended."""
        self._end_line()
        self._pending.append(LogLine("info" if exit_status == 0 else "error", now_ms(), exit_status=exit_status))
        await self.keep()

    async def feed(self, data: bytes) -> None:
        """Takes output as it comes."""
        self._unfinished += data
        *lines, rest = bytes(self._unfinished).split(b"\n")
        if len(rest) > _MOST_UNFINISHED:
            lines, rest = [*lines, rest], b""
        self._unfinished = bytearray(rest)
        for line in lines:
            self._add(_text(line), "info")
        if len(self._pending) >= _KEEP_LINES or anyio.current_time() - self._kept_at > _KEEP_SECONDS:
            await self.keep()

    def _end_line(self) -> None:
        if self._unfinished:
            self._add(_text(bytes(self._unfinished)), "info")
            self._unfinished.clear()

    def _add(self, message: str, level: str) -> None:
        message = self._mask.text(message)  # before it is cut: a part of a value would not be known as one
        if len(message) > _LONGEST_LINE:
            message = f"{message[:_LONGEST_LINE]}…"
        self.tail = [*self.tail[1 - _TAIL_LINES :], message]
        if self._room <= 0:
            return
        self._room -= len(message) + 1
        if self._room <= 0:
            message = f"… what it said beyond {_MOST_BYTES // 1_000_000} MB is not kept …"
        self._pending.append(LogLine(level, now_ms(), message))

    async def keep(self) -> None:
        """Brings what came so far into the store."""
        self._kept_at = anyio.current_time()
        lines, self._pending = self._pending, []
        if lines:
            await self._keep(lines)


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r")
