"""Who begins from a snapshot or a blueprint, in the database, so that neither is deleted from under them."""

import sqlite3

from runloop_mcp.api.models.blueprint import BlueprintStatus
from runloop_mcp.api.models.devbox import DevboxStatus
from runloop_mcp.api.models.scenario import ScenarioStatus
from runloop_mcp.api.models.snapshot import SnapshotStatus

_ENDED = (DevboxStatus.SHUTDOWN, DevboxStatus.FAILURE)
_MOST = 5
"""How many of each are named."""


def users(connection: sqlite3.Connection, field: str, base_id: str) -> list[str]:
    """Scenarios that can be started and devboxes that have not ended, each in words.

    Args:
        connection: The database.
        field: By which field they name what they begin from: `snapshot_id` or `blueprint_id`.
        base_id: What they begin from.
    """
    scenarios = connection.execute(
        "SELECT DISTINCT s.id, s.name FROM scenarios s JOIN scenario_contents c USING (number)"
        " WHERE s.present AND s.status = ? AND json_extract(c.view, '$.environment.' || ?) = ? LIMIT ?",
        (ScenarioStatus.ACTIVE, field, base_id, _MOST),
    ).fetchall()
    devboxes = connection.execute(
        "SELECT id FROM devboxes WHERE status NOT IN (?, ?) AND json_extract(data, '$.' || ?) = ? LIMIT ?",
        (*_ENDED, field, base_id, _MOST),
    ).fetchall()
    return [f"scenario {name!r} ({id_})" for id_, name in scenarios] + [f"devbox {id_}" for (id_,) in devboxes]


def dependents(connection: sqlite3.Connection, blueprint_id: str) -> list[str]:
    """Blueprints and snapshots that were made on a blueprint, each in words."""
    built = connection.execute(
        "SELECT id, name FROM blueprints WHERE base_blueprint_id = ? AND state = 'created' AND status <> ? LIMIT ?",
        (blueprint_id, BlueprintStatus.FAILED, _MOST),
    ).fetchall()
    kept = connection.execute(
        "SELECT id FROM snapshots WHERE source_blueprint_id = ? AND status IN (?, ?) LIMIT ?",
        (blueprint_id, SnapshotStatus.COMPLETE, SnapshotStatus.IN_PROGRESS, _MOST),
    ).fetchall()
    return [f"blueprint {name!r} ({id_})" for id_, name in built] + [f"snapshot {id_}" for (id_,) in kept]


def still_wanted(connection: sqlite3.Connection) -> set[str]:
    """What devboxes began as that are there, or whose frozen disks are, which may be scored again."""
    found = connection.execute(
        "SELECT json_extract(data, '$.base_snapshot'), json_extract(data, '$.built_snapshot') FROM devboxes"
        " WHERE pruned_ms IS NULL AND (status NOT IN (?, ?) OR json_extract(data, '$.frozen_snapshot') IS NOT NULL)",
        _ENDED,
    ).fetchall()
    return {snapshot for row in found for snapshot in row if snapshot is not None}
