"""What this server itself sees happen on runs, put into their records."""

import logging
from typing import Final

from runloop_mcp.api.errors import ApiError
from runloop_mcp.api.models.devbox import ExecutionStatus, ExecutionView
from runloop_mcp.api.models.run import RunState, ScenarioRunView
from runloop_mcp.api.trace import EventKind, RunEvent
from runloop_mcp.cloud.trace import LocalTrace

_log = logging.getLogger(__name__)

_REMEMBERED: Final = 20_000
_ALWAYS: Final = frozenset({"exit_status", "duration_ms", "stdout_bytes", "stderr_bytes"})
"""What is told even where it is 0; of the rest, nothing is as good as absent."""
_OF_EXECUTION: Final = {
    "command",
    "working_directory",
    "duration_ms",
    "timed_out",
    "killed",
    "signal",
    "limits",
    "stdout_bytes",
    "stderr_bytes",
    "stdout_dropped_bytes",
    "stderr_dropped_bytes",
    "notes",
}


class Sightings:
    """Records what is news: each state of a run, each command as it runs and as it ended, each file written.

    What can't be recorded was done all the same: that is a line in the log.
    """

    def __init__(self, trace: LocalTrace) -> None:
        self._trace = trace
        self._told: dict[str, str] = {}
        """The last state that was told, by the id of a run or an execution."""

    async def run(self, run: ScenarioRunView, move: str | None = None) -> None:
        """Records the state of a run, and its score.

        Args:
            run: As it is now.
            move: What this server did to it; None where it only looked.
        """
        self._trace.learn(run.id)
        before = self._told.get(run.id)
        if not self._is_news(run.id, str(run.state)) or (before is None and move is None):
            return
        if run.state == RunState.SCORED:
            await self._record(run.id, EventKind.SCORE, _score(run))
        data: dict[str, object] = {"state": run.state, "scenario_id": run.scenario_id, "devbox_id": run.devbox_id}
        if run.x_runloop_mcp is not None and move == "start_run":
            data["attempt"] = run.x_runloop_mcp.attempt
        await self._record(run.id, EventKind.STATE, data if move is None else {"move": move, **data})

    async def execution(self, run_id: str, view: ExecutionView, start_time_ms: int | None) -> None:
        """Records a command, as it stands or as it ended.

        Args:
            run_id: Whose devbox it runs on.
            view: The command.
            start_time_ms: When this server began it; None where it did not: it is recorded then only where a server
                on this machine did, and has not seen its end.
        """
        before = self._told.get(view.execution_id)
        if not self._is_news(view.execution_id, str(view.status)):
            return
        if start_time_ms is None and before is None and not await self._trace.awaits_end(run_id, view.execution_id):
            return
        data: dict[str, object] = {"execution_id": view.execution_id, "status": view.status}
        if view.x_runloop_mcp is not None:
            data |= view.x_runloop_mcp.model_dump(include=_OF_EXECUTION)
        data |= {"shell_name": view.shell_name, "start_time_ms": start_time_ms}
        if view.status == ExecutionStatus.COMPLETED:
            data["exit_status"] = view.exit_status
        told = {name: value for name, value in data.items() if value or (value is not None and name in _ALWAYS)}
        await self._record(run_id, EventKind.EXECUTION, told)

    async def file(self, run_id: str, path: str, size: int) -> None:
        """Records that a file was written."""
        await self._record(run_id, EventKind.FILE, {"path": path, "bytes": size})

    def _is_news(self, thing: str, state: str) -> bool:
        if self._told.get(thing) == state:
            return False
        if len(self._told) >= _REMEMBERED:
            for old in [*self._told][: _REMEMBERED // 2]:
                del self._told[old]
        self._told[thing] = state
        return True

    async def _record(self, run_id: str, kind: EventKind, data: dict[str, object]) -> None:
        try:
            await self._trace.record(RunEvent(run_id=run_id, kind=kind, data=data))
        except ApiError as error:
            _log.warning("What happened in run %s could not be recorded: %s", run_id, error.message)


def _score(run: ScenarioRunView) -> dict[str, object]:
    result, details = run.scoring_contract_result, run.x_runloop_mcp
    return {
        "score": run.score,
        "complete": result.x_complete if result else None,
        "mode": details.scoring_mode if details else None,
        "functions": [
            {
                "name": each.scoring_function_name,
                "score": each.score,
                "weight": each.x_weight,
                "state": each.state,
                "duration_ms": each.x_duration_ms,
            }
            for each in (result.scoring_function_results if result else [])
        ],
        "restored_files": details.restored_files if details else [],
    }
