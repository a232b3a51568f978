"""Runs migrations/002_bins.sql on a database, as operations do: migrate.py [stock.db]"""

import sqlite3
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "stock.db"
    connection = sqlite3.connect(f"file:{path}?mode=rw", uri=True, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.executescript((ROOT / "migrations/002_bins.sql").read_text())
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    broken = connection.execute("PRAGMA foreign_key_check").fetchall()
    print(f"{path.name} is at version {version}, {len(broken)} broken references")


main()
