"""Crews with their tokens, and what they did."""

import sqlite3

SCHEMA = """
CREATE TABLE IF NOT EXISTS crew (
    id TEXT PRIMARY KEY,
    token TEXT NOT NULL  -- empty: the crew is locked out
);
CREATE TABLE IF NOT EXISTS entry (
    number INTEGER PRIMARY KEY,
    crew TEXT NOT NULL,
    what TEXT NOT NULL,
    path TEXT NOT NULL,
    size INTEGER NOT NULL
);
"""


class Database:
    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.executescript(SCHEMA)

    def token(self, crew: str) -> str:
        row = self._connection.execute("SELECT token FROM crew WHERE id = ?", (crew,)).fetchone()
        return row[0] if row else ""

    def note(self, crew: str, what: str, path: str, size: int) -> None:
        self._connection.execute(
            "INSERT INTO entry (crew, what, path, size) VALUES (?, ?, ?, ?)", (crew, what, path, size)
        )

    def entries(self, crew: str, order: str = "number", word: str = "") -> list[tuple[int, str, str, int]]:
        """What a crew did, of paths that contain a word. `order` is a column; with a minus before it, from the top."""
        column = order.removeprefix("-")
        direction = "DESC" if order.startswith("-") else "ASC"
        try:
            return self._connection.execute(
                "SELECT number, what, path, size FROM entry WHERE crew = ? AND instr(path, ?) > 0 "
                f"ORDER BY {column} {direction}, number",
                (crew, word),
            ).fetchall()
        except sqlite3.OperationalError as error:
            raise ValueError("no such order") from error
