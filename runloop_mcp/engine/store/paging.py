"""One page of a table that is listed newest first, by its rows' numbers."""

import sqlite3
from dataclasses import dataclass, field

from runloop_mcp.api.errors import InvalidRequest

_LONGEST_SEARCH = 5000
"""Characters. SQLite refuses patterns of more than 50,000 bytes."""


@dataclass(slots=True)
class Filters:
    """What rows have to satisfy, all together. Clauses are constants of ours; every value is bound."""

    clauses: list[str] = field(default_factory=list)
    values: list[object] = field(default_factory=list)

    def add(self, clause: str, *values: object) -> None:
        """Adds a clause with its values."""
        self.clauses.append(f"({clause})")
        self.values += values

    def equal(self, column: str, wanted: object) -> None:
        """Rows whose column has a value, where one is wanted."""
        if wanted is not None:
            self.add(f"{column} = ?", wanted)

    def contains(self, text: str, part: str | None) -> None:
        """Rows whose text has this part, in any case, where one is wanted."""
        if part:
            self.add(f"{text} LIKE ? ESCAPE '\\'", containing(part))


@dataclass(frozen=True, slots=True)
class Listing:
    """A table that has pages: with the columns `number`, which counts up, and `id`."""

    table: str
    columns: str
    what: str
    """What its rows are called where an error tells of one."""

    def page(
        self, connection: sqlite3.Connection, filters: Filters, *, limit: int, starting_after: str | None
    ) -> tuple[list[tuple[object, ...]], int, bool]:
        """The rows of one page, how many match in all, and whether more follow.

        Raises:
            InvalidRequest: `starting_after` names no row.
        """
        matching = Filters(["1", *filters.clauses], list(filters.values))
        where = " AND ".join(matching.clauses)
        (total,) = connection.execute(
            f"SELECT count(*) FROM {self.table} WHERE {where}",  # noqa: S608 - constants; values are bound
            matching.values,
        ).fetchone()
        if starting_after is not None:
            after = connection.execute(
                f"SELECT number FROM {self.table} WHERE id = ?",  # noqa: S608 - likewise
                (starting_after,),
            ).fetchone()
            if after is None:
                raise InvalidRequest(
                    f"There is no {self.what} {starting_after!r} to start after.",
                    hint=f"Pass the id of the last {self.what} of the page before, or none, for the first page.",
                )
            matching.add("number < ?", after[0])
        where = " AND ".join(matching.clauses)
        found = connection.execute(
            f"SELECT {self.columns} FROM {self.table} WHERE {where} ORDER BY number DESC LIMIT ?",  # noqa: S608 - likewise
            [*matching.values, limit + 1],
        ).fetchall()
        return found[:limit], int(total), len(found) > limit


def containing(text: str) -> str:
    """The pattern of LIKE, with a backslash as its escape, for what contains a text.

    Raises:
        InvalidRequest: The text is longer than any that could be found.
    """
    if len(text) > _LONGEST_SEARCH:
        raise InvalidRequest(
            f"What is searched for is longer than {_LONGEST_SEARCH} characters.", hint="Search for a part of it."
        )
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
