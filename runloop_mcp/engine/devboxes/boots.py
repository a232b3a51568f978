"""Booting a devbox: made and launched where it never was, else again on its disk; and noticing when it ends."""

import logging
from collections.abc import Awaitable, Callable
from sqlite3 import Connection

import anyio

from runloop_mcp.api.errors import ApiError, InvalidState, NotFound
from runloop_mcp.api.models.devbox import DevboxStatus
from runloop_mcp.api.models.scoring import ScoringMode
from runloop_mcp.api.trace import EventKind
from runloop_mcp.devbox.port import Files
from runloop_mcp.engine.agents.mounted import with_programs
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.devboxes.entrypoint import Entrypoints
from runloop_mcp.engine.devboxes.executions import idempotency_scope
from runloop_mcp.engine.devboxes.idle import IdleDevboxes
from runloop_mcp.engine.devboxes.keeper import Held
from runloop_mcp.engine.devboxes.setup import Setup, mounts_of
from runloop_mcp.engine.devboxes.standalone import StandaloneDevboxes
from runloop_mcp.engine.devboxes.suspension import SUSPENDED, mark_resumed
from runloop_mcp.engine.devboxes.usable import with_run
from runloop_mcp.engine.runs.launch import BOOTED_AGAIN, RESUMED, LaunchFailed
from runloop_mcp.engine.scoring.tools import ScorerTools
from runloop_mcp.engine.secrets.masking import Mask
from runloop_mcp.engine.spans import span
from runloop_mcp.engine.store import devboxes, events, executions, idempotency, runs, versions
from runloop_mcp.engine.store import mounts as kept_mounts
from runloop_mcp.engine.store.devboxes import DevboxRow
from runloop_mcp.engine.store.runs import RunRow

logger = logging.getLogger(__name__)

FailRun = Callable[[str, Held, str], Awaitable[None]]
"""Fails a run whose devbox can't be used, with the reason."""


class Boots:
    """Boots the devboxes that this server holds.

    Args:
        engine: Whose devboxes they are.
        idle: Begins to look after what has booted.
        standalone: Launches and ends those that belong to no run.
        fail_run: Told of those that belong to one, and can't be used.
    """

    def __init__(
        self, engine: EngineContext, idle: IdleDevboxes, standalone: StandaloneDevboxes, fail_run: FailRun
    ) -> None:
        self._engine = engine
        self._idle = idle
        self._standalone = standalone
        self._entrypoints = Entrypoints(engine, standalone)
        self._fail_run = fail_run

    async def boot(self, held: Held) -> None:
        """Boots a held devbox.

        Raises:
            ApiError: It can't be booted; the error says why.
        """
        engine = self._engine
        row, run = await self._bootable(held)
        if not engine.places.has(held.id):
            await engine.places.take(held.id)
            row, run = await self._bootable(held)
        await self._prepare(held, row, run)
        was_there = row.status is DevboxStatus.RUNNING or row.status in SUSPENDED
        try:
            with span("boot devbox", **{"devbox.id": held.id, "run.id": row.run_id or ""}):
                if was_there:
                    await self._boot_again(held, run, row)
                else:
                    await self._launch(held, run, row)
            await self._idle.begin(held, row.data.launch_parameters.idle_rule())
            if row.data.own is not None and row.data.own.entrypoint is not None:
                await self._entrypoints.begin(held, row.data.own.entrypoint)
        except ApiError as error:
            # What launch commands print is told to callers and kept.
            error.message = held.mask.text(error.message)
            if isinstance(error, NotFound | InvalidState) or not was_there:
                await self._give_up(held, row, error)
            raise
        if held.box is not None:
            engine.tasks.start_soon(self._watch, held)
        engine.changes.notify(*filter(None, (row.run_id, held.id)))

    async def _bootable(self, held: Held) -> tuple[DevboxRow, RunRow | None]:
        """The devbox and its run as they are kept.

        Raises:
            InvalidState: The devbox has ended for ever.
        """
        row, run = await self._engine.database.read(lambda connection: with_run(connection, held.id))
        if row.ended:
            await self._engine.keeper.release(held, forget=True)
            told = (
                "The devbox is shut down." if run is None else f"The devbox is shut down, and its run is {run.state}."
            )
            raise InvalidState(
                row.data.failure_message or told, hint="Make a new one." if run is None else "Start a new run."
            )
        return row, run

    async def _prepare(self, held: Held, row: DevboxRow, run: RunRow | None) -> None:
        """Brings together what commands of the devbox get, and what is known of those that it has had."""
        engine = self._engine
        given = run.data if run is not None else row.data.own
        if given is not None:
            values = await engine.secrets.of(given.secrets.values())
            bound = {variable: values[name] for variable, name in given.secrets.items() if name in values}
            held.environment = {**given.environment_variables, **bound}
            if row.data.agents:
                held.environment = with_programs(held.environment)
            held.mask = Mask({**values, **engine.mounting.secrets(held.mounts)})
        held.run = run
        # Last: who finds it prepared takes the mask that is beside it.
        held.prepared = True
        commands, keys = await engine.database.read(
            lambda connection: (
                executions.count(connection, held.id),
                idempotency.all_of(connection, idempotency_scope(held.id)),
            )
        )
        # What this server knows may be ahead of the store, where a devbox ended under commands that are being kept.
        held.commands, held.keys = max(commands, held.commands), {**keys, **held.keys}

    async def _boot_again(self, held: Held, run: RunRow | None, row: DevboxRow) -> None:
        engine = self._engine
        await engine.executions.forget_lost(held.id)
        held.shells.remember(await engine.database.read(lambda connection: executions.shell_names(connection, held.id)))
        if row.status is not DevboxStatus.RUNNING:
            await engine.launcher.resume(held, row, news=RESUMED)
            await engine.database.write(lambda connection: mark_resumed(connection, held.id))
            return
        began = anyio.current_time()
        await engine.launcher.resume(held, row, news=BOOTED_AGAIN)
        booted = _booted(row, how="again", seconds=anyio.current_time() - began)
        if run is None:
            return

        def keep_resumed(connection: Connection) -> RunRow:
            events.append(connection, run.id, EventKind.DEVBOX, now_ms(), booted)
            return runs.note(connection, run.id, BOOTED_AGAIN, now_ms=now_ms())

        held.run = await engine.database.write(keep_resumed)

    async def _launch(self, held: Held, run: RunRow | None, row: DevboxRow) -> None:
        held.mounts = await mounts_of(self._engine, held, row)
        if run is not None:
            await self._launch_of_run(held, run, row)
        else:
            await self._standalone.launch(held, row)
        held.mounts = []  # they are in it now, and may be large

    async def _launch_of_run(self, held: Held, run: RunRow, row: DevboxRow) -> None:
        engine = self._engine
        scenario = await engine.database.read(lambda connection: versions.get(connection, run.data.scenario_version))
        record = await engine.library.record(run.scenario_id)
        if record.environment_hash != (run.data.scenario_environment_hash or run.data.environment_hash):
            raise InvalidState(
                "The scenario was changed between the start of the run and the boot of its devbox.",
                hint="Start a new run.",
            )
        files = Files(record.files.key, record.files.source) if record.files else None
        # Scored in place, a devbox has to have from the start what its scorers will need.
        live = run.data.scoring is ScoringMode.LIVE
        tools = await engine.toolbox.tools_for(scenario.scoring_contract) if live else ScorerTools()
        began = anyio.current_time()
        setup = Setup(engine, held, row)
        await setup.build()
        await engine.launcher.create(held, row, scenario, files, tools.read_only, setup.put)
        booted = _booted(row, how="launched", seconds=anyio.current_time() - began)

        def keep_launched(connection: Connection) -> None:
            current = devboxes.get(connection, row.id)  # its name may have been changed meanwhile
            row.data.name, row.data.metadata = current.data.name, current.data.metadata
            devboxes.save(connection, row, now_ms=now_ms())
            kept_mounts.forget(connection, row.id)
            events.append(connection, run.id, EventKind.DEVBOX, now_ms(), booted)

        await engine.database.write(keep_launched)

    async def _give_up(self, held: Held, row: DevboxRow, error: ApiError) -> None:
        """The devbox can't be used: its run, where it has one, fails with the reason."""
        if row.run_id is None:
            await self._standalone.fail(held, error)
            return
        if held.boot is not None:
            held.boot.giving_up = True
        reason = error.reason if isinstance(error, LaunchFailed) else "execution_failed"

        def keep_reason(connection: Connection) -> None:
            current = devboxes.get(connection, held.id)
            current.data.failure_reason, current.data.failure_message = reason, str(error)
            devboxes.save(connection, current, now_ms=now_ms())

        await self._engine.database.write(keep_reason)
        try:
            await self._fail_run(row.run_id, held, f"The devbox could not be used: {error}")
        except InvalidState:
            # Canceled or scored meanwhile: that stands.
            logger.info("The devbox of run %s failed after the run had moved on: %s", row.run_id, error)

    async def _watch(self, held: Held) -> None:
        """Notes why a devbox ended that nobody ended; the next call boots it again."""
        box = held.box
        if box is None:
            return
        reason = held.mask.text(await box.wait_ended())
        if held.stopping or held.box is not box:
            return
        held.box = None
        await self._engine.places.leave(held.id)
        held.news.append(f"The devbox had ended ({reason}) and was booted again on its disk.")
        run_id = held.run_id
        if run_id is None:
            logger.info("Devbox %s ended: %s", held.id, reason)
            return
        try:
            row = await self._engine.database.write(
                lambda connection: runs.note(connection, run_id, f"The devbox ended: {reason}", now_ms=now_ms())
            )
        except Exception:
            # The boundary of a background task: a note that can't be kept must not end the server.
            logger.exception("The devbox of run %s ended, which could not be noted: %s", run_id, reason)
            return
        self._engine.moved(row)


def _booted(row: DevboxRow, *, how: str, seconds: float) -> dict[str, object]:
    """A boot, as the record tells of it: not what launch commands are, which solvers are not told."""
    commands = len(row.data.launch_parameters.launch_commands or ()) if how == "launched" else 0
    return {"status": row.status, "how": how, "duration_ms": round(seconds * 1000), "launch_commands": commands}
