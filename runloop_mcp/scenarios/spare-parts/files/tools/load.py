"""Makes stock.db anew, at version 1, from the files in data/."""

import csv
import sqlite3
from pathlib import Path

ROOT = Path(__file__).parent.parent


def main() -> None:
    path = ROOT / "stock.db"
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.executescript((ROOT / "migrations/001_initial.sql").read_text())
    for table, columns in (("part", 6), ("move", 6)):
        with (ROOT / f"data/{table}.csv").open(newline="") as lines:
            rows = [[value or None for value in row] for row in list(csv.reader(lines))[1:]]
        marks = ", ".join("?" * columns)
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
    connection.commit()
    connection.close()


main()
