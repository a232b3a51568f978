"""The `Devboxes` port of the embedded engine: commands, their output, and files."""

from collections.abc import Collection
from sqlite3 import Connection

from runloop_mcp.api.access import LOCAL_OPERATOR, Principal
from runloop_mcp.api.errors import Conflict, InvalidState
from runloop_mcp.api.groups.devboxes import Devboxes
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.devbox import (
    DevboxCreateParams,
    DevboxListParams,
    DevboxStatus,
    DevboxUpdateParams,
    DevboxView,
    ExecuteParams,
    ExecutionView,
    FileContents,
    OutputMatches,
    OutputRange,
    OutputStream,
    QueuePlace,
    StdinSignal,
)
from runloop_mcp.api.models.devbox_record import DevboxLogs, DevboxUsage
from runloop_mcp.api.models.run import RunState
from runloop_mcp.api.trace import EventKind, ToolCall
from runloop_mcp.engine.alarm import Alarm
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.devboxes.commands import Commands
from runloop_mcp.engine.devboxes.creation import create_devbox, refuse_blank_name
from runloop_mcp.engine.devboxes.keeper import Held
from runloop_mcp.engine.devboxes.paths import file_path
from runloop_mcp.engine.devboxes.records import file_line, logs_of, usage_of
from runloop_mcp.engine.devboxes.standalone import StandaloneDevboxes
from runloop_mcp.engine.devboxes.suspension import SUSPENDED, suspend
from runloop_mcp.engine.devboxes.usable import usable, with_run
from runloop_mcp.engine.devboxes.view import load, load_page, view, with_queue
from runloop_mcp.engine.runs.service import EngineRuns
from runloop_mcp.engine.store import devbox_logs, devboxes, events
from runloop_mcp.engine.store.devboxes import DevboxRow

_SNAPSHOT_SECONDS = 20.0
"""How long a forced shutdown waits for snapshots to be given up."""


class EngineDevboxes(Devboxes):
    """Devboxes of the embedded engine.

    Args:
        engine: Whose they are.
        standalone: Looks after those that belong to no run.
        runs: Looks after those that belong to one.
        alarm: Rung when a devbox has a new time to be ended at.
    """

    def __init__(self, engine: EngineContext, standalone: StandaloneDevboxes, runs: EngineRuns, alarm: Alarm) -> None:
        self._engine = engine
        self._standalone = standalone
        self._runs = runs
        self._alarm = alarm
        self._commands = Commands(engine)

    async def create(
        self,
        params: DevboxCreateParams,
        *,
        principal: Principal = LOCAL_OPERATOR,
        idempotency_key: str | None = None,
    ) -> DevboxView:
        """See `Devboxes.create`."""
        made = await create_devbox(self._engine, params, principal=principal, idempotency_key=idempotency_key)
        self._alarm.ring()
        return made

    async def list(self, params: DevboxListParams) -> Page[DevboxView]:
        """See `Devboxes.list`."""
        found, total, more = await self._engine.database.page(load_page, params)
        return Page(items=[view(*each) for each in found], has_more=more, total_count=total)

    async def update(self, devbox_id: str, params: DevboxUpdateParams) -> DevboxView:
        """See `Devboxes.update`."""
        if params.name is not None:
            refuse_blank_name(params.name)

        def work(connection: Connection) -> tuple[DevboxRow, QueuePlace | None]:
            row = devboxes.get(connection, devbox_id)
            row.data.name = params.name if params.name is not None else row.data.name
            row.data.metadata = params.metadata if params.metadata is not None else row.data.metadata
            devboxes.save(connection, row, now_ms=now_ms())
            return with_queue(connection, row)

        return view(*await self._engine.database.write(work))

    async def shutdown(self, devbox_id: str, *, force: bool = False) -> DevboxView:
        """See `Devboxes.shutdown`."""
        row, _ = await self._row(devbox_id)
        if not row.ended:
            held = await self._engine.keeper.hold(devbox_id)
            if held.snapshots:
                await self._give_snapshots_up(held, force=force)
                held = await self._engine.keeper.hold(devbox_id)  # with the last snapshot it may have been let go
            if row.run_id is None:
                await self._standalone.end(held, "api_shutdown")
            else:
                await self._runs.shut_down(row.run_id, held)
        return await self.retrieve(devbox_id)

    async def _give_snapshots_up(self, held: Held, *, force: bool) -> None:
        if not force:
            raise Conflict(
                "A snapshot of the devbox is being made, so it can't be shut down yet.",
                hint="Wait for that, or force the shutdown: the snapshot fails then.",
                retry_after=1,
            )
        for scope in held.snapshot_scopes:
            scope.cancel()

        async def count() -> int:
            return held.snapshots

        await self._engine.changes.wait(held.id, count, lambda left: left == 0, seconds=_SNAPSHOT_SECONDS)

    async def logs(
        self, devbox_id: str, *, execution_id: str | None = None, shell_name: str | None = None
    ) -> DevboxLogs:
        """See `Devboxes.logs`."""
        return await logs_of(self._engine, devbox_id, execution_id=execution_id, shell_name=shell_name)

    async def usage(self, devbox_id: str) -> DevboxUsage:
        """See `Devboxes.usage`."""
        row, _ = await self._row(devbox_id)
        return usage_of(row)

    async def retrieve(self, devbox_id: str) -> DevboxView:
        """See `Devboxes.retrieve`."""
        return view(*await self._engine.database.recall(load, devbox_id))

    async def wait(self, devbox_id: str, *, until: Collection[DevboxStatus], wait_seconds: float) -> DevboxView:
        """See `Devboxes.wait`."""
        row, queue = await self._engine.changes.wait(
            devbox_id, lambda: self._row(devbox_id), lambda seen: seen[0].status in until, seconds=wait_seconds
        )
        return view(row, queue)

    async def execute(
        self,
        devbox_id: str,
        params: ExecuteParams,
        *,
        wait_seconds: float = 20,
        idempotency_key: str | None = None,
        call: ToolCall | None = None,
    ) -> ExecutionView:
        """See `Devboxes.execute`."""
        return await self._commands.execute(
            devbox_id, params, wait_seconds=wait_seconds, idempotency_key=idempotency_key, call=call
        )

    async def execution(
        self, devbox_id: str, execution_id: str, *, wait_seconds: float = 0, last_n: int | None = None
    ) -> ExecutionView:
        """See `Devboxes.execution`."""
        return await self._commands.execution(devbox_id, execution_id, wait_seconds=wait_seconds, last_n=last_n)

    async def kill(self, devbox_id: str, execution_id: str) -> ExecutionView:
        """See `Devboxes.kill`."""
        return await self._commands.kill(devbox_id, execution_id)

    async def send_stdin(
        self, devbox_id: str, execution_id: str, *, text: str | None = None, signal: StdinSignal | None = None
    ) -> ExecutionView:
        """See `Devboxes.send_stdin`."""
        return await self._commands.send_stdin(devbox_id, execution_id, text=text, signal=signal)

    async def suspend(self, devbox_id: str) -> DevboxView:
        """See `Devboxes.suspend`."""
        await self._in_status(devbox_id, DevboxStatus.RUNNING)
        held = await self._engine.keeper.hold(devbox_id)
        _, run = await self._engine.database.read(lambda connection: with_run(connection, devbox_id))
        if run is not None and run.state is RunState.SCORING:
            raise Conflict("The run is being scored.", hint="Wait for its score.", retry_after=1)
        if held.stopping:
            raise Conflict("The devbox is just being ended.", hint="Look at it again.", retry_after=1)
        if held.snapshots:
            raise Conflict("A snapshot of the devbox is being made.", hint="Wait for that.", retry_after=1)
        await suspend(self._engine, held, reason="asked")
        return await self.retrieve(devbox_id)

    async def resume(self, devbox_id: str) -> DevboxView:
        """See `Devboxes.resume`."""
        await self._in_status(devbox_id, *SUSPENDED)
        await usable(self._engine, devbox_id)
        return await self.retrieve(devbox_id)

    async def keep_alive(self, devbox_id: str) -> DevboxView:
        """See `Devboxes.keep_alive`."""
        row = await self._in_status(devbox_id, DevboxStatus.RUNNING)
        held = self._engine.keeper.get(devbox_id)
        idle: dict[str, int] = {}
        if held is None:
            # Nobody has booted it since its server ended, and this need not.
            await self._engine.keeper.let_go(await self._engine.keeper.hold(devbox_id))
            if (rule := row.data.launch_parameters.idle_rule()) is not None:
                idle = {devbox_id: now_ms() + rule.idle_time_seconds * 1000}
        else:
            held.used_ms = now_ms()

        def begin_anew(connection: Connection) -> DevboxRow:
            devboxes.keep_idle_expiries(connection, idle)
            current = devboxes.get(connection, devbox_id)
            if current.status is DevboxStatus.RUNNING:
                devboxes.begin_time(current, now_ms=now_ms())
                devboxes.save(connection, current, now_ms=now_ms())
            return current

        if idle or row.expires_ms is not None:
            row = await self._engine.database.write(begin_anew)
        return view(row, None)

    async def _in_status(self, devbox_id: str, *wanted: DevboxStatus) -> DevboxRow:
        row, _ = await self._row(devbox_id)
        if row.status not in wanted or row.ending:
            valid = "running" if DevboxStatus.RUNNING in wanted else "suspended"
            raise InvalidState(f"The devbox is not {valid}: it is {row.status}.", hint="Look at it again.")
        return row

    async def read_output(
        self,
        devbox_id: str,
        execution_id: str,
        stream: OutputStream,
        *,
        offset: int = 0,
        limit: int = 32_000,
        wait_seconds: float = 0,
    ) -> OutputRange:
        """See `Devboxes.read_output`."""
        return await self._commands.read_output(
            devbox_id, execution_id, stream, offset=offset, limit=limit, wait_seconds=wait_seconds
        )

    async def search_output(
        self, devbox_id: str, execution_id: str, stream: OutputStream, pattern: str, *, limit: int = 50, around: int = 0
    ) -> OutputMatches:
        """See `Devboxes.search_output`."""
        return await self._commands.search_output(devbox_id, execution_id, stream, pattern, limit=limit, around=around)

    async def read_file(self, devbox_id: str, path: str, *, offset: int = 0, limit: int | None = None) -> FileContents:
        """See `Devboxes.read_file`."""
        ready = await usable(self._engine, devbox_id)
        place = file_path(path)
        file = await ready.box.read_file(place, offset=offset, limit=limit)
        return FileContents(path=place, data=file.data, total_bytes=file.size)

    async def write_file(self, devbox_id: str, path: str, data: bytes) -> int:
        """See `Devboxes.write_file`."""
        ready = await usable(self._engine, devbox_id)
        place = file_path(path)
        await ready.box.write_file(place, data)
        path, run_id = ready.held.mask.text(place), ready.run_id
        event: dict[str, object] = {"path": path, "bytes": len(data)}

        def record(connection: Connection) -> None:
            if run_id is not None:
                events.append(connection, run_id, EventKind.FILE, now_ms(), event)
            else:
                devbox_logs.append(connection, devbox_id, [file_line(path, len(data), time_ms=now_ms())])

        await self._engine.database.write_soon(record)
        if run_id is not None:
            self._engine.changes.notify(run_id)
        return len(data)

    async def _row(self, devbox_id: str) -> tuple[DevboxRow, QueuePlace | None]:
        return await self._engine.database.look(lambda connection: load(connection, devbox_id))
