# Reads the solver's stock.db as data: only tables, no view, nothing of the solver's runs.
exec /usr/bin/python3 -I -c '
import sqlite3, sys

connection = sqlite3.connect("file:stock.db?mode=ro", uri=True)
connection.execute("PRAGMA trusted_schema = OFF")
tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = \"table\"")}
if tables != {"part", "bin", "move", "migration_note"}:
    sys.exit("stock.db has other tables")
for statement, expected in {
    "PRAGMA user_version": (2,),
    "PRAGMA integrity_check": ("ok",),
    "SELECT count(*), sum(id), sum(quantity), count(refers_to) FROM move": (542, 191115, 1706, 46),
    "SELECT count(*), sum(id), sum(price_cents), count(price_cents), count(bin_id) FROM part": (22, 737, 72436, 17, 17),
    "SELECT count(*), sum(rack * shelf) FROM bin": (11, 416),
    "SELECT count(*), sum(part_id) FROM migration_note": (6, 222),
}.items():
    if connection.execute(statement).fetchone() != expected:
        sys.exit(f"not as expected: {statement}")
if connection.execute("PRAGMA foreign_key_check").fetchall():
    sys.exit("stock.db has broken references")
'
