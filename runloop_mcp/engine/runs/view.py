"""Runs as the wire has them."""

from dataclasses import dataclass
from sqlite3 import Connection

from runloop_mcp.api.models.devbox import DevboxStatus, QueuePlace
from runloop_mcp.api.models.run import Budget, RunDetails, RunListParams, RunState, ScenarioRunView
from runloop_mcp.api.models.trust import Rescoring
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.runs.states import WITH_SCORE
from runloop_mcp.engine.store import devboxes, executions, places, rescorings, runs
from runloop_mcp.engine.store.runs import RunRow


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run with what its view needs of other tables."""

    row: RunRow
    devbox_status: DevboxStatus
    attempts: int
    commands: int
    queue: QueuePlace | None
    rescorings: list[Rescoring]

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


def load_page(
    connection: Connection, params: RunListParams, principal: str | None
) -> tuple[list[RunRecord], int, bool]:
    """One page of runs, as `runs.page` gives it, each with its surroundings.

    Raises:
        InvalidRequest: As `runs.page`.
    """
    rows, total, more = runs.page(connection, params, principal)
    return [surround(connection, row) for row in rows], total, more


def surround(connection: Connection, row: RunRow) -> RunRecord:
    """A run's row with what its view needs of other tables."""
    data = row.data
    status = devboxes.status_of(connection, row.devbox_id)
    return RunRecord(
        row=row,
        devbox_status=status,
        attempts=runs.count_attempts(connection, row.scenario_id, row.principal) if data.attempts_limit else 0,
        commands=executions.count(connection, row.devbox_id) if data.commands_limit else 0,
        queue=places.place_of(connection, row.devbox_id) if status is DevboxStatus.QUEUED else None,
        rescorings=rescorings.of_run(connection, row.id) if row.state in WITH_SCORE else [],
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
        duration_ms=_duration_ms(row),
        environment_variables=data.environment_variables,
        secrets_provided=data.secrets,
        scoring_contract_result=row.result,
        score=row.result.score if row.result else None,
        x_runloop_mcp=RunDetails(
            attempt=row.attempt,
            principal=row.principal,
            devbox_status=record.devbox_status,
            queue=record.queue,
            working_directory=data.working_directory,
            budget=budget(record),
            disclosure=data.disclosure,
            scoring_mode=data.scoring_mode,
            isolation=data.isolation,
            environment_hash=data.environment_hash,
            end_time_ms=row.end_time_ms,
            notes=data.notes,
            restored_files=data.restored_files,
            sealed=data.sealed,
            tamper_report=data.tamper if row.result else None,
            rescorings=record.rescorings,
        ),
    )


def _duration_ms(row: RunRow) -> int | None:
    """How long the run has taken, without what its devbox waited in the queue; None where it never left that."""
    if row.expires_ms is None:
        return None
    return (row.end_time_ms or now_ms()) - (row.data.begin_ms or row.start_time_ms)


def time_left_seconds(row: RunRow) -> int | None:
    """How much of its time a running run has left, all of it before it begins; None where nothing limits that."""
    if row.state is not RunState.RUNNING or row.data.keep_alive_seconds is None:
        return None
    if row.expires_ms is None:
        return row.data.keep_alive_seconds
    return max(row.expires_ms - now_ms(), 0) // 1000


def budget(record: RunRecord) -> Budget:
    """What a run has left."""
    data = record.row.data
    return Budget(
        time_left_seconds=time_left_seconds(record.row),
        commands_left=max(data.commands_limit - record.commands, 0) if data.commands_limit is not None else None,
        attempts_left=max(data.attempts_limit - record.attempts, 0) if data.attempts_limit is not None else None,
        time_limit_seconds=data.keep_alive_seconds,
        commands_limit=data.commands_limit,
        attempts_limit=data.attempts_limit,
    )
