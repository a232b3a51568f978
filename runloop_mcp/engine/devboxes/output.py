"""The output of an execution: kept whole up to a quota, as bytes, and made valid text at the edge."""

import asyncio
import base64
import os
from pathlib import Path

import anyio
from anyio import to_thread

from runloop_mcp.api.errors import InvalidRequest, NotFound
from runloop_mcp.api.models.devbox import OutputMatches, OutputRange
from runloop_mcp.api.output_search import decode, search_lines
from runloop_mcp.engine.secrets.masking import Mask
from runloop_mcp.engine.store.executions import KeptOutput

INLINE_BYTES = 8_192
"""Output up to this size is kept in the execution's row: one write, and no file for each short command."""


class Output:
    """One stream while its execution runs: a sink that keeps small output in memory and the rest in a file."""

    def __init__(self, path: str, *, quota_bytes: int, inline_bytes: int = INLINE_BYTES) -> None:
        self._path = path
        self._quota = quota_bytes
        self._inline = inline_bytes
        self._memory = bytearray()
        self._file: int | None = None
        self._failure: str | None = None
        self._closed = False
        self._writing = asyncio.Lock()
        """Held while a thread is at the file."""
        self._news: anyio.Event | None = None
        """Made by whoever waits, so that a stream that nobody waits for costs nothing."""
        self.total = 0
        """Bytes kept."""
        self.dropped = 0
        """Bytes that came after the quota was used up, or that the host's disk did not take."""

    async def write(self, data: bytes) -> None:
        """Takes what the stream gives. Never raises: a full host disk drops output, it does not stop a command."""
        kept = data[: max(self._quota - self.total, 0)]
        self.dropped += len(data) - len(kept)
        if not kept:
            return
        if self._file is None and self.total + len(kept) <= self._inline and not self._writing.locked():
            self._memory += kept
            self.total += len(kept)
        else:
            async with self._writing:
                written = await to_thread.run_sync(self._append, kept)
            self.total += written
            self.dropped += len(kept) - written
        self._tell()

    async def outlive_server(self) -> None:
        """Puts what is in memory into the file, where a server finds it that comes after this one was killed.

        Never raises: where the host's disk does not take it, it stays in memory.
        """
        if not self._memory or not self._needs_file():
            return
        async with self._writing:
            # Whoever had the lock may have begun the file, or the stream may have ended meanwhile.
            if not self._needs_file():
                return
            try:
                file = await to_thread.run_sync(self._begin_file)
            except OSError:
                return
            if self._needs_file():
                self._file = file
            else:
                os.close(file)  # the stream has ended, and is kept with its execution

    def _needs_file(self) -> bool:
        return self._file is None and not self._closed

    def _begin_file(self) -> int:
        """A new file with what is in memory."""
        Path(self._path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            _write_all(file, bytes(self._memory))
        except OSError:
            os.close(file)
            raise
        return file

    def _append(self, data: bytes) -> int:
        try:
            if self._file is None:
                self._file = self._begin_file()
            _write_all(self._file, data)
        except OSError as error:
            self._failure = f"Output was lost: {error.strerror}."
            return 0
        return len(data)

    def _tell(self) -> None:
        if self._news is not None:
            self._news.set()
            self._news = None

    async def grown(self, past: int, *, seconds: float) -> None:
        """Returns once more than so many bytes are kept, the stream has ended, or the time is over."""
        if self.total > past or self._closed:
            return
        if self._news is None:
            self._news = anyio.Event()
        with anyio.move_on_after(seconds):
            await self._news.wait()

    @property
    def failure(self) -> str | None:
        """Why output was lost on our side, if it was."""
        return self._failure

    def close(self) -> KeptOutput:
        """Ends the stream and says where it is kept."""
        self._closed = True
        self._tell()
        if self._file is not None:
            os.close(self._file)
            self._file = None
            return KeptOutput(total_bytes=self.total, dropped_bytes=self.dropped)
        return self.kept()

    def kept(self) -> KeptOutput:
        """Where the output is kept so far."""
        inline = base64.b64encode(self._memory).decode() if self._file is None else None
        return KeptOutput(inline=inline, total_bytes=self.total, dropped_bytes=self.dropped)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


async def read_bytes(kept: KeptOutput, path: str, offset: int, limit: int) -> bytes:
    """A range of a kept stream, as it is.

    Raises:
        NotFound: Its file is gone.
    """
    if kept.inline is not None:
        return base64.b64decode(kept.inline)[offset : offset + limit]
    if kept.total_bytes == 0:
        return b""
    return await to_thread.run_sync(_read_file, path, offset, min(limit, kept.total_bytes - offset))


def _read_file(path: str, offset: int, limit: int) -> bytes:
    try:
        with Path(path).open("rb") as file:
            file.seek(offset)
            return file.read(max(limit, 0))
    except FileNotFoundError as error:
        raise NotFound("This output is no longer kept.", hint="Outputs are kept for a limited time.") from error


async def shown_bytes(
    kept: KeptOutput, path: str, offset: int, limit: int, *, mask: Mask, complete: bool = True
) -> bytes:
    """A range of a kept stream with secrets covered: each byte that is shown stands for one that is kept.

    Of a stream that goes on, what may be the beginning of a secret is left for the next range.

    Raises:
        NotFound: Its file is gone.
    """
    if not mask:
        return await read_bytes(kept, path, offset, limit)
    lead = min(mask.reach, offset)
    around = await read_bytes(kept, path, offset - lead, lead + limit + mask.reach)
    ends = offset - lead + len(around) >= kept.total_bytes
    if ends and not complete:
        around = around[: len(around) - mask.unfinished(around)]
    return mask.output(around)[lead : lead + limit]


async def tail(
    kept: KeptOutput, path: str, *, limit: int, last_lines: int | None, mask: Mask, complete: bool
) -> tuple[str, bool]:
    """The end of a stream as text, and whether something before it was left out.

    Raises:
        NotFound: Its file is gone.
    """
    if kept.total_bytes == 0:
        return "", kept.dropped_bytes > 0
    start = max(kept.total_bytes - limit, 0)
    text = decode(await shown_bytes(kept, path, start, limit, mask=mask, complete=complete))
    cut = start > 0
    if last_lines is not None:
        lines = text.splitlines(keepends=True)
        if len(lines) > last_lines:
            text = "".join(lines[len(lines) - last_lines :])
            cut = True
    return text, cut or kept.dropped_bytes > 0


async def read_range(
    kept: KeptOutput, path: str, *, offset: int, limit: int, complete: bool, mask: Mask
) -> OutputRange:
    """A range of a stream as text, cut between characters; a negative offset counts from the end.

    Raises:
        NotFound: Its file is gone.
    """
    if limit < 1:
        raise InvalidRequest("The limit must be at least 1 byte.")
    begin = max(kept.total_bytes + offset, 0) if offset < 0 else min(offset, kept.total_bytes)
    data = await shown_bytes(kept, path, begin, limit, mask=mask, complete=complete)
    if begin + len(data) < kept.total_bytes:
        data = data[: _whole_characters(data)] or data
    elif not complete:
        data = data[: _whole_characters(data)]
    return OutputRange(
        text=decode(data),
        offset=begin,
        next_offset=begin + len(data),
        total_bytes=kept.total_bytes,
        complete=complete,
        data=data,
    )


def _whole_characters(data: bytes) -> int:
    """How many bytes remain when an unfinished UTF-8 character at the end is left for the next range."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte < 0x80:  # a whole character of one byte
            return len(data)
        if byte >= 0xC0:  # the first byte of a character: how long should it be?
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(data) - back if needed > back else len(data)
    return len(data)


async def search(kept: KeptOutput, path: str, pattern: str, *, limit: int, around: int, mask: Mask) -> OutputMatches:
    """The lines of a stream in which a regular expression is found.

    Raises:
        InvalidRequest: The pattern is no regular expression, or takes too long.
        NotFound: The output's file is gone.
    """
    data = mask.output(await read_bytes(kept, path, 0, kept.total_bytes))
    return await to_thread.run_sync(search_lines, data, pattern, limit, around)
