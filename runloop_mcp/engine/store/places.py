"""Places for devboxes in the database. Every function runs on the database's threads, inside its transaction.

A devbox that is up or booting has a place, one that is to boot asks for one. Whoever looks gives the free places to
those who have waited longest, its own devboxes or another living server's.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from runloop_mcp.api.models.devbox import DevboxStatus, QueuePlace
from runloop_mcp.api.trace import EventKind
from runloop_mcp.engine.store import devboxes, events, runs

Alive = Callable[[str], bool]
"""Whether a server lives, by its id."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What places are given by."""

    limit: int
    """How many devboxes may be up at once."""
    alive: Alive


def is_free(connection: sqlite3.Connection, rules: Rules) -> bool:
    """Whether a devbox that comes now has a place at once: one is free, and nobody waits who could take it."""
    if any(rules.alive(server) for _, server in _waiting(connection)):
        return False
    return _given(connection) < rules.limit or _forget_dead(connection, rules) < rules.limit


def keep(connection: sqlite3.Connection, devbox_id: str, server: str, *, given: bool) -> None:
    """Notes that a server's devbox has a place, or waits for one."""
    connection.execute(
        "INSERT INTO places (devbox_id, number, server, given)"
        " SELECT ?1, rowid, ?2, ?3 FROM devboxes WHERE id = ?1"
        " ON CONFLICT (devbox_id) DO UPDATE SET server = ?2, given = ?3",
        (devbox_id, server, given),
    )


def ask(connection: sqlite3.Connection, devbox_id: str, server: str, rules: Rules, *, now_ms: int) -> bool:
    """Asks for a place for a devbox that is to boot; whether it has one. If not, it is `queued` from now on."""
    found = connection.execute("SELECT server, given FROM places WHERE devbox_id = ?", (devbox_id,)).fetchone()
    if found == (server, 1):
        return True
    keep(connection, devbox_id, server, given=False)
    if devbox_id in give(connection, rules, now_ms=now_ms):
        return True
    row = devboxes.get(connection, devbox_id)
    if row.status is not DevboxStatus.QUEUED:
        row.data.status_after_queue, row.status = row.status, DevboxStatus.QUEUED
        devboxes.save(connection, row, now_ms=now_ms)
        note_queued(connection, row.run_id, devbox_id, now_ms=now_ms)
    return False


def give(connection: sqlite3.Connection, rules: Rules, *, now_ms: int) -> list[str]:
    """Gives the free places to those who have waited longest; returns the devboxes that got one."""
    waiting = _waiting(connection)
    if not waiting:
        return []
    taken = _given(connection)
    if taken >= rules.limit:
        taken = _forget_dead(connection, rules)
    able = [devbox_id for devbox_id, server in waiting if rules.alive(server)]
    lucky = able[: max(rules.limit - taken, 0)]
    for devbox_id in lucky:
        connection.execute("UPDATE places SET given = 1 WHERE devbox_id = ?", (devbox_id,))
        _leave_queue(connection, devbox_id, now_ms=now_ms)
    return lucky


def worth_giving(connection: sqlite3.Connection, rules: Rules) -> bool:
    """Whether `give` would find a place to give, without writing anything."""
    living = [count for server, count in _given_by_server(connection) if rules.alive(server)]
    return sum(living) < rules.limit


def given_among(connection: sqlite3.Connection, server: str) -> set[str]:
    """The devboxes of a server that have a place."""
    found = connection.execute("SELECT devbox_id FROM places WHERE server = ? AND given", (server,)).fetchall()
    return {devbox_id for (devbox_id,) in found}


def leave(connection: sqlite3.Connection, devbox_id: str, server: str) -> None:
    """Takes the place away, or the wait for one, that a server had for a devbox."""
    connection.execute("DELETE FROM places WHERE devbox_id = ? AND server = ?", (devbox_id, server))


def forget(connection: sqlite3.Connection, devbox_id: str) -> None:
    """Takes a devbox that has ended out of the queue, whichever server put it there."""
    connection.execute("DELETE FROM places WHERE devbox_id = ?", (devbox_id,))


def leave_all(connection: sqlite3.Connection, server: str) -> None:
    """Takes the places of a server away. Those of its devboxes that wait keep their turn, for the next server."""
    connection.execute("DELETE FROM places WHERE server = ? AND given", (server,))


def place_of(connection: sqlite3.Connection, devbox_id: str) -> QueuePlace | None:
    """Where a devbox stands among those who wait; None where it does not wait, or nobody can tell yet."""
    number = connection.execute("SELECT number FROM places WHERE devbox_id = ? AND NOT given", (devbox_id,)).fetchone()
    if number is None:
        return None
    before, length = connection.execute(
        "SELECT count(*) FILTER (WHERE number < ?), count(*) FROM places WHERE NOT given", number
    ).fetchone()
    return QueuePlace(place=before + 1, length=length)


def note_queued(connection: sqlite3.Connection, run_id: str | None, devbox_id: str, *, now_ms: int) -> None:
    """Records that a run's devbox waits for its turn."""
    queue = place_of(connection, devbox_id)
    data: dict[str, object] = queue.model_dump() if queue else {}
    events.append(connection, run_id, EventKind.QUEUE, now_ms, data)


def _waiting(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Those who wait, each devbox with its server, in the order of their turn."""
    return connection.execute("SELECT devbox_id, server FROM places WHERE NOT given ORDER BY number").fetchall()


def _given(connection: sqlite3.Connection) -> int:
    return sum(count for _, count in _given_by_server(connection))


def _given_by_server(connection: sqlite3.Connection) -> list[tuple[str, int]]:
    return connection.execute("SELECT server, count(*) FROM places WHERE given GROUP BY server").fetchall()


def _forget_dead(connection: sqlite3.Connection, rules: Rules) -> int:
    """Takes away the places of servers that are dead; how many are still taken."""
    for server, _ in _given_by_server(connection):
        if not rules.alive(server):
            leave_all(connection, server)
    return _given(connection)


def _leave_queue(connection: sqlite3.Connection, devbox_id: str, *, now_ms: int) -> None:
    """The devbox's turn has come: it is what it was before it waited, and its time or its run's begins."""
    row = devboxes.get(connection, devbox_id)
    if row.status is DevboxStatus.QUEUED:
        row.status, row.data.status_after_queue = row.data.status_after_queue or DevboxStatus.PROVISIONING, None
        if row.expires_ms is None:
            devboxes.begin_time(row, now_ms=now_ms)
        devboxes.save(connection, row, now_ms=now_ms)
        if row.run_id is not None:
            runs.begin(connection, row.run_id, now_ms=now_ms)
        events.append(connection, row.run_id, EventKind.QUEUE, now_ms, {"place": 0})
