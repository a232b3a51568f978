"""Commands on devboxes: asked for, found again, read, ended, and sent input."""

import anyio

from runloop_mcp.api.errors import Conflict, InvalidRequest, InvalidState
from runloop_mcp.api.ids import IdPrefix, new_id
from runloop_mcp.api.models.devbox import (
    ExecuteParams,
    ExecutionStatus,
    ExecutionView,
    OutputMatches,
    OutputRange,
    OutputStream,
    StdinSignal,
)
from runloop_mcp.api.trace import ToolCall
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.devboxes import output
from runloop_mcp.engine.devboxes.executions import Request, Running, idempotency_scope, stream_of
from runloop_mcp.engine.devboxes.keeper import Held
from runloop_mcp.engine.devboxes.usable import Usable, usable
from runloop_mcp.engine.runs.view import time_left_seconds
from runloop_mcp.engine.store import executions, idempotency
from runloop_mcp.engine.store.executions import ExecutionRow

_KILL_SECONDS = 10.0


class Commands:
    """The commands of an engine's devboxes."""

    def __init__(self, engine: EngineContext) -> None:
        self._engine = engine

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
        ready = await usable(self._engine, devbox_id)
        held = ready.held
        if idempotency_key is None:
            running = await self._start(ready, params, None, "", call)
        else:
            async with held.keyed:  # two calls with one key must not both find it unused
                known = held.keys.get(idempotency_key)
                if known is None:
                    running = await self._start(ready, params, idempotency_key, arguments, call)
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
        return _with_budget(await self._shown(running, held), ready)

    async def _start(
        self, ready: Usable, params: ExecuteParams, key: str | None, arguments: str, call: ToolCall | None
    ) -> Running:
        held, run = ready.held, ready.run
        limit = run.data.commands_limit if run is not None else None
        if limit is not None and held.commands >= limit:
            raise InvalidState(
                f"All {limit} commands of this run are used up.",
                hint="Files can still be read and written; then score the run.",
            )
        # Counted before the start, so that commands side by side can't pass the limit together.
        news, held.news = held.news, []
        request = Request(new_id(IdPrefix.EXECUTION), params, key, arguments, news, ready.run_id, call)
        held.commands += 1
        try:
            return await self._engine.executions.start(held, ready.box, request)
        except BaseException:
            held.commands -= 1
            held.news = news + held.news
            raise

    async def execution(
        self, devbox_id: str, execution_id: str, *, wait_seconds: float = 0, last_n: int | None = None
    ) -> ExecutionView:
        """See `Devboxes.execution`."""
        row = await self._until_completed(devbox_id, execution_id, seconds=wait_seconds)
        mask = await self._engine.mask_of_devbox(devbox_id)
        view = await self._engine.executions.view(row, mask, last_n=last_n)
        await self._keep_shown(devbox_id, execution_id)
        return view

    async def kill(self, devbox_id: str, execution_id: str) -> ExecutionView:
        """See `Devboxes.kill`."""
        row = await self.row(devbox_id, execution_id)
        running = self._running(devbox_id, execution_id)
        if running is not None and not running.done.is_set():
            running.killed = True
            await running.process.kill()
            with anyio.move_on_after(_KILL_SECONDS):
                await running.done.wait()
            row = running.snapshot()
        view = await self._engine.executions.view(row, await self._engine.mask_of_devbox(devbox_id))
        await self._keep_shown(devbox_id, execution_id)
        return view

    async def send_stdin(
        self, devbox_id: str, execution_id: str, *, text: str | None = None, signal: StdinSignal | None = None
    ) -> ExecutionView:
        """See `Devboxes.send_stdin`."""
        if text is None and signal is None:
            raise InvalidRequest("Neither text nor a signal is given.", hint="Give text, EOF or INTERRUPT.")
        row = await self.row(devbox_id, execution_id)
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
        return await self._shown(running, held)

    async def read_output(
        self,
        devbox_id: str,
        execution_id: str,
        stream: OutputStream,
        *,
        offset: int,
        limit: int,
        wait_seconds: float,
    ) -> OutputRange:
        """See `Devboxes.read_output`."""
        deadline = anyio.current_time() + wait_seconds
        path = self._engine.executions.path(devbox_id, execution_id, stream)
        while True:
            running = self._running(devbox_id, execution_id)
            # Taken before the look, so that what comes between the two is not missed.
            seen = running.output(stream).total if running is not None else 0
            given_up = running is not None and running.done.is_set()
            row = await self.row(devbox_id, execution_id)
            found = await output.read_range(
                stream_of(row, stream),
                path,
                offset=offset,
                limit=limit,
                complete=row.status == ExecutionStatus.COMPLETED,
                mask=await self._engine.mask_of_devbox(devbox_id),
            )
            left = deadline - anyio.current_time()
            if found.next_offset > found.offset or found.complete or given_up or left <= 0:
                await self._keep_shown(devbox_id, execution_id)
                return found
            if running is not None:
                await running.output(stream).grown(seen, seconds=left)
            else:
                # Another server follows it, which tells of its output when it has ended.
                await self._until_completed(devbox_id, execution_id, seconds=left)

    async def search_output(
        self, devbox_id: str, execution_id: str, stream: OutputStream, pattern: str, *, limit: int, around: int
    ) -> OutputMatches:
        """See `Devboxes.search_output`."""
        row = await self.row(devbox_id, execution_id)
        path = self._engine.executions.path(devbox_id, execution_id, stream)
        mask = await self._engine.mask_of_devbox(devbox_id)
        found = await output.search(stream_of(row, stream), path, pattern, limit=limit, around=around, mask=mask)
        await self._keep_shown(devbox_id, execution_id)
        return found

    async def _shown(self, running: Running, held: Held) -> ExecutionView:
        view = await self._engine.executions.view(running.snapshot(), held.mask)
        await running.keep_shown()
        return view

    async def _keep_shown(self, devbox_id: str, execution_id: str) -> None:
        """Sees that what a reader is about to be given of an execution outlives this server."""
        running = self._running(devbox_id, execution_id)
        if running is not None:
            await running.keep_shown()

    async def _until_completed(self, devbox_id: str, execution_id: str, *, seconds: float) -> ExecutionRow:
        return await self._engine.changes.wait(
            execution_id,
            lambda: self.row(devbox_id, execution_id),
            lambda seen: seen.status == ExecutionStatus.COMPLETED,
            seconds=seconds,
        )

    def _running(self, devbox_id: str, execution_id: str) -> Running | None:
        held = self._engine.keeper.get(devbox_id)
        return held.running.get(execution_id) if held is not None else None

    async def row(self, devbox_id: str, execution_id: str) -> ExecutionRow:
        """An execution as it stands.

        Raises:
            NotFound: There is no such devbox or execution.
        """
        held = self._engine.keeper.get(devbox_id)
        running = held.running.get(execution_id) if held else None
        if running is not None:
            return running.snapshot()
        row = await self._engine.database.look(lambda connection: executions.get(connection, devbox_id, execution_id))
        if row.status != ExecutionStatus.COMPLETED:
            await self._forget_lost(devbox_id)
            row = await self._engine.database.read(
                lambda connection: executions.get(connection, devbox_id, execution_id)
            )
        return row

    async def _forget_lost(self, devbox_id: str) -> None:
        """Takes over a devbox whose server has died, so that its executions are seen to have ended.

        Where somebody here has taken it already, to boot it again, nobody waits for that to see it.
        """
        keeper = self._engine.keeper
        before = keeper.get(devbox_id)
        try:
            held = await keeper.hold(devbox_id)
        except Conflict:
            return  # its server lives, and follows them
        await self._engine.executions.forget_lost(devbox_id, but=held.running)
        if before is None:
            await keeper.let_go(held)


def _with_budget(view: ExecutionView, ready: Usable) -> ExecutionView:
    run, details = ready.run, view.x_runloop_mcp
    if run is not None and details is not None:
        limit = run.data.commands_limit
        details.budget = {
            "time_left_seconds": time_left_seconds(run),
            "commands_left": max(limit - ready.held.commands, 0) if limit is not None else None,
            "time_limit_seconds": run.data.keep_alive_seconds,
            "commands_limit": limit,
        }
    return view
