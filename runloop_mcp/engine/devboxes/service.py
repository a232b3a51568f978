"""The `Devboxes` port of the embedded engine: commands, their output, and files."""

import posixpath
from collections.abc import Collection
from dataclasses import dataclass
from sqlite3 import Connection

import anyio

from runloop_mcp.api.access import LOCAL_OPERATOR, Principal
from runloop_mcp.api.errors import Conflict, InvalidRequest, InvalidState
from runloop_mcp.api.groups.devboxes import Devboxes
from runloop_mcp.api.ids import IdPrefix, new_id
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.devbox import (
    DevboxCreateParams,
    DevboxDetails,
    DevboxListParams,
    DevboxStatus,
    DevboxUpdateParams,
    DevboxView,
    ExecuteParams,
    ExecutionStatus,
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
from runloop_mcp.api.models.scoring import ScoringMode
from runloop_mcp.api.trace import EventKind, ToolCall
from runloop_mcp.devbox.port import HOME, Devbox
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.devboxes import output
from runloop_mcp.engine.devboxes.executions import Request, Running, idempotency_scope, stream_of
from runloop_mcp.engine.devboxes.keeper import Held
from runloop_mcp.engine.devboxes.suspension import SUSPENDED, suspend
from runloop_mcp.engine.runs.states import ENDED, next_calls
from runloop_mcp.engine.runs.view import time_left_seconds
from runloop_mcp.engine.store import devboxes, events, executions, idempotency, places, runs
from runloop_mcp.engine.store.devboxes import DevboxRow
from runloop_mcp.engine.store.executions import ExecutionRow
from runloop_mcp.engine.store.runs import RunRow

_BOOT_SECONDS = 20.0
_KILL_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class _Usable:
    """A devbox that may be used now."""

    held: Held
    run: RunRow


class EngineDevboxes(Devboxes):
    """Devboxes of the embedded engine."""

    def __init__(self, engine: EngineContext) -> None:
        self._engine = engine

    async def create(
        self,
        params: DevboxCreateParams,
        *,
        principal: Principal = LOCAL_OPERATOR,
        idempotency_key: str | None = None,
    ) -> DevboxView:
        """See `Devboxes.create`."""
        raise NotImplementedError

    async def list(self, params: DevboxListParams) -> Page[DevboxView]:
        """See `Devboxes.list`."""
        raise NotImplementedError

    async def update(self, devbox_id: str, params: DevboxUpdateParams) -> DevboxView:
        """See `Devboxes.update`."""
        raise NotImplementedError

    async def shutdown(self, devbox_id: str, *, force: bool = False) -> DevboxView:
        """See `Devboxes.shutdown`."""
        raise NotImplementedError

    async def logs(
        self, devbox_id: str, *, execution_id: str | None = None, shell_name: str | None = None
    ) -> DevboxLogs:
        """See `Devboxes.logs`."""
        raise NotImplementedError

    async def usage(self, devbox_id: str) -> DevboxUsage:
        """See `Devboxes.usage`."""
        raise NotImplementedError

    async def retrieve(self, devbox_id: str) -> DevboxView:
        """See `Devboxes.retrieve`."""
        return _view(*await self._row(devbox_id))

    async def wait(self, devbox_id: str, *, until: Collection[DevboxStatus], wait_seconds: float) -> DevboxView:
        """See `Devboxes.wait`."""
        row, queue = await self._engine.changes.wait(
            devbox_id, lambda: self._row(devbox_id), lambda seen: seen[0].status in until, seconds=wait_seconds
        )
        return _view(row, queue)

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
        if "\0" in params.command:
            raise InvalidRequest("The command holds a NUL character.", hint="Send the command without it.")
        arguments = idempotency.fingerprint(params) if idempotency_key is not None else ""
        if idempotency_key is not None and self._engine.keeper.get(devbox_id) is None:
            # The devbox may be gone, or have to be booted first: a repeated call needs neither.
            scope = idempotency_scope(devbox_id)
            begun = await self._engine.database.read(
                lambda connection: idempotency.find(connection, scope, idempotency_key, arguments)
            )
            if begun is not None:
                return await self.execution(devbox_id, begun, wait_seconds=wait_seconds)
        usable = await self._usable(devbox_id)
        held = usable.held
        if idempotency_key is None:
            running = await self._start(usable, params, None, "", call)
        else:
            async with held.keyed:  # two calls with one key must not both find it unused
                known = held.keys.get(idempotency_key)
                if known is None:
                    running = await self._start(usable, params, idempotency_key, arguments, call)
                    held.keys[idempotency_key] = (arguments, running.row.id)
            if known is not None:
                idempotency.refuse_other_arguments(known[0], arguments)
                return await self.execution(devbox_id, known[1], wait_seconds=wait_seconds)
        try:
            await self._engine.executions.see_through(running, held.mask, seconds=wait_seconds)
            # Looked at first: even to wait for what has happened costs a turn of the event loop.
            if not running.done.is_set():
                with anyio.move_on_after(wait_seconds):
                    await running.done.wait()
                if not running.kept.is_set():
                    await running.kept.wait()
        except BaseException:
            # Nobody learned the execution's id, so nobody else could end it.
            with anyio.CancelScope(shield=True), anyio.move_on_after(_KILL_SECONDS):
                running.killed = True
                await running.process.kill()
            raise
        view = await self._engine.executions.view(running.snapshot(), held.mask)
        return _with_budget(view, usable)

    async def _start(
        self, usable: _Usable, params: ExecuteParams, key: str | None, arguments: str, call: ToolCall | None
    ) -> Running:
        held, limit = usable.held, usable.run.data.commands_limit
        if limit is not None and held.commands >= limit:
            raise InvalidState(
                f"All {limit} commands of this run are used up.",
                hint="Files can still be read and written; then score the run.",
            )
        # Counted before the start, so that commands side by side can't pass the limit together.
        news, held.news = held.news, []
        request = Request(new_id(IdPrefix.EXECUTION), params, key, arguments, news, usable.run.id, call)
        held.commands += 1
        try:
            return await self._engine.executions.start(held, _box(held), request)
        except BaseException:
            held.commands -= 1
            held.news = news + held.news
            raise

    async def execution(self, devbox_id: str, execution_id: str, *, wait_seconds: float = 0) -> ExecutionView:
        """See `Devboxes.execution`."""
        row = await self._engine.changes.wait(
            execution_id,
            lambda: self._execution_row(devbox_id, execution_id),
            lambda seen: seen.status == ExecutionStatus.COMPLETED,
            seconds=wait_seconds,
        )
        return await self._engine.executions.view(row, await self._engine.mask_of_devbox(devbox_id))

    async def kill(self, devbox_id: str, execution_id: str) -> ExecutionView:
        """See `Devboxes.kill`."""
        row = await self._execution_row(devbox_id, execution_id)
        held = self._engine.keeper.get(devbox_id)
        running = held.running.get(execution_id) if held else None
        if running is not None and not running.done.is_set():
            running.killed = True
            await running.process.kill()
            with anyio.move_on_after(_KILL_SECONDS):
                await running.done.wait()
            row = running.snapshot()
        return await self._engine.executions.view(row, await self._engine.mask_of_devbox(devbox_id))

    async def send_stdin(
        self, devbox_id: str, execution_id: str, *, text: str | None = None, signal: StdinSignal | None = None
    ) -> ExecutionView:
        """See `Devboxes.send_stdin`."""
        if text is None and signal is None:
            raise InvalidRequest("Neither text nor a signal is given.", hint="Give text, EOF or INTERRUPT.")
        row = await self._execution_row(devbox_id, execution_id)
        held = self._engine.keeper.get(devbox_id)
        running = held.running.get(execution_id) if held else None
        if held is None or running is None or running.done.is_set():
            if row.status != ExecutionStatus.COMPLETED:
                await self._engine.keeper.hold(devbox_id)  # says which server has it
            raise InvalidState(
                f"The execution has ended, with exit status {row.exit_status}.", hint="Its output can be read."
            )
        held.used_ms = now_ms()
        if text:
            await running.process.send_stdin(text.encode("utf-8", "surrogatepass"))
        if signal is StdinSignal.EOF:
            await running.process.end_stdin()
        elif signal is StdinSignal.INTERRUPT:
            await running.process.interrupt()
        return await self._engine.executions.view(running.snapshot(), held.mask)

    async def suspend(self, devbox_id: str) -> DevboxView:
        """See `Devboxes.suspend`."""
        await self._in_status(devbox_id, DevboxStatus.RUNNING)
        held = await self._engine.keeper.hold(devbox_id)
        run = await self._engine.database.read(lambda connection: _run_of(connection, devbox_id))
        if run.state is RunState.SCORING:
            raise Conflict("The run is being scored.", hint="Wait for its score.", retry_after=1)
        if held.stopping:
            raise Conflict("The devbox is just being ended.", hint="Look at its run.", retry_after=1)
        if held.snapshots:
            raise Conflict("A snapshot of the devbox is being made.", hint="Wait for that.", retry_after=1)
        await suspend(self._engine, held, reason="asked")
        return await self.retrieve(devbox_id)

    async def resume(self, devbox_id: str) -> DevboxView:
        """See `Devboxes.resume`."""
        await self._in_status(devbox_id, *SUSPENDED)
        await self._usable(devbox_id)
        return await self.retrieve(devbox_id)

    async def keep_alive(self, devbox_id: str) -> DevboxView:
        """See `Devboxes.keep_alive`."""
        row = await self._in_status(devbox_id, DevboxStatus.RUNNING)
        held = self._engine.keeper.get(devbox_id)
        if held is None:
            # Nobody has booted it since its server ended, and this need not.
            await self._engine.keeper.release(await self._engine.keeper.hold(devbox_id), forget=False)
            rule = row.data.launch_parameters.idle_rule()
            expiries = {devbox_id: now_ms() + rule.idle_time_seconds * 1000} if rule else {}
            await self._engine.database.write(lambda connection: devboxes.keep_idle_expiries(connection, expiries))
        else:
            held.used_ms = now_ms()
        return _view(row, None)

    async def _in_status(self, devbox_id: str, *wanted: DevboxStatus) -> DevboxRow:
        row, _ = await self._row(devbox_id)
        if row.status not in wanted:
            valid = "running" if DevboxStatus.RUNNING in wanted else "suspended"
            raise InvalidState(f"The devbox is not {valid}: it is {row.status}.", hint="Look at its run.")
        return row

    async def read_output(
        self,
        devbox_id: str,
        execution_id: str,
        stream: OutputStream,
        *,
        offset: int = 0,
        limit: int = 32_000,
        wait_seconds: float = 0,  # noqa: ARG002 - soon
    ) -> OutputRange:
        """See `Devboxes.read_output`."""
        row = await self._execution_row(devbox_id, execution_id)
        return await output.read_range(
            stream_of(row, stream),
            self._engine.executions.path(devbox_id, execution_id, stream),
            offset=offset,
            limit=limit,
            complete=row.status == ExecutionStatus.COMPLETED,
            mask=await self._engine.mask_of_devbox(devbox_id),
        )

    async def search_output(
        self, devbox_id: str, execution_id: str, stream: OutputStream, pattern: str, *, limit: int = 50
    ) -> OutputMatches:
        """See `Devboxes.search_output`."""
        row = await self._execution_row(devbox_id, execution_id)
        path = self._engine.executions.path(devbox_id, execution_id, stream)
        mask = await self._engine.mask_of_devbox(devbox_id)
        return await output.search(stream_of(row, stream), path, pattern, limit=limit, mask=mask)

    async def read_file(self, devbox_id: str, path: str, *, offset: int = 0, limit: int | None = None) -> FileContents:
        """See `Devboxes.read_file`."""
        usable = await self._usable(devbox_id)
        place = _place(path)
        file = await _box(usable.held).read_file(place, offset=offset, limit=limit)
        return FileContents(path=place, data=file.data, total_bytes=file.size)

    async def write_file(self, devbox_id: str, path: str, data: bytes) -> int:
        """See `Devboxes.write_file`."""
        usable = await self._usable(devbox_id)
        place = _place(path)
        await _box(usable.held).write_file(place, data)
        event: dict[str, object] = {"path": usable.held.mask.text(place), "bytes": len(data)}
        await self._engine.database.write_soon(
            lambda connection: events.append(connection, usable.run.id, EventKind.FILE, now_ms(), event)
        )
        self._engine.changes.notify(usable.run.id)
        return len(data)

    async def _row(self, devbox_id: str) -> tuple[DevboxRow, QueuePlace | None]:
        return await self._engine.database.read(lambda connection: _row_and_queue(connection, devbox_id))

    async def _execution_row(self, devbox_id: str, execution_id: str) -> ExecutionRow:
        held = self._engine.keeper.get(devbox_id)
        running = held.running.get(execution_id) if held else None
        if running is not None:
            return running.snapshot()
        row = await self._engine.database.read(lambda connection: executions.get(connection, devbox_id, execution_id))
        if row.status != ExecutionStatus.COMPLETED and held is None:
            await self._forget_lost(devbox_id)
            row = await self._engine.database.read(
                lambda connection: executions.get(connection, devbox_id, execution_id)
            )
        return row

    async def _forget_lost(self, devbox_id: str) -> None:
        """Takes over a devbox whose server has died, so that its executions are seen to have ended."""
        try:
            held = await self._engine.keeper.hold(devbox_id)
        except Conflict:
            return  # its server lives, and follows them
        await self._engine.executions.forget_lost(devbox_id)
        if not held.is_ready() and held.boot is None:
            await self._engine.keeper.release(held, forget=False)

    async def _usable(self, devbox_id: str) -> _Usable:
        """The devbox, booted, with the run that it belongs to.

        Raises:
            NotFound: There is no such devbox.
            InvalidState: Its run has ended, or it is being scored in place.
            Conflict: Another server holds it, or it is still booting.
        """
        held = self._engine.keeper.get(devbox_id)
        run = held.run if held is not None else None
        if run is None:
            run = await self._engine.database.read(lambda connection: _run_of(connection, devbox_id))
        if run.state is RunState.RUNNING and run.expires_ms is not None and run.expires_ms <= now_ms():
            raise InvalidState("The run's time has run out.", hint="Start a new run to try again.")
        if run.state in ENDED:
            raise InvalidState(f"The run is {run.state}, and its devbox is shut down.", hint=next_calls(run.state))
        if run.state is RunState.SCORING and run.data.scoring is ScoringMode.LIVE:
            raise Conflict(
                "The run is being scored in its own devbox, which nobody may use meanwhile.",
                hint="Wait for its score.",
                retry_after=1,
            )
        held = await self._engine.keeper.ready(devbox_id, seconds=_BOOT_SECONDS)
        held.used_ms = now_ms()
        return _Usable(held, run)


def _box(held: Held) -> Devbox:
    if held.box is None:
        raise Conflict("The devbox has just ended.", hint="Call again.", retry_after=1)
    return held.box


def _row_and_queue(connection: Connection, devbox_id: str) -> tuple[DevboxRow, QueuePlace | None]:
    row = devboxes.get(connection, devbox_id)
    return row, places.place_of(connection, devbox_id) if row.status is DevboxStatus.QUEUED else None


def _run_of(connection: Connection, devbox_id: str) -> RunRow:
    return runs.get(connection, devboxes.get(connection, devbox_id).run_id)


def _place(path: str) -> str:
    """A path of a caller, made ready for the driver."""
    if not path or "\0" in path:
        raise InvalidRequest("The path is empty or holds a NUL character.", hint="Give the path of a file.")
    if path == "~" or path.startswith("~/"):
        return posixpath.join(HOME, path[2:])
    return path


def _with_budget(view: ExecutionView, usable: _Usable) -> ExecutionView:
    run, details = usable.run, view.x_runloop_mcp
    if details is not None:
        limit = run.data.commands_limit
        details.budget = {
            "time_left_seconds": time_left_seconds(run),
            "commands_left": max(limit - usable.held.commands, 0) if limit is not None else None,
        }
    return view


def _view(row: DevboxRow, queue: QueuePlace | None) -> DevboxView:
    data = row.data
    return DevboxView(
        id=row.id,
        status=row.status,
        create_time_ms=row.create_time_ms,
        end_time_ms=row.end_time_ms,
        launch_parameters=data.launch_parameters,
        state_transitions=[transition.model_dump(mode="json") for transition in data.transitions],
        failure_reason=data.failure_reason,
        shutdown_reason=data.shutdown_reason,
        snapshot_id=data.snapshot_id,
        blueprint_id=data.blueprint_id,
        x_runloop_mcp=DevboxDetails(
            working_directory=data.working_directory,
            failure_message=data.failure_message,
            isolation=data.isolation,
            queue=queue,
        ),
    )
