"""Runs a query on stock.db and prints what it gives: ask.py queries/on_hand.sql 2026-03-31"""

import sqlite3
import sys
from pathlib import Path


def main() -> None:
    path, day = sys.argv[1:]
    connection = sqlite3.connect(f"file:{Path(__file__).parent.parent / 'stock.db'}?mode=ro", uri=True)
    found = connection.execute(Path(path).read_text(), {"day": day})
    print(*(column[0] for column in found.description), sep="\t")
    for row in found:
        print(*("-" if value is None else value for value in row), sep="\t")


main()
