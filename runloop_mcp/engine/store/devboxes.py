"""Devboxes in the database. Every function runs on the database's threads, inside its transaction."""

import sqlite3
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from runloop_mcp.api.errors import NotFound
from runloop_mcp.api.models.devbox import DevboxStatus
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
    snapshot_id: str | None = None
    """The named snapshot that it was made from."""
    blueprint_id: str | None = None
    """The blueprint that it was made from."""

    def pristine_home(self) -> str | None:
        """The snapshot that has the home as it was before a solver came; None where it was empty."""
        return self.pristine_home_snapshot or self.base_snapshot


class DevboxRow(BaseModel):
    """A devbox as it is stored."""

    model_config = ConfigDict(defer_build=True)

    id: str
    run_id: str
    status: DevboxStatus
    create_time_ms: int
    end_time_ms: int | None
    data: DevboxData


def insert(connection: sqlite3.Connection, row: DevboxRow) -> None:
    """Keeps a new devbox."""
    row.data.transitions.append(Transition(status=row.status, transition_time_ms=row.create_time_ms))
    connection.execute(
        "INSERT INTO devboxes (id, run_id, status, create_time_ms, end_time_ms, data) VALUES (?,?,?,?,?,?)",
        (row.id, row.run_id, row.status, row.create_time_ms, row.end_time_ms, row.data.model_dump_json()),
    )


def get(connection: sqlite3.Connection, devbox_id: str) -> DevboxRow:
    """One devbox.

    Raises:
        NotFound: There is none with this id.
    """
    values = connection.execute(
        "SELECT id, run_id, status, create_time_ms, end_time_ms, data FROM devboxes WHERE id = ?", (devbox_id,)
    ).fetchone()
    if values is None:
        raise NotFound(f"There is no devbox {devbox_id!r}.", hint="A run names its devbox; devbox ids begin with dbx_.")
    return DevboxRow(
        id=values[0],
        run_id=values[1],
        status=values[2],
        create_time_ms=values[3],
        end_time_ms=values[4],
        data=DevboxData.model_validate_json(values[5]),
    )


def save(connection: sqlite3.Connection, row: DevboxRow, *, now_ms: int) -> None:
    """Keeps a devbox's status and data, and the transition where the status is new."""
    if not row.data.transitions or row.data.transitions[-1].status != row.status:
        row.data.transitions.append(Transition(status=row.status, transition_time_ms=now_ms))
    if row.status in (DevboxStatus.SHUTDOWN, DevboxStatus.FAILURE):
        row.end_time_ms = row.end_time_ms or now_ms
    connection.execute(
        "UPDATE devboxes SET status = ?1, end_time_ms = ?2, data = ?3,"
        " idle_expires_ms = iif(?1 = ?5, idle_expires_ms, NULL) WHERE id = ?4",
        (row.status, row.end_time_ms, row.data.model_dump_json(), row.id, DevboxStatus.RUNNING),
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
