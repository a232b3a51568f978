#!/bin/bash
# Makes a root with two crews in it, or takes the one that is given, and runs the session on standard input.
#   tools/try.sh [ROOT] <<< $'HELLO crew-7 lichen\nLIST'
set -eu
cd "$(dirname "$0")/.."
root=${1:-$(mktemp -d)}
mkdir -p "$root/store"
/usr/bin/python3 - "$root" <<'CODE'
import sqlite3, sys
sys.path.insert(0, ".")
from fieldbox.database import SCHEMA
connection = sqlite3.connect(f"{sys.argv[1]}/fieldbox.db")
connection.executescript(SCHEMA)
for crew in (("crew-7", "lichen"), ("crew-71", "basalt"), ("crew-9", "")):
    connection.execute("INSERT OR IGNORE INTO crew VALUES (?, ?)", crew)
connection.commit()
CODE
exec /usr/bin/python3 -m fieldbox "$root"
