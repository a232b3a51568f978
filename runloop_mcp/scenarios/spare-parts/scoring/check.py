"""Runs the SQL of the solution on databases of its own; the first argument names the part. Exit status 0: all is right."""

# --- boundary: the same lines in every judge -----------------------------------------------------------------------
# The solution runs in processes of its own. They cannot look into this one or write to what it has open, they are
# ended before the verdict is given, and nothing they print or return is more than data to compare.
import ctypes
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time


def protect():
    """Shuts other processes out of this one and makes it the parent of every orphan below it."""
    prctl = ctypes.CDLL(None).prctl
    for option, value in ((4, 0), (36, 1)):  # PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER
        if prctl(option, *map(ctypes.c_ulong, (value, 0, 0, 0))) != 0:
            sys.exit("judge: the kernel does not let the judge protect itself")


def sweep():
    """Ends every process below this one, also those that left their group and session."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat", "rb") as stat:
                    parent = int(stat.read().rpartition(b")")[2].split()[1])
                if parent == os.getpid():
                    os.kill(int(pid), signal.SIGKILL)
            except OSError:
                continue  # it ended by itself
        time.sleep(0.001)
    sys.exit("judge: the solution's processes do not end")


def run(argv, cwd, seconds=10.0, limit=1 << 20, stdin=os.devnull, **environment):
    """Runs the solution's code: (exit status, standard output), or None where it took or wrote too much."""
    env = {"PATH": "/usr/bin:/bin", "HOME": cwd, "TMPDIR": cwd, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
    deadline = time.monotonic() + seconds
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "start_new_session": True}
    try:
        with open(stdin, "rb") as source:
            process = subprocess.Popen(argv, cwd=cwd, env=env | environment, stdin=source, **streams)
    except OSError:
        return None
    output, ended = bytearray(), False
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not ended and len(output) <= limit and (left := deadline - time.monotonic()) > 0:
            if selector.select(left):
                chunk = os.read(process.stdout.fileno(), 65536)
                output += chunk
                ended = not chunk
    try:
        status = process.wait(max(0.0, deadline - time.monotonic()) if ended else 0.0)
    except subprocess.TimeoutExpired:
        status, ended = -1, False
        process.kill()
        process.wait()
    process.stdout.close()
    sweep()
    return (status, bytes(output)) if ended else None


# --- end of the boundary -------------------------------------------------------------------------------------------

import collections
import datetime
import itertools
import json
import pathlib
import random
import re
import sqlite3

# Runs a query for several days and prints columns and rows of each as JSON. SQL of the solution runs only here, in
# processes of their own.
ASK = """
import json, sqlite3, sys
connection = sqlite3.connect("file:stock.db?mode=ro", uri=True)
with open(sys.argv[1], encoding="utf-8") as file:
    query = file.read(1 << 20)
answers = []
for day in sys.argv[2:]:
    found = connection.execute(query, {"day": day})
    answers.append([[column[0] for column in found.description], found.fetchmany(1000)])
print(json.dumps(answers))
"""

MIGRATE = """
import sqlite3, sys
connection = sqlite3.connect("file:stock.db?mode=rw", uri=True, isolation_level=None)
connection.execute("PRAGMA foreign_keys = ON")
with open(sys.argv[1], encoding="utf-8") as file:
    connection.executescript(file.read(1 << 20))
"""

# Prints what each statement gives: its rows, or that it was refused. Every change is undone.
PROBE = """
import json, sqlite3, sys
connection = sqlite3.connect("file:stock.db?mode=rw", uri=True, isolation_level=None)
connection.execute("PRAGMA foreign_keys = ON")
answers = []
for statement in json.loads(sys.argv[1]):
    connection.execute("BEGIN")
    try:
        answers.append(connection.execute(statement).fetchmany(5000))
    except sqlite3.IntegrityError:
        answers.append("refused")
    except sqlite3.Error:
        answers.append("error")
    connection.execute("ROLLBACK")
print(json.dumps(answers))
"""

SCHEMA = """
CREATE TABLE part (
    id INTEGER PRIMARY KEY,
    sku TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    discontinued INTEGER NOT NULL DEFAULT 0 CHECK (discontinued IN (0, 1)),
    price TEXT,
    place TEXT
);
CREATE INDEX part_by_name ON part (name);
CREATE TABLE move (
    id INTEGER PRIMARY KEY,
    part_id INTEGER NOT NULL REFERENCES part (id),
    at TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('receipt', 'issue', 'count', 'void')),
    quantity INTEGER NOT NULL CHECK (quantity >= 0),
    refers_to INTEGER UNIQUE REFERENCES move (id),
    CHECK ((kind = 'void') = (refers_to IS NOT NULL))
);
CREATE INDEX move_by_part ON move (part_id, at);
CREATE TRIGGER part_in_use BEFORE DELETE ON part
WHEN EXISTS (SELECT 1 FROM move WHERE part_id = old.id)
BEGIN
    SELECT RAISE(ABORT, 'this part has moves');
END;
CREATE VIEW labels AS SELECT sku, name, upper(trim(place)) AS place FROM part;
PRAGMA user_version = 1;
"""

# price, place, and what becomes of them; None in the last two: a note is made where the value is more than blanks.
READINGS = [
    ("12.50 EUR", "K-09-3", 1250, ("K", 9, 3)),
    ("12,50 eur", " k-9-3 ", 1250, ("K", 9, 3)),
    (" 7 EUR", "K-10-3", 700, ("K", 10, 3)),
    ("0.05 EUR", "A-99-9", 5, ("A", 99, 9)),
    ("1005 ct", "a-1-1", 1005, ("A", 1, 1)),
    ("0 Ct ", "A-01-1", 0, ("A", 1, 1)),
    (None, None, None, None),
    ("", "", None, None),
    ("   ", "  ", None, None),
    ("12.5 EUR", "A-00-1", None, None),
    ("12.505 EUR", "A-1-0", None, None),
    ("1.250,00 EUR", "A-100-1", None, None),
    (".50 EUR", "A-1-10", None, None),
    ("-3.00 EUR", "AB-1-1", None, None),
    ("3 USD", "1-A-1", None, None),
    ("EUR 3", "A-1", None, None),
    ("3EUR", "A 1 1", None, None),
    (" EUR", "A-1-1-1", None, None),
    ("12.00 ct", "A--1-1", None, None),
    ("12. EUR", " floor ", None, None),
    ("1 2 EUR", "A-x-1", None, None),
    ("3 EUR EUR", "-1-1", None, None),
    ("1x.50 EUR", "A-1x-1", None, None),
    ("1234567 ct ", "y-4-4", 1234567, ("Y", 4, 4)),
    ("123456.78 EUR", "Z-50-5", 12345678, ("Z", 50, 5)),
]


def parts():
    for number, (price, place, *_) in enumerate(READINGS):
        discontinued = int(number % 7 == 2)
        yield number * 5 + 3, f"{'TRS'[number % 3]}-{(number * 17) % 100}", f"part {number}", discontinued, price, place


def moves(seed, count):
    """Moves that come at all hours, with chains of voids, equal times, and ids that don't follow time."""
    chance = random.Random(seed)
    ids = [part[0] for part in parts()][:-2]
    numbers = iter(range(1000 * seed, 1000 * seed + 4 * count, 3))
    made, open_moves = [], collections.defaultdict(list)
    at = datetime.datetime(2027, 10, 29, 22, 0)
    for _ in range(count):
        part = ids[min(chance.randrange(len(ids)), chance.randrange(len(ids) + 6)) % len(ids)]
        kind = chance.choice(
            ["receipt", "receipt", "issue", "issue", "issue", "issue", "count", "void", "void", "void"]
        )
        if kind == "void" and open_moves[part]:
            number = next(numbers)
            target = open_moves[part].pop(-1 - chance.randrange(min(2, len(open_moves[part]))))
            made.append((number, part, at, kind, chance.randrange(3), target))
            open_moves[part].append(number)
        elif kind != "void":
            number = next(numbers)
            made.append((number, part, at, kind, chance.randrange(0 if kind == "count" else 1, 9), None))
            open_moves[part].append(number)
        at += datetime.timedelta(seconds=chance.choice([0, 0, 1, 3600, 7200, 30000, 86400, 200000]))
    return [(number, part, f"{at:%Y-%m-%d %H:%M:%S}", *rest) for number, part, at, *rest in made]


LAST_DAYS = [  # issues and voids around midnight, far from all others
    (9001, 3, "2028-06-01 23:59:59", "issue", 2, None),
    (9002, 3, "2028-06-02 00:00:00", "issue", 50, None),
    (9003, 3, "2028-06-02 00:00:00", "void", 0, 9001),
    (9004, 8, "2028-06-01 00:00:00", "count", 7, None),
    (8999, 8, "2028-06-01 00:00:00", "receipt", 5, None),
    (9005, 8, "2028-07-03 12:00:00", "count", 70, None),
    (9006, 8, "2028-07-03 12:00:00", "receipt", 3, None),
    (9007, 8, "2028-07-04 12:00:00", "void", 0, 9005),
    (9008, 8, "2028-07-05 12:00:00", "void", 0, 9007),
    (9009, 8, "2028-07-06 12:00:00", "void", 0, 9008),
]


def stock(folder, seed=1, count=240):
    """Makes stock.db in a folder; gives its moves."""
    made = [*moves(seed, count), *LAST_DAYS]
    connection = sqlite3.connect(folder / "stock.db")
    connection.executescript(SCHEMA)
    connection.executemany("INSERT INTO part VALUES (?, ?, ?, ?, ?, ?)", parts())
    connection.executemany("INSERT INTO move VALUES (?, ?, ?, ?, ?, ?)", made)
    connection.commit()
    connection.close()
    return made


def in_force(made, day):
    """The moves that count at the end of a day, voids left out, in the order in which they follow each other."""
    known = [move for move in made if move[2][:10] <= day]
    voided_by = {move[5]: move[0] for move in known if move[3] == "void"}

    def holds(number):
        return number not in voided_by or not holds(voided_by[number])

    return sorted((move for move in known if move[3] != "void" and holds(move[0])), key=lambda move: (move[2], move[0]))


SKU = {part[0]: part[1] for part in parts()}


def on_hand(made, day):
    quantity = dict.fromkeys(SKU, 0)
    for _, part, _, kind, number, _ in in_force(made, day):
        quantity[part] = number if kind == "count" else quantity[part] + (number if kind == "receipt" else -number)
    return ["sku", "quantity"], sorted([SKU[part], number] for part, number in quantity.items())


def idle(made, day):
    days = collections.defaultdict(set)
    for _, part, at, kind, *_ in in_force(made, day):
        if kind == "issue":
            days[part].add(at[:10])
    rows = []
    for part, issued in days.items():
        ends = [datetime.date.fromisoformat(text) for text in [*sorted(issued), day]]
        longest, since = max(((b - a).days, -a.toordinal()) for a, b in itertools.pairwise(ends))
        if longest >= 30:
            rows.append([SKU[part], datetime.date.fromordinal(-since).isoformat(), longest])
    return ["sku", "since", "days"], sorted(rows, key=lambda row: (-row[2], row[0]))


def busiest(made, day):
    sums = collections.Counter()
    for _, part, at, kind, number, _ in in_force(made, day):
        if kind == "issue":
            sums[at[:7], part] += number
    rows = []
    for (month, part), issued in sums.items():
        rank = 1 + sum(other > issued for (same, _), other in sums.items() if same == month)
        if rank <= 3:
            rows.append([month, rank, SKU[part], issued])
    return ["month", "rank", "sku", "issued"], sorted(rows)


def python(code, folder, *arguments):
    """What a program of ours printed as JSON, run where SQL of the solution may come into it; None where it failed."""
    answer = run(["/usr/bin/python3", "-I", "-c", code, *arguments], str(folder), seconds=20.0)
    if answer is None or answer[0] != 0:
        return None
    try:
        return json.loads(answer[1] or b"true")
    except (ValueError, RecursionError):
        return None


def query(name, expect):
    def checks(work, folder):
        made = stock(folder)
        days = ["2027-01-01", "2027-10-31", "2027-11-30", "2027-12-31", "2028-01-15", "2028-02-29"]
        days += ["2028-06-01", "2028-06-02", "2028-07-03", "2028-07-04", "2028-07-05", "2028-07-06", "2028-08-01"]
        answers = python(ASK, folder, f"{work}/queries/{name}.sql", *days)
        for number, day in enumerate(days):
            told = answers[number] if isinstance(answers, list) and len(answers) == len(days) else None
            yield f"{name} {day}", told == list(expect(made, day))

    return checks


def migrated(work, folder):
    made = stock(folder, seed=2, count=60)
    return made, python(MIGRATE, folder, f"{work}/migrations/002_bins.sql") is not None


def contents(work, folder):
    made, ok = migrated(work, folder)
    yield "the migration runs", ok
    bins = sorted({reading[3] for reading in READINGS if reading[3]})
    rows, notes, labels = [], [], []
    for part, (price, place, cents, where) in zip(parts(), READINGS):
        rows.append([*part[:4], cents, *(where or (None, None, None))])
        if place and place.strip() and where is None:
            notes.append([part[0], "place", place])
        if price and price.strip() and cents is None:
            notes.append([part[0], "price", price])
        labels.append([part[1], part[2], "{}-{:02}-{}".format(*where) if where else None])
    expected = {
        "SELECT aisle, rack, shelf FROM bin ORDER BY 1, 2, 3": [list(place) for place in bins],
        "SELECT part.id, sku, name, discontinued, price_cents, aisle, rack, shelf "
        "FROM part LEFT JOIN bin ON bin.id = bin_id ORDER BY part.id": rows,
        "SELECT part_id, field, value FROM migration_note ORDER BY 1, 2": notes,
        "SELECT sku, name, place FROM labels ORDER BY sku": sorted(labels),
        "SELECT typeof(price_cents), count(*) FROM part GROUP BY 1 ORDER BY 1": [
            ["integer", sum(row[4] is not None for row in rows)],
            ["null", sum(row[4] is None for row in rows)],
        ],
        "SELECT DISTINCT typeof(aisle), typeof(rack), typeof(shelf) FROM bin": [["text", "integer", "integer"]],
        "SELECT * FROM move ORDER BY id": [list(move) for move in sorted(made)],
        "PRAGMA user_version": [[2]],
    }
    yield from compare(folder, expected)


def schema(work, folder):
    _, ok = migrated(work, folder)
    yield "the migration runs", ok
    columns = "SELECT name FROM pragma_table_info('{}') ORDER BY name"
    part = "INSERT INTO part (id, sku, name{}) VALUES (9000, {})"
    expected = {
        "SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' AND type <> 'index' ORDER BY 1, 2": [
            *(["table", name] for name in ("bin", "migration_note", "move", "part")),
            ["trigger", "part_in_use"],
            ["view", "labels"],
        ],
        columns.format("part"): [[c] for c in ("bin_id", "discontinued", "id", "name", "price_cents", "sku")],
        columns.format("bin"): [["aisle"], ["id"], ["rack"], ["shelf"]],
        columns.format("migration_note"): [["field"], ["part_id"], ["value"]],
        "SELECT name FROM pragma_index_info('part_by_name')": [["name"]],
        "SELECT name FROM pragma_index_info('move_by_part')": [["part_id"], ["at"]],
        "PRAGMA foreign_key_check": [],
        "PRAGMA integrity_check": [["ok"]],
        part.format("", "'NEW', 'new'") + " RETURNING discontinued, bin_id, price_cents"
        if sqlite3.sqlite_version_info >= (3, 35)
        else "SELECT 0, NULL, NULL": [[0, None, None]],
        part.format("", f"'{SKU[3]}', 'same sku'"): "refused",
        part.format("", "'NEW', NULL"): "refused",
        part.format(", discontinued", "'NEW', 'new', 2"): "refused",
        part.format(", bin_id", "'NEW', 'new', 987654"): "refused",
        part.format(", bin_id", "'NEW', 'new', (SELECT max(id) FROM bin)"): [],
        "INSERT INTO bin (aisle, rack, shelf) SELECT aisle, rack, shelf FROM bin LIMIT 1": "refused",
        "INSERT INTO bin (aisle, rack, shelf) VALUES ('Q', 1, 1)": [],
        "INSERT INTO bin (aisle, rack, shelf) VALUES (NULL, 1, 1)": "refused",
        "INSERT INTO bin (aisle, rack, shelf) VALUES ('Q', NULL, 1)": "refused",
        "INSERT INTO bin (aisle, rack, shelf) VALUES ('Q', 1, NULL)": "refused",
        "DELETE FROM bin WHERE id = (SELECT bin_id FROM part WHERE bin_id IS NOT NULL LIMIT 1)": "refused",
        "INSERT INTO migration_note (part_id, field, value) VALUES (987654, 'place', 'x')": "refused",
        "INSERT INTO move VALUES (99999, 987654, '2028-01-01 00:00:00', 'issue', 1, NULL)": "refused",
        "INSERT INTO move VALUES (99999, 3, '2028-01-01 00:00:00', 'issue', 1, NULL)": [],
        "DELETE FROM part WHERE id = 3": "refused",
        f"DELETE FROM part WHERE id = {max(SKU)}": [],
    }
    yield from compare(folder, expected)


def compare(folder, expected):
    answers = python(PROBE, folder, json.dumps(list(expected)))
    for number, (statement, right) in enumerate(expected.items()):
        label = re.sub(r"\s+", " ", statement)[:90]
        yield label, isinstance(answers, list) and len(answers) == len(expected) and answers[number] == right


PARTS = {
    "on_hand": query("on_hand", on_hand),
    "idle": query("idle", idle),
    "busiest": query("busiest", busiest),
    "contents": contents,
    "schema": schema,
}


def main():
    protect()
    os.unlink(__file__)  # what is expected is for nobody else to read
    failed = 0
    with tempfile.TemporaryDirectory(prefix="case-", ignore_cleanup_errors=True) as folder:
        for name, ok in PARTS[sys.argv[1]](os.getcwd(), pathlib.Path(folder)):
            print("ok    " if ok else "FAILED", name)
            failed += not ok
    sys.exit(min(failed, 1))


main()
