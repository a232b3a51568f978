"""The log of a build: lines as they come, kept in the store, with values of secrets covered."""

import anyio

from runloop_mcp.api.models.blueprint import BlueprintLog
from runloop_mcp.engine.changes import Changes
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.secrets.masking import Mask
from runloop_mcp.engine.store import blueprints
from runloop_mcp.engine.store.database import Database

_MOST_BYTES = 4_000_000
_LONGEST_LINE = 4_000
_MOST_UNFINISHED = 1 << 20
"""A line that has no end is cut there, whatever that cuts: more than any value of a secret has."""
_KEEP_LINES = 200
_KEEP_SECONDS = 0.5
_TAIL_LINES = 20


class BuildLog:
    """What one build says.

    Args:
        database: Where the log is kept.
        changes: Told when more of it is.
        blueprint_id: Whose build it is.
        mask: Covers what is not to be seen.
    """

    def __init__(self, database: Database, changes: Changes, blueprint_id: str, mask: Mask) -> None:
        self._database = database
        self._changes = changes
        self._blueprint_id = blueprint_id
        self._mask = mask
        self._pending: list[BlueprintLog] = []
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
        self._pending.append(BlueprintLog(level=level, message=message, timestamp_ms=now_ms()))

    async def keep(self) -> None:
        """Brings what came so far into the store."""
        self._kept_at = anyio.current_time()
        lines, self._pending = self._pending, []
        if lines:
            await self._database.write(lambda connection: blueprints.append_logs(connection, self._blueprint_id, lines))
            self._changes.notify(self._blueprint_id)


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r")
