"""Devboxes in the database. Every function runs on the database's threads, inside its transaction."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from runloop_mcp.api.errors import InvalidRequest, NotFound
from runloop_mcp.api.models.devbox import DevboxListParams, DevboxStatus
from runloop_mcp.api.models.scenario import LaunchParameters


class PristineFile(BaseModel):
    """A protected file as the environment had it before the solver came."""

    model_config = ConfigDict(defer_build=True)

    data: str
    """Base 64."""
    mode: int


class Transition(BaseModel):
    """A change of a devbox's status."""

    model_config = ConfigDict(defer_build=True)

    status: DevboxStatus
    transition_time_ms: int


class OwnData(BaseModel):
    """What a devbox keeps that belongs to no run; of one of a run, the run keeps the like."""

    model_config = ConfigDict(defer_build=True)

    principal: str
    environment_variables: dict[str, str] = Field(default_factory=dict)
    secrets: dict[str, str] = Field(default_factory=dict)
    """Environment variable → name of the secret; the values are never kept with a devbox."""
    entrypoint: str | None = None
    entrypoint_executions: list[str] = Field(default_factory=list)
    """The executions that it has run as, one for each boot."""
    keep_alive_seconds: int | None
    """After so long without being asked to be kept alive it is shut down; None where its idle rule holds instead."""


class DevboxData(BaseModel):
    """What a devbox keeps beside the columns that are searched."""

    model_config = ConfigDict(defer_build=True)

    working_directory: str
    launch_parameters: LaunchParameters = Field(default_factory=LaunchParameters)
    transitions: list[Transition] = Field(default_factory=list)
    status_after_queue: DevboxStatus | None = None
    """While it waits for its turn: what it will be then."""
    failure_reason: str | None = None
    failure_message: str | None = None
    shutdown_reason: str | None = None
    isolation: str = ""
    pristine: dict[str, PristineFile] = Field(default_factory=dict)
    """Protected files by their path in the working directory."""
    test_files: list[str] = Field(default_factory=list)
    """Files of the environment that look like tests, by their path in the working directory."""
    launched_ns: int = 0
    """When the solver could first change anything, in UTC nanoseconds."""
    pristine_home_snapshot: str | None = None
    """The home as launch commands left it, once they have run; None where there are none, so that it is empty."""
    frozen_snapshot: str | None = None
    """The disk as scoring found it."""
    base_snapshot: str | None = None
    """What its disk began as, under the scenario's files: a named snapshot, or what a blueprint was built into."""
    has_mounts: bool = False
    """Whether anything is mounted into it at its launch."""
    built_snapshot: str | None = None
    """What mounts that need a network were built into, upon its base; its disk began as this, where there is one."""
    snapshot_id: str | None = None
    """The named snapshot that it was made from."""
    blueprint_id: str | None = None
    """The blueprint that it was made from."""
    name: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    agents: list[str] = Field(default_factory=list)
    """The names of the agents that it has; their programs are on its PATH."""
    own: OwnData | None = None
    """None where it belongs to a run."""

    def pristine_home(self) -> str | None:
        """The snapshot that has the home as it was before a solver came; None where it was empty."""
        return self.pristine_home_snapshot or self.begins_as()

    def begins_as(self) -> str | None:
        """The snapshot that its disk began as, under the scenario's files; None where it was empty."""
        return self.built_snapshot or self.base_snapshot


ENDED = (DevboxStatus.SHUTDOWN, DevboxStatus.FAILURE)
"""Statuses that nothing leaves."""

BOOTING = (DevboxStatus.QUEUED, DevboxStatus.PROVISIONING, DevboxStatus.INITIALIZING)
"""Statuses before a devbox is first up."""

_COLUMNS = "id, run_id, status, create_time_ms, end_time_ms, expires_ms, data"


@dataclass(slots=True, kw_only=True)
class DevboxRow:
    """A devbox as it is stored."""

    id: str
    run_id: str | None
    """None where it belongs to no run."""
    status: DevboxStatus
    create_time_ms: int
    end_time_ms: int | None
    expires_ms: int | None = None
    """When the keep-alive time of one that belongs to no run is over, in UTC milliseconds."""
    data: DevboxData

    @property
    def ended(self) -> bool:
        """Whether it has ended for ever."""
        return self.status in ENDED

    @property
    def ending(self) -> str | None:
        """Why it is being shut down, where that has been decided and is not done yet."""
        return None if self.ended else self.data.shutdown_reason


def insert(connection: sqlite3.Connection, row: DevboxRow) -> None:
    """Keeps a new devbox."""
    row.data.transitions.append(Transition(status=row.status, transition_time_ms=row.create_time_ms))
    connection.execute(
        f"INSERT INTO devboxes ({_COLUMNS}) VALUES (?,?,?,?,?,?,?)",  # noqa: S608 - constant column names
        (
            row.id,
            row.run_id,
            row.status,
            row.create_time_ms,
            row.end_time_ms,
            row.expires_ms,
            row.data.model_dump_json(),
        ),
    )


def get(connection: sqlite3.Connection, devbox_id: str) -> DevboxRow:
    """One devbox.

    Raises:
        NotFound: There is none with this id.
    """
    values = connection.execute(
        f"SELECT {_COLUMNS} FROM devboxes WHERE id = ?",  # noqa: S608 - constant column names
        (devbox_id,),
    ).fetchone()
    if values is None:
        raise _not_found(devbox_id)
    return _row(values)


def status_of(connection: sqlite3.Connection, devbox_id: str) -> DevboxStatus:
    """The status of one devbox.

    Raises:
        NotFound: There is none with this id.
    """
    found = connection.execute("SELECT status FROM devboxes WHERE id = ?", (devbox_id,)).fetchone()
    if found is None:
        raise _not_found(devbox_id)
    return DevboxStatus(found[0])


def _not_found(devbox_id: str) -> NotFound:
    return NotFound(f"There is no devbox {devbox_id!r}.", hint="A run names its devbox; devbox ids begin with dbx_.")


def _row(values: Sequence[Any]) -> DevboxRow:
    return DevboxRow(
        id=values[0],
        run_id=values[1],
        status=DevboxStatus(values[2]),
        create_time_ms=values[3],
        end_time_ms=values[4],
        expires_ms=values[5],
        data=DevboxData.model_validate_json(values[6]),
    )


def save(connection: sqlite3.Connection, row: DevboxRow, *, now_ms: int) -> None:
    """Keeps a devbox's status and data, and the transition where the status is new."""
    if not row.data.transitions or row.data.transitions[-1].status != row.status:
        row.data.transitions.append(Transition(status=row.status, transition_time_ms=now_ms))
    if row.ended:
        row.end_time_ms = row.end_time_ms or now_ms
    connection.execute(
        "UPDATE devboxes SET status = ?1, end_time_ms = ?2, data = ?3, expires_ms = ?6,"
        " idle_expires_ms = iif(?1 = ?5, idle_expires_ms, NULL) WHERE id = ?4",
        (row.status, row.end_time_ms, row.data.model_dump_json(), row.id, DevboxStatus.RUNNING, row.expires_ms),
    )


def keep_idle_expiries(connection: sqlite3.Connection, expiries: Mapping[str, int]) -> None:
    """Keeps when the idle time of running devboxes is over, in UTC milliseconds."""
    connection.executemany(
        "UPDATE devboxes SET idle_expires_ms = ? WHERE id = ? AND status = ?",
        [(expires, devbox_id, DevboxStatus.RUNNING) for devbox_id, expires in expiries.items()],
    )


def idle_at(connection: sqlite3.Connection, now_ms: int) -> list[str]:
    """The running devboxes whose idle time is over, as far as it was kept."""
    rows = connection.execute("SELECT id FROM devboxes WHERE idle_expires_ms <= ?", (now_ms,)).fetchall()
    return [row[0] for row in rows]


def next_idle_expiry(connection: sqlite3.Connection, now_ms: int) -> int | None:
    """When the idle time of the next running devbox is over, as far as it was kept, in UTC milliseconds."""
    (soonest,) = connection.execute(
        "SELECT min(idle_expires_ms) FROM devboxes WHERE idle_expires_ms > ?", (now_ms,)
    ).fetchone()
    return None if soonest is None else int(soonest)


def note_entrypoint(connection: sqlite3.Connection, devbox_id: str, execution_id: str, *, now_ms: int) -> None:
    """Notes the execution that a devbox's entrypoint runs as."""
    row = get(connection, devbox_id)
    if row.data.own is not None:
        row.data.own.entrypoint_executions.append(execution_id)
        save(connection, row, now_ms=now_ms)


def own_living(connection: sqlite3.Connection) -> list[DevboxRow]:
    """The devboxes that belong to no run and have not ended."""
    # By the statuses that there are, which are indexed: those that have ended may be a great many.
    living = [status for status in DevboxStatus if status not in ENDED]
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM devboxes"  # noqa: S608 - constant column names
        f" WHERE +run_id IS NULL AND status IN ({', '.join('?' * len(living))})",
        living,
    ).fetchall()
    return [_row(values) for values in rows]


def count_agents(connection: sqlite3.Connection) -> dict[str, int]:
    """How many devboxes that have not ended have each agent, by the agent's name."""
    found = connection.execute(
        "SELECT agent.value, count(*) FROM devboxes, json_each(devboxes.data, '$.agents') AS agent"
        " WHERE devboxes.status NOT IN (?, ?) GROUP BY agent.value ORDER BY agent.value",
        ENDED,
    ).fetchall()
    return {name: int(number) for name, number in found}


def begin_time(row: DevboxRow, *, now_ms: int) -> None:
    """Begins the keep-alive time of a devbox that belongs to no run, or begins it anew."""
    own = row.data.own
    if own is not None:
        row.expires_ms = None if own.keep_alive_seconds is None else now_ms + own.keep_alive_seconds * 1000


def page(connection: sqlite3.Connection, params: DevboxListParams) -> tuple[list[DevboxRow], int, bool]:
    """One page of devboxes, newest first; how many there are in all; and whether there are more.

    Raises:
        InvalidRequest: `starting_after` names no devbox.
    """
    where, values = "1", list[object]()
    if params.status is not None:
        where, values = "status = ?", [params.status]
    (total,) = connection.execute(f"SELECT count(*) FROM devboxes WHERE {where}", values).fetchone()  # noqa: S608 - values are bound
    if params.starting_after is not None:
        after = connection.execute("SELECT rowid FROM devboxes WHERE id = ?", (params.starting_after,)).fetchone()
        if after is None:
            raise InvalidRequest(
                f"There is no devbox {params.starting_after!r} to start after.",
                hint="Pass the id of the last devbox of the page before.",
            )
        where += " AND rowid < ?"
        values.append(after[0])
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM devboxes WHERE {where} ORDER BY rowid DESC LIMIT ?",  # noqa: S608 - likewise
        [*values, params.limit + 1],
    ).fetchall()
    return [_row(each) for each in found[: params.limit]], int(total), len(found) > params.limit
