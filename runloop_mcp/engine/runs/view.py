"""Runs as the wire has them."""

from dataclasses import dataclass
from sqlite3 import Connection

from runloop_mcp.api.models.run import Budget, RunDetails, RunState, ScenarioRunView
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.store import devboxes, executions, runs
from runloop_mcp.engine.store.devboxes import DevboxRow
from runloop_mcp.engine.store.runs import RunRow


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run with what its view needs of other tables."""

    row: RunRow
    devbox: DevboxRow
    attempts: int
    commands: int

    @property
    def state(self) -> RunState:
        """The run's state."""
        return self.row.state


def load(connection: Connection, run_id: str) -> RunRecord:
    """One run with its surroundings.

    Raises:
        NotFound: There is none with this id.
    """
    return surround(connection, runs.get(connection, run_id))


def surround(connection: Connection, row: RunRow) -> RunRecord:
    """A run's row with what its view needs of other tables."""
    data = row.data
    return RunRecord(
        row=row,
        devbox=devboxes.get(connection, row.devbox_id),
        attempts=runs.count_attempts(connection, row.scenario_id, row.principal) if data.attempts_limit else 0,
        commands=executions.count(connection, row.devbox_id) if data.commands_limit else 0,
    )


def view(record: RunRecord) -> ScenarioRunView:
    """A run as an operator sees it."""
    row, data = record.row, record.row.data
    return ScenarioRunView(
        id=row.id,
        scenario_id=row.scenario_id,
        devbox_id=row.devbox_id,
        state=row.state,
        metadata=data.metadata,
        name=row.name,
        purpose=data.purpose,
        benchmark_run_id=data.benchmark_run_id,
        start_time_ms=row.start_time_ms,
        duration_ms=(row.end_time_ms or now_ms()) - row.start_time_ms,
        environment_variables=data.environment_variables,
        secrets_provided=data.secrets,
        scoring_contract_result=row.result,
        score=row.result.score if row.result else None,
        x_runloop_mcp=RunDetails(
            attempt=row.attempt,
            principal=row.principal,
            devbox_status=record.devbox.status,
            working_directory=data.working_directory,
            budget=budget(record),
            disclosure=data.disclosure,
            scoring_mode=data.scoring_mode,
            isolation=data.isolation,
            environment_hash=data.environment_hash,
            end_time_ms=row.end_time_ms,
            notes=data.notes,
            restored_files=data.restored_files,
        ),
    )


def budget(record: RunRecord) -> Budget:
    """What a run has left."""
    data = record.row.data
    time_left = None
    if record.state is RunState.RUNNING:
        time_left = max(record.row.expires_ms - now_ms(), 0) // 1000
    return Budget(
        time_left_seconds=time_left,
        commands_left=max(data.commands_limit - record.commands, 0) if data.commands_limit is not None else None,
        attempts_left=max(data.attempts_limit - record.attempts, 0) if data.attempts_limit is not None else None,
    )
