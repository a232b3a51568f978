"""What is kept of a devbox: its log, brought together from its boots, its executions and its files, and its usage."""

from collections.abc import Iterator
from sqlite3 import Connection

from runloop_mcp.api.errors import NotFound
from runloop_mcp.api.models.devbox import DevboxStatus, ExecutionStatus, OutputStream
from runloop_mcp.api.models.devbox_record import DevboxLog, DevboxLogs, DevboxUsage
from runloop_mcp.api.output_search import decode
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.devboxes.executions import stream_of
from runloop_mcp.engine.devboxes.output import shown_bytes
from runloop_mcp.engine.devboxes.sizes import limits_of
from runloop_mcp.engine.secrets.masking import Mask
from runloop_mcp.engine.store import devbox_logs, devboxes, events, executions
from runloop_mcp.engine.store.devboxes import DevboxRow
from runloop_mcp.engine.store.executions import ExecutionRow

_GIB = 1024**3
_MOST_BYTES = 8_000_000
"""How much output a log tells of, all executions together; all of it can be read from them."""


async def logs_of(
    engine: EngineContext, devbox_id: str, *, execution_id: str | None, shell_name: str | None
) -> DevboxLogs:
    """A devbox's log; see `Devboxes.logs`."""

    def look(connection: Connection) -> tuple[DevboxRow, list[DevboxLog], list[ExecutionRow]]:
        row = devboxes.get(connection, devbox_id)
        told: list[DevboxLog] = []
        if execution_id is None and shell_name is None:
            told = [*devbox_logs.of_devbox(connection, devbox_id), *_written(connection, row)]
        found = executions.of_devbox(connection, devbox_id, execution_id=execution_id, shell_name=shell_name)
        return row, told, found

    row, lines, found = await engine.database.read(look)
    entrypoints = set(row.data.own.entrypoint_executions) if row.data.own is not None else set()
    mask = await engine.mask_of_devbox(devbox_id)
    held = engine.keeper.get(devbox_id)
    known = {execution.id for execution in found}
    if held is not None:
        # Those that have begun just now may not be kept yet.
        found += [
            running.row
            for running in held.running.values()
            if running.row.id not in known
            and execution_id in (None, running.row.id)
            and shell_name in (None, running.row.data.shell_name)
        ]
    room = _MOST_BYTES
    for execution in found:
        running = held.running.get(execution.id) if held is not None else None
        current = running.snapshot() if running is not None else execution
        source = "entrypoint" if execution.id in entrypoints else "exec"
        told, room = await _lines_of(engine, current, source, mask, room)
        lines += told
    # By time alone: lines of one moment stay in their order.
    return DevboxLogs(logs=sorted(lines, key=lambda line: line.timestamp_ms))


def _written(connection: Connection, row: DevboxRow) -> Iterator[DevboxLog]:
    """The files that were written into the devbox of a run, which the run's record has."""
    if row.run_id is not None:
        for time_ms, data in events.files_written(connection, row.run_id):
            yield file_line(str(data.get("path")), int(str(data.get("bytes", 0))), time_ms=time_ms)


def file_line(path: str, size: int, *, time_ms: int) -> DevboxLog:
    """What a log tells of a file that was written."""
    return DevboxLog(level="info", source="files", timestamp_ms=time_ms, message=f"Wrote {path} ({size} bytes)")


async def _lines_of(
    engine: EngineContext, row: ExecutionRow, source: str, mask: Mask, room: int
) -> tuple[list[DevboxLog], int]:
    """The lines of an execution, and how many bytes of output there is room for after it."""

    def line(level: str, time_ms: int, **fields: object) -> DevboxLog:
        about = {"cmd_id": row.id, "shell_name": row.data.shell_name}
        return DevboxLog.model_validate({"level": level, "source": source, "timestamp_ms": time_ms, **about, **fields})

    complete = row.status == ExecutionStatus.COMPLETED
    ended_ms = row.end_time_ms if row.end_time_ms is not None else now_ms()
    lines = [line("info", row.start_time_ms, cmd=row.data.details.command)]
    for stream, level in ((OutputStream.STDOUT, "info"), (OutputStream.STDERR, "error")):
        kept = stream_of(row, stream)
        limit = min(kept.total_bytes, room)
        try:
            path = engine.executions.path(row.devbox_id, row.id, stream)
            data = await shown_bytes(kept, path, 0, limit, mask=mask, complete=complete) if limit else b""
        except NotFound as error:
            lines.append(line(level, ended_ms, message=str(error)))
            continue
        room -= len(data)
        lines += [line(level, ended_ms, message=text) for text in decode(data).splitlines()]
        if limit < kept.total_bytes:
            left = kept.total_bytes - limit
            lines.append(line(level, ended_ms, message=f"… {left} more bytes; read them from the execution …"))
    if complete:
        lines.append(line("info" if row.exit_status == 0 else "error", ended_ms, exit_code=row.exit_status))
    return lines, room


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
