"""Scenarios as they were when a run started: kept once for each content, so that a change never reaches a run."""

import hashlib
import sqlite3

from runloop_mcp.api.errors import InvalidState, Unavailable
from runloop_mcp.api.models.scenario import ScenarioView


def keep(connection: sqlite3.Connection, scenario: ScenarioView) -> str:
    """Keeps a scenario as it is now; gives the name of this version."""
    text = scenario.model_dump_json(exclude_none=True, by_alias=True)
    version = hashlib.sha256(text.encode()).hexdigest()
    connection.execute("INSERT OR IGNORE INTO scenario_versions (id, view) VALUES (?, ?)", (version, text))
    return version


def get(connection: sqlite3.Connection, version: str) -> ScenarioView:
    """The scenario of a version.

    Raises:
        Unavailable: The version is not in the database, which then is damaged.
        InvalidState: It is not what it was when it was kept.
    """
    row = connection.execute("SELECT view FROM scenario_versions WHERE id = ?", (version,)).fetchone()
    if row is None:
        raise Unavailable("The scenario that this run started from is missing in the store.", hint="Start a new run.")
    if hashlib.sha256(row[0].encode()).hexdigest() != version:
        raise InvalidState(
            "The scenario that this run started from is not what it was: it was changed in the store.",
            hint="Nothing of it is used. Start a new run.",
        )
    return ScenarioView.model_validate_json(row[0])
