"""The records of runs, kept on this machine: the wire has none."""

import time
from pathlib import Path
from typing import Final

import anyio

from runloop_mcp.api.errors import NotFound, Unavailable
from runloop_mcp.api.models.devbox import ExecutionStatus, ExecutionView
from runloop_mcp.api.models.run import ScenarioRunView
from runloop_mcp.api.trace import EventKind, RunEvent, Trace, bounded
from runloop_mcp.client.runloop_client import RunloopClient
from runloop_mcp.cloud import trace_file
from runloop_mcp.cloud.masking import Known

_LOOK_SECONDS: Final = 1.0
"""How often a file is looked at that another server may write."""
_REMEMBERED: Final = 10_000


class LocalTrace(Trace):
    """Records of what this machine's servers did on runs. What others did over the API is not in them.

    Args:
        folder: Where they are.
        client: Tells which runs there are.
        known: What they must not repeat.
    """

    def __init__(self, folder: Path, client: RunloopClient, known: Known) -> None:
        self._folder = folder
        self._client = client
        self._known = known
        self._runs: set[str] = set()
        self._news: dict[str, anyio.Event] = {}
        self._told: dict[str, str] = {}

    async def record(self, event: RunEvent) -> None:
        """See `Trace.record`."""
        path = await self._path(event.run_id)
        data = {str(name): bounded(value) for name, value in self._known.covered(dict(event.data)).items()}
        kept = event.model_copy(update={"data": data, "time_ms": event.time_ms or now_ms()})
        try:
            await anyio.to_thread.run_sync(trace_file.append, path, kept)
        except OSError as error:
            raise Unavailable(
                f"The record of the run can't be written: {error.strerror}.", hint="Free some space for the state."
            ) from error
        if (news := self._news.pop(event.run_id, None)) is not None:
            news.set()

    async def events(
        self, run_id: str, *, after: int = 0, limit: int = 1000, wait_seconds: float = 0
    ) -> list[RunEvent]:
        """See `Trace.events`."""
        path = await self._path(run_id)
        end = anyio.current_time() + wait_seconds
        while True:
            news = self._news.setdefault(run_id, anyio.Event())
            found = await anyio.to_thread.run_sync(trace_file.read, path, run_id, after)
            left = end - anyio.current_time()
            if found or left <= 0:
                return found[:limit]
            with anyio.move_on_after(min(left, _LOOK_SECONDS)):
                await news.wait()

    async def end(self, run_id: str) -> int:
        """See `Trace.end`."""
        return await anyio.to_thread.run_sync(trace_file.end, await self._path(run_id))

    # What this server itself sees happen

    def learn(self, run_id: str) -> None:
        """Remembers that there is such a run."""
        if len(self._runs) >= _REMEMBERED:
            self._runs.clear()
            self._told.clear()
        self._runs.add(run_id)

    async def saw(self, run: ScenarioRunView, move: str | None = None) -> None:
        """Records the state of a run, and its score, where they are news."""
        self.learn(run.id)
        state = str(run.state)
        if self._told.get(run.id) == state or (move is None and run.id not in self._told):
            self._told[run.id] = state
            return
        self._told[run.id] = state
        if run.score is not None and run.scoring_contract_result is not None and state == "scored":
            await self.record(RunEvent(run_id=run.id, kind=EventKind.SCORE, data=_score(run)))
        data: dict[str, object] = {"state": state, "scenario_id": run.scenario_id, "devbox_id": run.devbox_id}
        await self.record(
            RunEvent(run_id=run.id, kind=EventKind.STATE, data={"move": move, **data} if move is not None else data)
        )

    async def executed(self, run_id: str, view: ExecutionView, start_time_ms: int) -> None:
        """Records an execution: as it stands while it runs, or as it ended."""
        if self._told.get(view.execution_id) == view.status:
            return
        self._told[view.execution_id] = str(view.status)
        data: dict[str, object] = {
            "execution_id": view.execution_id,
            "status": view.status,
            "shell_name": view.shell_name,
        }
        if view.x_runloop_mcp is not None:
            data |= view.x_runloop_mcp.model_dump(include=_OF_EXECUTION)
        data["start_time_ms"] = start_time_ms
        if view.status == ExecutionStatus.COMPLETED:
            data["exit_status"] = view.exit_status
        told = {name: value for name, value in data.items() if value or (value is not None and name in _ALWAYS)}
        await self.record(RunEvent(run_id=run_id, kind=EventKind.EXECUTION, data=told))

    async def wrote(self, run_id: str, path: str, size: int) -> None:
        """Records that a file was written."""
        await self.record(RunEvent(run_id=run_id, kind=EventKind.FILE, data={"path": path, "bytes": size}))

    async def _path(self, run_id: str) -> Path:
        """The file of a run's record.

        Raises:
            NotFound: There is no such run.
        """
        if run_id not in self._runs:
            if not run_id.replace("_", "").isalnum():
                raise NotFound(f"There is no run {run_id!r}.", hint="Run ids begin with scr_.")
            if not (self._folder / f"{run_id}.jsonl").exists():
                await self._client.runs.retrieve(run_id)
            self.learn(run_id)
        return self._folder / f"{run_id}.jsonl"


def now_ms() -> int:
    """The time, as the wire tells it."""
    return time.time_ns() // 1_000_000


_ALWAYS: Final = frozenset({"exit_status", "duration_ms", "stdout_bytes", "stderr_bytes"})
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


def _score(run: ScenarioRunView) -> dict[str, object]:
    result = run.scoring_contract_result
    functions = result.scoring_function_results if result else []
    details = run.x_runloop_mcp
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
            for each in functions
        ],
        "restored_files": details.restored_files if details else [],
    }
