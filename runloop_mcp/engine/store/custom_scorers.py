"""Custom scorers in the database. Every function runs on the database's threads, inside its transaction."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runloop_mcp.api.errors import InvalidRequest, NotFound
from runloop_mcp.api.ids import IdPrefix, stable_id
from runloop_mcp.api.models.scorer import ScorerListParams, ScorerView
from runloop_mcp.engine.store.paging import containing

CREATED = ""
"""The root of scorers that don't come from a pack."""


@dataclass(frozen=True, slots=True)
class ScorerRow:
    """A custom scorer and where it comes from."""

    view: ScorerView
    root: str
    """The directory of its pack; empty for one that was created."""


_SELECT = "SELECT s.id, s.type, s.bash_script, s.root FROM custom_scorers s JOIN json_each(?) r ON r.value = s.root"
"""Those of some places, which come in the order of their precedence: created ones, then the packs'."""


def _row(values: tuple[str, str, str, str]) -> ScorerRow:
    return ScorerRow(ScorerView(id=values[0], type=values[1], bash_script=values[2]), values[3])


def get(connection: sqlite3.Connection, scorer_id: str, roots: Sequence[str]) -> ScorerRow:
    """One custom scorer of these places.

    Raises:
        NotFound: There is none with this id.
    """
    found = connection.execute(f"{_SELECT} WHERE s.id = ? ORDER BY r.key LIMIT 1", (json.dumps(roots), scorer_id))
    values = found.fetchone()
    if values is None:
        raise NotFound(f"There is no custom scorer {scorer_id!r}.", hint="Scorer ids look like scs_…; list them.")
    return _row(values)


def by_type(connection: sqlite3.Connection, roots: Sequence[str]) -> dict[str, ScorerRow]:
    """What each type means to someone who looks in these places, in this order."""
    found = connection.execute(f"{_SELECT} ORDER BY r.key DESC, s.type", (json.dumps(roots),)).fetchall()
    return {row.view.type: row for row in map(_row, found)}


def page(
    connection: sqlite3.Connection, params: ScorerListParams, roots: Sequence[str]
) -> tuple[list[ScorerView], int, bool]:
    """One page, newest first; how many there are in all; and whether there are more.

    Raises:
        InvalidRequest: `starting_after` names no custom scorer.
    """
    where, values = "", [json.dumps(roots)]
    if params.search:
        where = " WHERE (s.type || ' ' || s.id) LIKE ? ESCAPE '\\'"
        values.append(containing(params.search))
    (total,) = connection.execute(f"SELECT count(*) FROM ({_SELECT}{where})", values).fetchone()  # noqa: S608 - constants
    if params.starting_after is not None:
        after = connection.execute(
            "SELECT max(number) FROM custom_scorers WHERE id = ?", (params.starting_after,)
        ).fetchone()[0]
        if after is None:
            raise InvalidRequest(
                f"There is no custom scorer {params.starting_after!r} to start after.",
                hint="Pass the id of the last scorer of the page before.",
            )
        where += f"{' AND' if where else ' WHERE'} s.number < ?"
        values.append(after)
    found = connection.execute(
        f"{_SELECT}{where} ORDER BY s.number DESC LIMIT ?", [*values, params.limit + 1]
    ).fetchall()
    return [_row(row).view for row in found[: params.limit]], int(total), len(found) > params.limit


def save(connection: sqlite3.Connection, row: ScorerRow) -> None:
    """Keeps a custom scorer, new or changed."""
    view = row.view
    changed = connection.execute(
        "UPDATE custom_scorers SET type = ?, bash_script = ? WHERE id = ? AND root = ?",
        (view.type, view.bash_script, view.id, row.root),
    )
    if changed.rowcount == 0:
        connection.execute(
            "INSERT INTO custom_scorers (id, root, type, bash_script) VALUES (?, ?, ?, ?)",
            (view.id, row.root, view.type, view.bash_script),
        )


def save_pack(connection: sqlite3.Connection, root: str, pack: str, scripts: Mapping[str, str]) -> None:
    """Keeps the scorers of a pack as they are now; those that are gone are forgotten."""
    kept = json.dumps(list(scripts))
    connection.execute(
        "DELETE FROM custom_scorers WHERE root = ? AND type NOT IN (SELECT value FROM json_each(?))", (root, kept)
    )
    for kind, script in scripts.items():
        view = ScorerView(id=stable_id(IdPrefix.SCORER, pack, kind), type=kind, bash_script=script)
        save(connection, ScorerRow(view, root))


def scripts_of(connection: sqlite3.Connection, root: str) -> dict[str, str]:
    """The scripts of one place, by type."""
    return dict(connection.execute("SELECT type, bash_script FROM custom_scorers WHERE root = ?", (root,)).fetchall())
