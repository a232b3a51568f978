"""Scenarios as they were when a run started: kept once for each content, so that a change never reaches a run."""

import hashlib
import sqlite3
from dataclasses import dataclass, field

from runloop_mcp.api.errors import InvalidState, Unavailable
from runloop_mcp.api.models.scenario import ScenarioView


@dataclass(frozen=True, slots=True)
class Version:
    """A scenario as it is at one time, as it is kept."""

    id: str
    """Its name: the hash of its text."""
    text: str = field(compare=False, repr=False)

    def scenario(self) -> ScenarioView:
        """What it is once it is read again."""
        return ScenarioView.model_validate_json(self.text)


def version_of(scenario: ScenarioView) -> Version:
    """A scenario as it is now."""
    text = scenario.model_dump_json(exclude_none=True, by_alias=True)
    return Version(hashlib.sha256(text.encode()).hexdigest(), text)


def keep(connection: sqlite3.Connection, version: Version) -> None:
    """Keeps a version, unless it is kept.

    Raises:
        InvalidState: What is kept under its name is not what it was.
    """
    row = connection.execute("SELECT view FROM scenario_versions WHERE id = ?", (version.id,)).fetchone()
    if row is None:
        connection.execute("INSERT INTO scenario_versions (id, view) VALUES (?, ?)", (version.id, version.text))
    elif row[0] != version.text:
        raise _changed()


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
        raise _changed()
    return ScenarioView.model_validate_json(row[0])


def _changed() -> InvalidState:
    return InvalidState(
        "The scenario that this run started from is not what it was: it was changed in the store.",
        hint="Nothing of it is used. Start a new run.",
    )
