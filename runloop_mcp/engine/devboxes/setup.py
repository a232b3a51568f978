"""Setting a devbox up before it is anybody's: what is mounted into it, and its launch commands, with a log of both."""

from collections.abc import Sequence
from sqlite3 import Connection

from runloop_mcp.api.errors import InvalidState
from runloop_mcp.api.models.devbox import DevboxStatus
from runloop_mcp.api.models.devbox_record import DevboxLog
from runloop_mcp.api.models.mounts import Mount
from runloop_mcp.devbox.port import Devbox
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.devboxes.keeper import Held
from runloop_mcp.engine.environments.build_log import BuildLog, LogLine, keep_nothing
from runloop_mcp.engine.environments.site import StepFailed
from runloop_mcp.engine.runs.launch import LaunchFailed
from runloop_mcp.engine.store import devbox_logs, devboxes
from runloop_mcp.engine.store import mounts as kept_mounts
from runloop_mcp.engine.store.devboxes import DevboxRow

_TOLD_LINES = 20


class Setup:
    """Sets one devbox up.

    Args:
        engine: Whose it is.
        held: The devbox.
        row: As it is kept; changed with it.
    """

    def __init__(self, engine: EngineContext, held: Held, row: DevboxRow) -> None:
        self._engine = engine
        self._held = held
        self._row = row
        # What a scenario's launch commands are and say, its solvers are not told.
        self.log = BuildLog(self._keep if row.run_id is None else keep_nothing, held.mask)

    async def _keep(self, lines: Sequence[LogLine]) -> None:
        told = [
            DevboxLog(
                level=line.level,
                source="setup_commands",
                timestamp_ms=line.time_ms,
                cmd=line.command,
                exit_code=line.exit_status,
                message=line.message,
            )
            for line in lines
        ]
        await self._engine.database.write(lambda connection: devbox_logs.append(connection, self._held.id, told))

    async def build(self) -> None:
        """Builds what is mounted and needs a network, so that the devbox can begin as that.

        Raises:
            LaunchFailed: It can't be had; the message says which mount, and how that failed.
            ApiError: Our own machinery broke.
        """
        build = await self._engine.mounting.build_of(self._row, self._held.mounts)
        if build is None:
            return
        # Noted before it is made, so that what a server leaves that is killed between the two is found.
        self._row.data.built_snapshot = build.snapshot_id
        await self._note(DevboxStatus.PROVISIONING)
        try:
            await self._engine.mounting.carry_out(build, self._row, self.log)
        except StepFailed as error:
            raise self._failed(error) from error

    async def put(self, box: Devbox) -> None:
        """Puts the rest into the devbox that has just booted.

        Raises:
            LaunchFailed: It can't be put; the message says what, and how that failed.
            Unavailable: The devbox was lost.
        """
        launch = self._row.data.launch_parameters
        if not self._held.mounts and (self._row.run_id is not None or not launch.launch_commands):
            return
        await self._note(DevboxStatus.INITIALIZING)
        try:
            await self._engine.mounting.put(self._held.mounts, box, self.log, self._held.environment)
        except StepFailed as error:
            raise self._failed(error) from error

    def _failed(self, error: StepFailed) -> LaunchFailed:
        said = "\n".join(self.log.tail[-_TOLD_LINES:])
        return LaunchFailed(f"{error}\nWhat it said:\n{said}" if said else str(error), reason=error.reason)

    async def _note(self, status: DevboxStatus) -> None:
        row = self._row

        def work(connection: Connection) -> None:
            current = devboxes.get(connection, row.id)
            current.status, current.data.built_snapshot = status, row.data.built_snapshot
            devboxes.save(connection, current, now_ms=now_ms())
            row.data.transitions = current.data.transitions

        row.status = status
        await self._engine.database.write(work)
        self._engine.changes.notify(row.id)


async def mounts_of(engine: EngineContext, held: Held, row: DevboxRow) -> list[Mount]:
    """What is to be mounted into a devbox: with its tokens where this server was asked for it.

    Raises:
        InvalidState: A token is needed, and was lost with the server that had it.
    """
    if held.mounts or not row.data.has_mounts:
        return held.mounts
    kept = await engine.database.read(lambda connection: kept_mounts.of_devbox(connection, held.id))
    if any(each.lacks_token for each in kept):
        raise InvalidState(
            "The server that was asked for the devbox ended before it was launched, and the token of a mount, which is"
            " kept nowhere, with it.",
            hint="Ask for a new one.",
        )
    return [each.mount for each in kept]
