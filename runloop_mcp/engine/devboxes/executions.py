"""Executions: commands started on a booted devbox, followed to their end, and kept."""

import asyncio
import logging
import time
from collections.abc import Callable, Container
from dataclasses import dataclass, field, replace
from pathlib import Path
from sqlite3 import Connection
from typing import TYPE_CHECKING

import anyio
from anyio.abc import TaskGroup

from runloop_mcp.api.errors import ApiError, Conflict, NotFound
from runloop_mcp.api.models.devbox import (
    ExecuteParams,
    ExecutionDetails,
    ExecutionStatus,
    ExecutionView,
    OutputStream,
)
from runloop_mcp.api.trace import ToolCall
from runloop_mcp.devbox.port import Command, Devbox, Exit, Limits, Process, ShellCommand
from runloop_mcp.engine.changes import Changes
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.devboxes.output import INLINE_BYTES, Output, tail
from runloop_mcp.engine.devboxes.paths import expanded
from runloop_mcp.engine.devboxes.shells import ShellTurn
from runloop_mcp.engine.devboxes.sizes import hit_notes
from runloop_mcp.engine.recordable import kept_call
from runloop_mcp.engine.secrets.masking import Mask
from runloop_mcp.engine.store import executions, idempotency
from runloop_mcp.engine.store.database import Database
from runloop_mcp.engine.store.executions import ExecutionData, ExecutionRow, KeptDetails, KeptOutput

if TYPE_CHECKING:
    from runloop_mcp.engine.devboxes.keeper import Held

logger = logging.getLogger(__name__)

_SHORT_SECONDS = 0.02
"""A command that takes longer is kept when it has begun, too; one that does not is kept once."""

_TAIL_BYTES = 32_000
_LOST = "The devbox ended under this command, so nobody saw how it ended; 137 stands for its exit status."


@dataclass(slots=True)
class Running:
    """An execution that this server follows."""

    row: ExecutionRow
    process: Process
    stdout: Output
    stderr: Output
    request: "Request"
    held: "Held"
    """Its devbox, among whose running executions it is found until it has ended and is kept."""
    began: float
    limits: Limits
    """What its devbox may use."""
    kept: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once it is in the database, so that its id may be given away."""
    done: asyncio.Event = field(default_factory=asyncio.Event)
    killed: bool = False

    def snapshot(self) -> ExecutionRow:
        """The execution as it stands: what is read of its output later is what there was now."""
        row, data = self.row, self.row.data
        if row.status is ExecutionStatus.COMPLETED:
            return row
        turn = self.turn
        notes = data.details.notes if turn is None else [*self.request.notes, *turn.notes]
        return replace(
            row,
            status=row.status if turn is None else turn.status,
            data=replace(
                data,
                details=replace(data.details, notes=[*notes]),
                stdout=self.stdout.kept(),
                stderr=self.stderr.kept(),
            ),
        )

    async def keep_shown(self) -> None:
        """Sees that what readers have been given so far can still be read when this server is killed."""
        if self.row.status is not ExecutionStatus.COMPLETED:
            await self.stdout.outlive_server()
            await self.stderr.outlive_server()

    def output(self, stream: OutputStream) -> Output:
        """One of its streams."""
        return self.stdout if stream is OutputStream.STDOUT else self.stderr

    @property
    def turn(self) -> ShellTurn | None:
        """Its turn in a named shell, where it runs in one."""
        return self.process if isinstance(self.process, ShellTurn) else None


@dataclass(slots=True)
class Request:
    """A command that was asked for."""

    execution_id: str
    params: ExecuteParams
    key: str | None
    arguments: str
    """Names the arguments, where there is a key."""
    notes: list[str]
    """What its caller should be told beside its result."""
    run_id: str | None
    """The run that the devbox belongs to, where it does."""
    call: ToolCall | None = None
    """The call that asked for it."""


def idempotency_scope(devbox_id: str) -> str:
    """Where the idempotency keys of a devbox's commands are."""
    return f"execute:{devbox_id}"


class Executions:
    """Starts executions, follows them in tasks of the engine's, and keeps what they gave."""

    def __init__(self, database: Database, folder: Path, changes: Changes, *, quota_bytes: int) -> None:
        self._database = database
        self._folder = folder
        self._changes = changes
        self._quota = quota_bytes
        self.tasks: TaskGroup
        """The engine's task group; set before the first use."""

    def path(self, devbox_id: str, execution_id: str, stream: OutputStream) -> str:
        """Where a stream is kept when it is too large for the execution's row."""
        return f"{self._folder}/{devbox_id}/{execution_id}.{stream}"

    async def start(self, held: "Held", box: Devbox, request: Request) -> Running:
        """Starts a command, which is in `held.running` until it has ended and is kept.

        Raises:
            InvalidRequest: The working directory is not there.
            Unavailable: The devbox has ended.
        """
        params = request.params
        # What may hold a secret is kept in a file as it is, and never in the database.
        inline = 0 if held.mask else INLINE_BYTES
        stdout, stderr = (
            Output(self.path(box.id, request.execution_id, stream), quota_bytes=self._quota, inline_bytes=inline)
            for stream in (OutputStream.STDOUT, OutputStream.STDERR)
        )
        started_ms, began = now_ms(), time.monotonic()
        stdin = (params.stdin or "").encode("utf-8", "surrogatepass")
        directory = _directory(params)
        process: Process
        if params.shell_name is not None:
            process = await self._take_turn(held, box, request, stdin, stdout, stderr)
        else:
            process = await box.start(
                Command(
                    argv=("bash", "-c", params.command),
                    working_directory=directory,
                    environment={**held.environment, **(params.environment or {})},
                    timeout_seconds=params.timeout_seconds,
                    stdin=stdin,
                    attach_stdin=params.attach_stdin,
                ),
                stdout=stdout.write,
                stderr=stderr.write,
            )
        row = ExecutionRow(
            id=request.execution_id,
            devbox_id=box.id,
            status=process.status if isinstance(process, ShellTurn) else ExecutionStatus.RUNNING,
            exit_status=None,
            start_time_ms=started_ms,
            end_time_ms=None,
            data=ExecutionData(
                details=KeptDetails(
                    command=held.mask.text(params.command),
                    working_directory=held.mask.text(directory or _default_directory(box, params)),
                    attach_stdin=params.attach_stdin,
                    notes=request.notes,
                ),
                last_n=params.last_n,
                shell_name=params.shell_name,
            ),
        )
        running = Running(row, process, stdout, stderr, request, held, began, box.spec.limits)
        held.running[row.id] = running
        return running

    async def _take_turn(
        self, held: "Held", box: Devbox, request: Request, stdin: bytes, stdout: Output, stderr: Output
    ) -> ShellTurn:
        """Asks for a command's turn in its shell."""
        params = request.params
        named = held.shells.named(params.shell_name or "")
        command = ShellCommand(
            text=params.command,
            working_directory=_directory(params),
            environment=params.environment or {},
            timeout_seconds=params.timeout_seconds,
            stdin=stdin,
            attach_stdin=params.attach_stdin,
        )
        busy = named.asked > 0
        begins_in = expanded(params.shell_directory) if params.shell_directory is not None else None
        turn = ShellTurn(named, box, held.environment, command, begins_in=begins_in)
        self.tasks.start_soon(turn.carry_out, stdout.write, stderr.write)
        if not busy:
            try:
                await turn.begun()
            except anyio.get_cancelled_exc_class():
                with anyio.CancelScope(shield=True):
                    await turn.kill()
                raise
        return turn

    async def see_through(self, running: Running, mask: Mask, *, seconds: float) -> None:
        """Sees a command to its end if that comes soon; a task of the engine's owns it from then on, if not.

        Most commands are over soon. They cost no task, and are kept once, with their end, before anyone is told.
        """
        end: Exit | None = None
        try:
            with anyio.move_on_after(min(seconds, _SHORT_SECONDS)):
                end = await running.process.wait()
        except BaseException:
            # The caller was cancelled: whoever ends the command then finds it followed.
            self.tasks.start_soon(self._follow, running)
            raise
        if end is None:
            self.tasks.start_soon(self._follow, running)
            return
        if (call := running.request.call) is not None:
            # It is about to return, so what it came to is known: the record gets both in the one commit.
            running.row.data.call = kept_call(call, mask)
        await self._end(running, end)

    async def _follow(self, running: Running) -> None:
        values = executions.values_of(running.row)

        def keep_start(connection: Connection) -> None:
            executions.save(connection, values)
            _keep_key(connection, running)

        try:
            await self._keep(running, keep_start)
            running.kept.set()
            self._notify(running)
            end = await running.process.wait()
        except BaseException:
            with anyio.CancelScope(shield=True):
                await running.process.kill()
                running.stdout.close()
                running.stderr.close()
            running.kept.set()
            running.done.set()
            raise
        await self._end(running, end)

    async def _end(self, running: Running, end: Exit) -> None:
        row = running.row
        self._finish(running, end)

        def keep_end(connection: Connection) -> None:
            executions.save(connection, executions.values_of(row))
            _keep_key(connection, running)

        if await self._keep(running, keep_end):
            running.held.running.pop(row.id, None)  # it is in the store now; a thousand must not stay in memory
            if row.data.call is not None and running.request.call is not None:
                running.request.call.recorded = True
        running.kept.set()
        running.done.set()
        self._notify(running, row.id)

    def _notify(self, running: Running, *ids: str) -> None:
        run_id = running.request.run_id
        self._changes.notify(*ids, *([run_id] if run_id is not None else []))

    async def _keep(self, running: Running, work: Callable[[Connection], None]) -> bool:
        try:
            try:
                self._database.write_now(work)
            except Conflict:
                with anyio.CancelScope(shield=True):
                    await self._database.write(work)
        except ApiError as error:
            # The caller still gets the result, and is told that it will not be found again.
            logger.warning("Execution %s could not be kept: %s", running.row.id, error)
            running.row.data.details.notes.append(f"This execution could not be kept: {error}")
            return False
        except Exception:
            # The boundary of a background task: one execution that can't be kept must not end the server.
            logger.exception("Execution %s could not be kept", running.row.id)
            running.row.data.details.notes.append("This execution could not be kept; see the server's log.")
            return False
        return True

    @staticmethod
    def _finish(running: Running, end: Exit) -> None:
        row = running.row
        details = row.data.details
        row.status = ExecutionStatus.COMPLETED
        row.exit_status = end.status
        row.end_time_ms = running.held.used_ms = now_ms()
        began: float | None = running.began
        if (turn := running.turn) is not None:
            began = turn.began
            details.notes = [*running.request.notes, *turn.notes]
        details.duration_ms = round((time.monotonic() - began) * 1000) if began is not None else 0
        details.timed_out = end.timed_out
        details.signal = end.signal
        details.killed = running.killed or end.lost
        if end.lost and began is not None:
            details.notes.append(_LOST)
        details.notes += hit_notes(end.limits, running.limits)
        details.limits = sorted(end.limits)
        if running.stdout.dropped or running.stderr.dropped:
            details.limits.append("output")
        for stream in (running.stdout, running.stderr):
            if stream.failure is not None:
                details.notes.append(stream.failure)
        row.data.stdout = running.stdout.close()
        row.data.stderr = running.stderr.close()

    async def forget_lost(self, devbox_id: str, *, but: Container[str] = ()) -> None:
        """Ends the executions of a devbox that a dead server left running: their processes died with it.

        Args:
            devbox_id: A devbox that this server holds.
            but: Those that this server runs on it.
        """

        def work(connection: Connection) -> None:
            # Looked at in the transaction: what runs here is in `but` before it is kept, and until its end is kept.
            for execution_id in [each for each in executions.running(connection, devbox_id) if each not in but]:
                row = executions.get(connection, devbox_id, execution_id)
                row.status = ExecutionStatus.COMPLETED
                row.exit_status = 137
                row.end_time_ms = now_ms()
                row.data.details.killed = True
                row.data.details.notes.append(_LOST)
                for stream, kept in ((OutputStream.STDOUT, row.data.stdout), (OutputStream.STDERR, row.data.stderr)):
                    path = Path(self.path(devbox_id, execution_id, stream))
                    if path.exists():
                        kept.inline, kept.total_bytes = None, path.stat().st_size
                executions.save(connection, executions.values_of(row))

        await self._database.write(work)

    async def view(self, row: ExecutionRow, mask: Mask, *, last_n: int | None = None) -> ExecutionView:
        """An execution as the wire has it, with secrets covered."""
        data, kept_details = row.data, row.data.details
        notes = kept_details.notes
        lines = last_n if last_n is not None else data.last_n
        ends: list[tuple[str, bool]] = []
        for stream, kept in ((OutputStream.STDOUT, data.stdout), (OutputStream.STDERR, data.stderr)):
            if kept.total_bytes == 0:
                ends.append(("", kept.dropped_bytes > 0))
                continue
            path = self.path(row.devbox_id, row.id, stream)
            complete = row.status == ExecutionStatus.COMPLETED
            try:
                ends.append(await tail(kept, path, limit=_TAIL_BYTES, last_lines=lines, mask=mask, complete=complete))
            except NotFound as error:
                ends.append(("", True))
                notes = [*kept_details.notes, str(error)]
        duration_ms = kept_details.duration_ms
        if duration_ms is None:
            duration_ms = (row.end_time_ms or now_ms()) - row.start_time_ms
        return ExecutionView(
            devbox_id=row.devbox_id,
            execution_id=row.id,
            status=row.status,
            exit_status=row.exit_status,
            stdout=ends[0][0],
            stdout_truncated=ends[0][1],
            stderr=ends[1][0],
            stderr_truncated=ends[1][1],
            shell_name=data.shell_name,
            x_runloop_mcp=ExecutionDetails(
                command=kept_details.command,
                working_directory=kept_details.working_directory,
                attach_stdin=kept_details.attach_stdin,
                stdout_bytes=data.stdout.total_bytes,
                stderr_bytes=data.stderr.total_bytes,
                stdout_dropped_bytes=data.stdout.dropped_bytes,
                stderr_dropped_bytes=data.stderr.dropped_bytes,
                duration_ms=duration_ms,
                timed_out=kept_details.timed_out,
                killed=kept_details.killed,
                signal=kept_details.signal,
                limits=kept_details.limits,
                notes=notes,
            ),
        )


def _directory(params: ExecuteParams) -> str | None:
    return expanded(params.working_directory) if params.working_directory is not None else None


def _default_directory(box: Devbox, params: ExecuteParams) -> str:
    """Where a command starts that does not say so; of a shell, only the shell knows."""
    return box.spec.working_directory if params.shell_name is None else ""


def _keep_key(connection: Connection, running: Running) -> None:
    request, row = running.request, running.row
    if request.key is not None and not running.kept.is_set():
        scope = idempotency_scope(row.devbox_id)
        idempotency.keep(connection, scope, request.key, request.arguments, row.id, row.start_time_ms)


def stream_of(row: ExecutionRow, stream: OutputStream) -> KeptOutput:
    """Where one stream of an execution is kept."""
    return row.data.stdout if stream is OutputStream.STDOUT else row.data.stderr
