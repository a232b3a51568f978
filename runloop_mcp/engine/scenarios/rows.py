"""Scenarios in the database. Every function runs on the database's threads, inside its transaction.

A scenario has one row for each place it was loaded from (`root`, the pack's directory; empty for one made by `create`),
because servers that share a state directory may have different copies of a pack, and each must see its own.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from pydantic_core import PydanticSerializationError

from runloop_mcp.api.errors import InvalidRequest, NotFound
from runloop_mcp.api.models.scenario import ScenarioStatus, ScenarioView
from runloop_mcp.engine.scenarios.pack import bundled_pack

CREATED = ""
"""The root of scenarios that don't come from a folder."""


@dataclass(frozen=True, slots=True)
class ScenarioRow:
    """A scenario as it is stored."""

    view: ScenarioView
    root: str
    pack: str | None
    folder: str | None
    files_key: str | None
    environment_hash: str
    present: bool
    """Whether its folder is there and valid; always so for one without a folder."""
    signature: str | None = None
    """Of its folder, when that was last read; None for one without, and where that is not known."""


def save(connection: sqlite3.Connection, row: ScenarioRow) -> None:
    """Keeps a scenario, new or changed. Whether it is archived is kept apart, with `set_status`."""
    view = row.view
    (number,) = connection.execute(
        "INSERT INTO scenarios (id, root, present, position, name, validation_type) VALUES (?, ?, ?, '', ?, ?)"
        " ON CONFLICT (id, root) DO UPDATE SET present = excluded.present, name = excluded.name,"
        " validation_type = excluded.validation_type RETURNING number",
        (view.id, row.root, row.present, view.name, view.validation_type),
    ).fetchone()
    # The same scenario may be archived already, under another root.
    connection.execute(
        "UPDATE scenarios SET position = ?, status = coalesce((SELECT max(status) FROM scenarios WHERE id = ?), status)"
        " WHERE number = ?",
        (_position(row, number), view.id, number),
    )
    connection.execute(
        "INSERT OR REPLACE INTO scenario_contents (number, view, pack, folder, files_key, environment_hash)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (number, _text(view), row.pack, row.folder, row.files_key, row.environment_hash),
    )
    connection.execute("DELETE FROM scenario_tags WHERE number = ?", (number,))
    connection.executemany(
        "INSERT INTO scenario_tags (tag, number) VALUES (?, ?)", [(tag, number) for tag in tags_of(view)]
    )
    connection.execute("DELETE FROM scenario_words WHERE rowid = ?", (number,))
    connection.execute("INSERT INTO scenario_words (rowid, words) VALUES (?, ?)", (number, searched_text(view)))


def tags_of(view: ScenarioView) -> set[str]:
    """The scenario's tags, without regard to case."""
    return {tag.strip().casefold() for tag in view.metadata.get("tags", "").split(",") if tag.strip()}


def searched_text(view: ScenarioView) -> str:
    """What `search` looks through."""
    metadata = view.metadata
    statement = view.input_context.problem_statement
    return "\n".join((view.id, view.name, metadata.get("summary", ""), metadata.get("tags", ""), statement))


def _text(view: ScenarioView) -> str:
    try:
        return view.model_dump_json(exclude_none=True, by_alias=True)
    except PydanticSerializationError:
        raise InvalidRequest(
            "The scenario holds text that is no valid Unicode, or a value that JSON has no form for.",
            hint="Replace lone surrogates and values that are no JSON.",
        ) from None


def _position(row: ScenarioRow, number: int) -> str:
    """Orders lists: those that were created, newest first, then those from folders, by name."""
    if row.root == CREATED:
        return f"0{10**15 - number:016d}"
    return "\x1f".join((f"1{row.view.name.casefold()}", row.pack or "", row.folder or ""))


def find(connection: sqlite3.Connection, scenario_id: str, roots: Sequence[str]) -> ScenarioRow | None:
    """A scenario, as one of these places has it if one does, else as any has or had it."""
    found = connection.execute(
        "SELECT root, present, number, status FROM scenarios WHERE id = ?", (scenario_id,)
    ).fetchall()
    if not found:
        return None
    root, present, number, status = max(found, key=lambda each: (each[0] in roots, *each[1:3]))
    view, *others = connection.execute(
        "SELECT view, pack, folder, files_key, environment_hash,"
        " (SELECT signature FROM scenario_folders f WHERE f.root = ? AND f.folder = c.folder)"
        " FROM scenario_contents c WHERE number = ?",
        (root, number),
    ).fetchone()
    pack, folder, files_key, environment_hash, signature = others
    there = bool(present) and root in roots
    return ScenarioRow(view_of(view, status, root), root, pack, folder, files_key, environment_hash, there, signature)


def get(connection: sqlite3.Connection, scenario_id: str, roots: Sequence[str]) -> ScenarioRow:
    """Like `find`.

    Raises:
        NotFound: There is none with this id.
    """
    row = find(connection, scenario_id, roots)
    if row is None:
        raise NotFound(
            f"There is no scenario {scenario_id!r}.",
            hint="Scenario ids begin with scn_; list the scenarios to see those there are.",
        )
    return row


def view_of(text: str, status: str, root: str) -> ScenarioView:
    """A scenario from its stored form."""
    view = _parsed(text).model_copy() if len(text) <= _REMEMBERED_LENGTH else ScenarioView.model_validate_json(text)
    view.status = ScenarioStatus(status)
    view.is_public = is_public(root)
    return view


_REMEMBERED_LENGTH = 256 * 1024


@lru_cache(maxsize=128)
def _parsed(text: str) -> ScenarioView:
    """The same text is read for every run of a scenario. Whoever gets a copy may replace fields, not change them."""
    return ScenarioView.model_validate_json(text)


def set_status(connection: sqlite3.Connection, scenario_id: str, status: ScenarioStatus) -> None:
    """Takes a scenario out of lists or puts it back, wherever it was loaded from."""
    connection.execute("UPDATE scenarios SET status = ? WHERE id = ?", (status, scenario_id))


@cache
def is_public(root: str) -> bool:
    """Whether what was loaded from a place came with this program."""
    return root != CREATED and Path(root).resolve() == bundled_pack()


def folder_signatures(connection: sqlite3.Connection, roots: Iterable[str]) -> dict[str, dict[str, str]]:
    """The signature that each folder of each pack had when it was last read."""
    query = "SELECT folder, signature FROM scenario_folders WHERE root = ?"
    return {root: dict(connection.execute(query, (root,)).fetchall()) for root in roots}


def folder_signature(connection: sqlite3.Connection, root: str, folder: str) -> str | None:
    """The signature that one folder had when it was last read."""
    query = "SELECT signature FROM scenario_folders WHERE root = ? AND folder = ?"
    row: tuple[str] | None = connection.execute(query, (root, folder)).fetchone()
    return None if row is None else row[0]


def save_folder(
    connection: sqlite3.Connection, root: str, folder: str, signature: str, found: ScenarioRow | Sequence[Any]
) -> None:
    """Keeps what was found in a folder: its scenario, or its problems as JSON.

    A scenario that the folder held before stays retrievable, for the runs of it, and leaves the lists.
    """
    if isinstance(found, ScenarioRow):
        save(connection, found)
        scenario_id, problems = found.view.id, "[]"
    else:
        scenario_id, problems = None, json.dumps(found)
        _leave_lists(connection, root, folder)
    connection.execute(
        "INSERT OR REPLACE INTO scenario_folders (root, folder, signature, scenario_id, problems)"
        " VALUES (?, ?, ?, ?, ?)",
        (root, folder, signature, scenario_id, problems),
    )


def forget_folder(connection: sqlite3.Connection, root: str, folder: str) -> None:
    """Notes that a folder has vanished: its scenario leaves the lists and stays retrievable."""
    _leave_lists(connection, root, folder)
    connection.execute("DELETE FROM scenario_folders WHERE root = ? AND folder = ?", (root, folder))


def _leave_lists(connection: sqlite3.Connection, root: str, folder: str) -> None:
    connection.execute(
        "UPDATE scenarios SET present = 0 WHERE root = ? AND number IN"
        " (SELECT number FROM scenario_contents WHERE folder = ?)",
        (root, folder),
    )


def folder_problems(connection: sqlite3.Connection, roots: Iterable[str]) -> list[tuple[str, str, list[Any]]]:
    """Root, folder and problems of the folders that could not be loaded."""
    query = "SELECT folder, problems FROM scenario_folders WHERE root = ? AND problems <> '[]' ORDER BY folder"
    return [
        (root, folder, json.loads(problems))
        for root in roots
        for folder, problems in connection.execute(query, (root,)).fetchall()
    ]
