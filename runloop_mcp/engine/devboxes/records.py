"""What is kept of a devbox: its log, brought together from its boots, its executions and its files, and its usage."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from sqlite3 import Connection

from anyio import to_thread

from runloop_mcp.api.errors import NotFound
from runloop_mcp.api.models.devbox import DevboxStatus, ExecutionStatus, OutputStream
from runloop_mcp.api.models.devbox_record import DevboxLog, DevboxLogs, DevboxUsage
from runloop_mcp.api.output_search import decode
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext, secret_names
from runloop_mcp.engine.devboxes.executions import stream_of
from runloop_mcp.engine.devboxes.output import shown_bytes
from runloop_mcp.engine.devboxes.sizes import limits_of
from runloop_mcp.engine.secrets.masking import Mask
from runloop_mcp.engine.store import devbox_logs, devboxes, events, executions
from runloop_mcp.engine.store.devboxes import DevboxRow
from runloop_mcp.engine.store.executions import ExecutionRow

_GIB = 1024**3
_MOST_BYTES = 2_000_000
"""How much output a log tells of, all executions together; all of it can be read from them."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What one stream of an execution has said, or why that is not told."""

    level: str
    data: bytes = b""
    instead: str | None = None
    """What is told beside it, or in its place."""


@dataclass(frozen=True, slots=True)
class _Told:
    """An execution, with what it has said."""

    row: ExecutionRow
    source: str
    said: Sequence[_Said]


async def logs_of(
    engine: EngineContext, devbox_id: str, *, execution_id: str | None, shell_name: str | None
) -> DevboxLogs:
    """A devbox's log; see `Devboxes.logs`."""

    def look(connection: Connection) -> tuple[DevboxRow, Collection[str], list[DevboxLog], list[ExecutionRow]]:
        row = devboxes.get(connection, devbox_id)
        lines: list[DevboxLog] = []
        if execution_id is None and shell_name is None:
            lines = [*devbox_logs.of_devbox(connection, devbox_id), *_written(connection, row)]
        found = executions.of_devbox(connection, devbox_id, execution_id=execution_id, shell_name=shell_name)
        return row, secret_names(connection, devbox_id), lines, found

    row, names, lines, found = await engine.database.read(look)
    entrypoints = set(row.data.own.entrypoint_executions) if row.data.own is not None else set()
    reader = _Reader(engine, await engine.mask_of_devbox(devbox_id), await _uncovered(engine, devbox_id, names))
    told = [
        _Told(each, "entrypoint" if each.id in entrypoints else "exec", await reader.said(each))
        for each in _as_they_stand(engine, devbox_id, found, execution_id, shell_name)
    ]
    held = engine.keeper.get(devbox_id)
    for running in [*held.running.values()] if held is not None else []:
        await running.keep_shown()
    # In a thread: it may be a great many lines.
    return await to_thread.run_sync(_put_together, lines, told)


def _as_they_stand(
    engine: EngineContext,
    devbox_id: str,
    kept: list[ExecutionRow],
    execution_id: str | None,
    shell_name: str | None,
) -> list[ExecutionRow]:
    """The executions as this server knows them, with those that have begun just now and may not be kept yet."""
    held = engine.keeper.get(devbox_id)
    if held is None:
        return kept
    running = {running.row.id: running.snapshot() for running in held.running.values()}
    known = {row.id for row in kept}
    new = [
        row
        for row in running.values()
        if row.id not in known and execution_id in (None, row.id) and shell_name in (None, row.data.shell_name)
    ]
    return [running.get(row.id, row) for row in kept] + new


async def _uncovered(engine: EngineContext, devbox_id: str, names: Collection[str]) -> list[str]:
    """Secrets of the devbox whose values nobody knows any more, so that they could not be covered."""
    held = engine.keeper.get(devbox_id)
    return [] if held is not None and held.prepared else await engine.secrets.missing(names)


def _written(connection: Connection, row: DevboxRow) -> Iterator[DevboxLog]:
    """The files that were written into the devbox of a run, which the run's record has."""
    if row.run_id is not None:
        for time_ms, data in events.files_written(connection, row.run_id):
            yield file_line(str(data.get("path")), int(str(data.get("bytes", 0))), time_ms=time_ms)


def file_line(path: str, size: int, *, time_ms: int) -> DevboxLog:
    """What a log tells of a file that was written."""
    return DevboxLog(level="info", source="files", timestamp_ms=time_ms, message=f"Wrote {path} ({size} bytes)")


class _Reader:
    """Reads what executions have said, as far as there is room for it."""

    def __init__(self, engine: EngineContext, mask: Mask, uncovered: Sequence[str]) -> None:
        self._engine = engine
        self._mask = mask
        self._uncovered = uncovered
        self._room = _MOST_BYTES

    async def said(self, row: ExecutionRow) -> list[_Said]:
        """What an execution has said, on both streams."""
        return [
            await self._stream(row, OutputStream.STDOUT, "info"),
            await self._stream(row, OutputStream.STDERR, "error"),
        ]

    async def _stream(self, row: ExecutionRow, stream: OutputStream, level: str) -> _Said:
        kept = stream_of(row, stream)
        limit = min(kept.total_bytes, self._room)
        if kept.total_bytes and self._uncovered:
            secrets = ", ".join(self._uncovered)
            return _Said(level, instead=f"… left out: values of {secrets} are not known any more to be covered …")
        if not limit:
            return _Said(level, instead=_beyond(kept.total_bytes))
        path = self._engine.executions.path(row.devbox_id, row.id, stream)
        complete = row.status == ExecutionStatus.COMPLETED
        try:
            data = await shown_bytes(kept, path, 0, limit, mask=self._mask, complete=complete)
        except NotFound as error:
            return _Said(level, instead=str(error))
        self._room -= len(data)
        return _Said(level, data, _beyond(kept.total_bytes - limit))


def _beyond(left: int) -> str | None:
    return f"… {left} more bytes; read them from the execution …" if left else None


def _put_together(lines: list[DevboxLog], told: Sequence[_Told]) -> DevboxLogs:
    for each in told:
        lines += _lines_of(each)
    # By time alone: lines of one moment stay in their order.
    return DevboxLogs(logs=sorted(lines, key=lambda line: line.timestamp_ms))


def _lines_of(told: _Told) -> Iterator[DevboxLog]:
    row = told.row
    ended_ms = row.end_time_ms if row.end_time_ms is not None else now_ms()
    blank = DevboxLog(
        level="info", source=told.source, timestamp_ms=ended_ms, cmd_id=row.id, shell_name=row.data.shell_name
    )
    yield blank.model_copy(update={"timestamp_ms": row.start_time_ms, "cmd": row.data.details.command})
    for said in told.said:
        messages = [*decode(said.data).splitlines(), *([said.instead] if said.instead is not None else [])]
        for message in messages:
            yield blank.model_copy(update={"level": said.level, "message": message})
    if row.status == ExecutionStatus.COMPLETED:
        level = "info" if row.exit_status == 0 else "error"
        yield blank.model_copy(update={"level": level, "exit_code": row.exit_status})


def usage_of(row: DevboxRow) -> DevboxUsage:
    """What a devbox has used: of the time that it was up, by what it was granted then."""
    until_ms = row.end_time_ms if row.end_time_ms is not None else now_ms()
    changes = [(change.status, change.transition_time_ms) for change in row.data.transitions]
    ends = [time_ms for _, time_ms in changes[1:]] + [until_ms]
    active_ms = sum(
        max(end_ms - begin_ms, 0)
        for (status, begin_ms), end_ms in zip(changes, ends, strict=True)
        if status is DevboxStatus.RUNNING
    )
    active = active_ms / 1000
    limits = limits_of(row.data.launch_parameters)
    return DevboxUsage(
        id=row.id,
        status=row.status,
        start_time_ms=row.create_time_ms,
        end_time_ms=row.end_time_ms,
        total_active_seconds=round(active),
        total_elapsed_seconds=round(max(until_ms - row.create_time_ms, 0) / 1000),
        vcpu_seconds=round(active * (limits.cpus or 0)),
        memory_gb_seconds=round(active * (limits.memory_bytes or 0) / _GIB),
        disk_gb_seconds=round(active * (limits.disk_bytes or 0) / _GIB),
    )
