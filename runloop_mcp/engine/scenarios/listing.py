"""One page of the list of scenarios, found by the database."""

import json
import sqlite3
from collections.abc import Sequence

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.scenario import ScenarioListParams, ScenarioView
from runloop_mcp.engine.scenarios.rows import is_public, view_of


def list_page(connection: sqlite3.Connection, params: ScenarioListParams, roots: Sequence[str]) -> Page[ScenarioView]:
    """One page of what was loaded from these places.

    Raises:
        InvalidRequest: `starting_after` names no scenario.
    """
    where, values = _filters(params, roots)
    # The clauses are constants; every value is bound.
    (total,) = connection.execute(f"SELECT count(*) FROM scenarios s WHERE {where}", values).fetchone()  # noqa: S608 - values are bound
    if params.starting_after is not None:
        where += " AND (s.position, s.number) > (?, ?)"
        values.extend(_place(connection, params.starting_after, roots))
    # The page is chosen among the narrow rows, and only then are its views read.
    chosen = f"SELECT number, status, root, position FROM scenarios s WHERE {where} ORDER BY position, number LIMIT ?"  # noqa: S608 - values are bound
    found = connection.execute(
        f"SELECT c.view, s.status, s.root FROM ({chosen}) s JOIN scenario_contents c USING (number)"  # noqa: S608 - values are bound
        " ORDER BY s.position, s.number",
        [*values, params.limit + 1],
    ).fetchall()
    return Page(
        items=[view_of(*row) for row in found[: params.limit]],
        has_more=len(found) > params.limit,
        total_count=int(total),
    )


def _filters(params: ScenarioListParams, roots: Sequence[str]) -> tuple[str, list[object]]:
    clauses = ["s.present", "s.root IN (SELECT value FROM json_each(?))"]
    values: list[object] = [json.dumps(roots)]
    for column, wanted in (
        ("status", params.status),
        ("name", params.name),
        ("validation_type", params.validation_type),
    ):
        if wanted is not None:
            clauses.append(f"s.{column} = ?")
            values.append(str(wanted))
    for tag in params.tags or ():
        clauses.append("s.number IN (SELECT number FROM scenario_tags WHERE tag = ?)")
        values.append(tag.strip().casefold())
    if params.benchmark_id is not None:
        clauses.append("s.id IN (SELECT scenario_id FROM benchmark_scenarios WHERE benchmark_id = ?)")
        values.append(params.benchmark_id)
    if params.is_public is not None:
        clauses.append("s.root IN (SELECT value FROM json_each(?))")
        values.append(json.dumps([root for root in roots if is_public(root) == params.is_public]))
    words = _words(params.search or "")
    if words:
        clauses.append("s.number IN (SELECT rowid FROM scenario_words WHERE scenario_words MATCH ?)")
        values.append(words)
    return " AND ".join(clauses), values


def _words(search: str) -> str:
    """The search in the full-text index's language: every word, or the beginning of one, as it stands."""
    words = [word for word in search.replace("\0", " ").split() if any(character.isalnum() for character in word)]
    return " AND ".join('"' + word.replace('"', '""') + '"*' for word in words)


def _place(connection: sqlite3.Connection, scenario_id: str, roots: Sequence[str]) -> tuple[str, int]:
    row = connection.execute(
        "SELECT position, number FROM scenarios WHERE id = ?"
        " ORDER BY root IN (SELECT value FROM json_each(?)) DESC, present DESC LIMIT 1",
        (scenario_id, json.dumps(roots)),
    ).fetchone()
    if row is None:
        raise InvalidRequest(
            f"There is no scenario {scenario_id!r} to start after.",
            hint="Pass the id of the last scenario of the page before, or none, for the first page.",
        )
    return str(row[0]), int(row[1])
