"""A devbox that may be used now: found, not ended, booted."""

from dataclasses import dataclass
from sqlite3 import Connection

from runloop_mcp.api.errors import Conflict, InvalidState
from runloop_mcp.api.models.run import RunState
from runloop_mcp.api.models.scoring import ScoringMode
from runloop_mcp.devbox.port import Devbox
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.devboxes.keeper import Held
from runloop_mcp.engine.runs.states import ENDED, next_calls
from runloop_mcp.engine.store import devboxes, runs
from runloop_mcp.engine.store.devboxes import DevboxRow
from runloop_mcp.engine.store.runs import RunRow

_BOOT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Usable:
    """A devbox that may be used now."""

    held: Held
    run: RunRow | None
    """The run that it belongs to, where it does."""

    @property
    def box(self) -> Devbox:
        """The booted devbox.

        Raises:
            Conflict: It has just ended.
        """
        if self.held.box is None:
            raise Conflict("The devbox has just ended.", hint="Call again.", retry_after=1)
        return self.held.box

    @property
    def run_id(self) -> str | None:
        """The id of that run."""
        return self.run.id if self.run is not None else None


async def usable(engine: EngineContext, devbox_id: str) -> Usable:
    """The devbox, booted, with the run that it belongs to.

    Raises:
        NotFound: There is no such devbox.
        InvalidState: It or its run has ended.
        Conflict: Another server holds it, it is still booting, or it is being scored in place.
    """
    held = engine.keeper.get(devbox_id)
    if held is not None and held.prepared:
        run = held.run
    else:
        row, run = await engine.database.read(lambda connection: with_run(connection, devbox_id))
        if run is None:
            _refuse_ended(row)
    if run is not None:
        _refuse_unusable(run)
    held = await engine.keeper.ready(devbox_id, seconds=_BOOT_SECONDS)
    held.used_ms = now_ms()
    return Usable(held, run)


def with_run(connection: Connection, devbox_id: str) -> tuple[DevboxRow, RunRow | None]:
    """A devbox and the run that it belongs to, where it does.

    Raises:
        NotFound: There is no such devbox.
    """
    row = devboxes.get(connection, devbox_id)
    return row, None if row.run_id is None else runs.get(connection, row.run_id)


def _refuse_ended(row: DevboxRow) -> None:
    if row.ended or row.ending:
        raise InvalidState(
            row.data.failure_message or f"The devbox is shut down ({row.data.shutdown_reason}).",
            hint="Its outputs can still be read. Make a new one to go on.",
        )


def _refuse_unusable(run: RunRow) -> None:
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
