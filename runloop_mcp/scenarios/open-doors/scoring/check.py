"""Talks to the solution; the argument names the part. Exit status 0: what is allowed works, and nothing else."""

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

import hashlib
import io
import pathlib
import sqlite3
import tarfile
from urllib.parse import quote_from_bytes

SCHEMA = """
CREATE TABLE crew (id TEXT PRIMARY KEY, token TEXT NOT NULL);
CREATE TABLE entry (
    number INTEGER PRIMARY KEY, crew TEXT NOT NULL, what TEXT NOT NULL, path TEXT NOT NULL, size INTEGER NOT NULL
);
"""
SECRET, TOKEN = "vein at 4417 north", "basalt-5150"
HELLO = b"HELLO crew-7 lichen"
FILES = {
    "top.txt": "top of the store\n",
    "notes/a.txt": "first note\nsecond\n",
    "notes/b c.txt": "a note with -v in it\n",
}
LISTED = {"top.txt": 17, "notes/a.txt": 18, "notes/b c.txt": 21}
ERR = "an error"
ANY = "anything that tells nothing"


def word(text):
    return quote_from_bytes(text if isinstance(text, bytes) else text.encode(), safe="/").encode()


def ask(*words, body=b""):
    return b" ".join([words[0].encode(), *map(word, words[1:])]) + (b"\n" + body if words[0] == "PUT" else b"")


def put(path, text):
    return ask("PUT", path, str(len(text.encode())), body=text.encode()), b"OK\n"


def lines(*told):
    return f"OK {len(told)}\n".encode() + b"".join(line + b"\n" for line in told)


def listed(sizes):
    return lines(*(word(path) + f" {sizes[path]}".encode() for path in sorted(sizes)))


def get(path, text):
    return ask("GET", path), f"OK {len(text.encode())}\n{text}".encode()


FINE = get("notes/a.txt", FILES["notes/a.txt"])  # the session goes on


def root(folder, files=FILES, links=(), raw=()):
    """A root with three crews; `links` are in the store of crew-7."""
    base = pathlib.Path(folder, "root")
    store = base / "store" / "crew-7"
    others = {"crew-71/plan.txt": SECRET, "crew-71/report.txt": "of crew-71", "crew-9/old.txt": SECRET}
    for path, text in [*((f"crew-7/{path}", text) for path, text in files.items()), *others.items()]:
        target = base / "store" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    (base / "store" / "note.txt").write_text(SECRET)
    (base / "store" / "crew-8").mkdir()
    for path, content in dict(raw).items():
        (store / path).write_bytes(content)
    for path, to in dict(links).items():
        (store / path).parent.mkdir(parents=True, exist_ok=True)
        (store / path).symlink_to(to.replace("STORE", str(base / "store")))
    connection = sqlite3.connect(base / "fieldbox.db")
    connection.executescript(SCHEMA)
    crews = ("crew-7", "lichen"), ("crew-71", TOKEN), ("crew-9", ""), ("crew-8", "schist")
    connection.executemany("INSERT INTO crew VALUES (?, ?)", crews)
    entries = [
        (1, "crew-7", "put", "b.txt", 20),
        (2, "crew-71", "put", "plan.txt", 18),
        (3, "crew-7", "unpack", "days/a.tar", 3),
        (4, "crew-7", "put", "days/%.txt", 20),
        (5, "crew-71", "put", "report.txt", 10),
        (6, "crew-7", "put", "a b.txt", 5),
    ]
    connection.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?)", entries)
    connection.commit()
    connection.close()
    return base


def outside(base):
    """Everything but the store of crew-7 and the database."""
    seen = {}
    for folder, folders, names in os.walk(base.parent):
        if folder == str(base / "store" / "crew-7"):
            folders.clear()
            continue
        for name in names:
            path = pathlib.Path(folder, name)
            if not name.startswith("fieldbox.db"):
                seen[str(path)] = path.is_file() and not path.is_symlink() and path.read_bytes()
        seen |= {os.path.join(folder, name): os.path.islink(os.path.join(folder, name)) for name in folders}
    return seen


def parsed(output, requests):
    """The reply to each request; None where they don't go together."""
    stream, replies = io.BytesIO(output), []
    for request in requests:
        head = stream.readline()
        kind, _, number = head.rstrip(b"\n").partition(b" ")
        count = int(number) if number.isdigit() and len(number) < 8 else 0
        if head[-1:] != b"\n" or kind not in (b"OK", b"ERR"):
            return None
        if kind == b"OK" and request.startswith(b"GET"):
            head += stream.read(count)
        elif kind == b"OK" and request.startswith((b"LIST", b"FIND", b"LOG")):
            head += b"".join(stream.readline() for _ in range(count))
        replies.append(head)
    return replies if not stream.read(1) else None


def session(work, told, *exchange, hello=True, **made):
    """Whether every reply is the one expected, nothing is told of others, and nothing of theirs has changed."""
    exchange = [*([(HELLO, b"OK crew-7\n")] if hello else []), *exchange]
    with tempfile.TemporaryDirectory(prefix="case-", ignore_cleanup_errors=True) as folder:
        base = root(folder, **made)
        requests = pathlib.Path(folder, "requests")
        texts = [request.replace(b"STORE", str(base / "store").encode()) for request, _ in exchange]
        requests.write_bytes(b"".join(text if b"PUT" in text[:4] else text + b"\n" for text in texts))
        before = outside(base)
        argv = ["/usr/bin/python3", "-m", "fieldbox", str(base)]
        answer = run(argv, folder, stdin=str(requests), PYTHONPATH=work)
        ok = answer is not None and answer[0] == 0 and outside(base) == before
        replies = parsed(answer[1], texts) if ok else None
        ok = replies is not None and not any(each.encode() in answer[1] for each in (SECRET, TOKEN))
        for reply, (_, expected) in zip(replies or [], exchange):
            if expected == ERR:
                ok = ok and reply.startswith(b"ERR")
            elif expected != ANY:
                ok = ok and reply == expected
    print("ok    " if ok else "FAILED", told)
    return ok


def tar(*members, mode="w"):
    """An archive: (name, text) is a file, (name, kind, target) a link, (name, kind) another thing."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as archive:
        for name, *rest in members:
            member = tarfile.TarInfo(name)
            if isinstance(rest[0], str):
                member.size = len(rest[0])
                archive.addfile(member, io.BytesIO(rest[0].encode()))
            else:
                member.type, member.linkname, member.mode = rest[0], rest[1] if len(rest) > 1 else "", 0o755
                archive.addfile(member)
    return content.getvalue()


SYM, HARD, DIR, FIFO = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE

LINKS = {  # as earlier versions left them
    "out": "../crew-71",
    "peek": "../crew-71/plan.txt",
    "notes/peek.txt": "../../note.txt",
    "abs.txt": "STORE/crew-71/plan.txt",
    "new": "../crew-71/new.txt",
    "report.txt.part": "../crew-71/report.txt",
    "deep/x": ".",
    "climb": "deep/x/../..",
    "good.txt": "notes/a.txt",
    "good": "notes",
    "round.txt": "notes/../../crew-7/top.txt",
    "whole.txt": "STORE/crew-7/top.txt",
}


def doors(work):
    tries = [(ask("LIST"), ERR), (ask("GET", "plan.txt"), ERR), (ask("LOG"), ERR), (ask("GET", "old.txt"), ERR)]
    tries += [(ask("LIST", "store"), ERR), (ask("GET", "note.txt"), ERR), put("x", "x")[:1] + (ERR,)]
    exchange = [*tries]
    for crew in (
        b"crew-71 lichen",
        b"crew-71",
        b"crew-9",
        b"crew-9 %20",
        b"..",
        b".",
        b"nobody",
        b"../store/crew-71",
        b"",
    ):
        exchange += [(b"HELLO " + crew, ERR), *tries]
    exchange += [(HELLO, b"OK crew-7\n"), FINE, (b"HELLO crew-71 wrong", ERR), *tries]
    yield session(work, "without a token", *exchange, hello=False)
    secret = f"(CASE WHEN (SELECT count(*) FROM crew WHERE token LIKE '{TOKEN[0]}%') > 0 THEN number ELSE -number END)"
    orders = [secret, f"-{secret}", "size LIMIT 1 --", "crew", "rowid", "-", "size,path", "(SELECT 1)", "1"]
    rows = {
        1: b"1 put b.txt 20",
        3: b"3 unpack days/a.tar 3",
        4: b"4 put days/%25.txt 20",
        6: b"6 put a%20b.txt 5",
    }
    yield session(
        work,
        "the log in its orders, and in those that are none",
        *((ask("LOG", order), ERR) for order in orders),
        (ask("LOG"), lines(*(rows[n] for n in (1, 3, 4, 6)))),
        (ask("LOG", "-number"), lines(*(rows[n] for n in (6, 4, 3, 1)))),
        (ask("LOG", "path"), lines(*(rows[n] for n in (6, 1, 4, 3)))),
        (ask("LOG", "size"), lines(*(rows[n] for n in (3, 6, 1, 4)))),
        (ask("LOG", "-size", "."), lines(*(rows[n] for n in (1, 4, 6, 3)))),
        (ask("LOG", "number", "%"), lines(rows[4])),
        (ask("LOG", "number", "' OR 1=1 --"), lines()),
        put("of today's.txt", "1234"),
        (ask("LOG", "number", "'"), lines(b"7 put of%20today%27s.txt 4")),
        (b"HELLO crew-8 schist", b"OK crew-8\n"),
        (ask("LOG"), lines()),
        (ask("LIST"), lines()),
        (b"HELLO crew-8 lichen", ERR),
        (ask("LIST"), ERR),
        files={"notes/a.txt": "x"},
    )


def paths(work):
    away = ["../crew-71/plan.txt", "notes/../../crew-71/plan.txt", "STORE/crew-71/plan.txt"]
    away += ["../note.txt", "../../fieldbox.db", "/etc/hostname", "../crew-71", "..", "a\0b"]
    linked = ["peek", "out/plan.txt", "notes/peek.txt", "abs.txt", "climb/crew-71/plan.txt", "climb/note.txt", "new"]
    linked.append("out/../note.txt")
    written = [path for path in away if path != "/etc/hostname"]
    written += ["../crew-7.txt", "../crew-72/x", "../crew-71/deep/x"]
    exchange = [(ask(command, path), ERR) for command in ("GET", "DIGEST") for path in away]
    exchange += [(b"GET %2e%2E%2Fcrew-71%2fplan.txt", ERR), *((put(path, "x")[0], ERR) for path in written)]
    exchange += [(ask("LIST", path), ERR) for path in ("..", "../crew-71", "STORE", "/", "../..")]
    yield session(work, "paths that lead out", *exchange, (put(".", "x")[0], ANY), (ask("LIST"), listed(LISTED)), FINE)
    exchange = [(ask(command, path), ERR) for command in ("GET", "DIGEST") for path in linked]
    exchange += [(ask("LIST", path), ERR) for path in ("out", "climb", "good/../..")]
    exchange.append((ask("LIST"), listed(LISTED | {"good.txt": 18, "round.txt": 17, "whole.txt": 17})))
    exchange += [(put(path, "x")[0], ANY) for path in (*linked, "out/x", "out/deep/x", "climb/x", "report.txt", "out")]
    yield session(work, "links that lead out", *exchange, FINE, links=LINKS)
    yield session(
        work,
        "what is allowed",
        get("notes/b c.txt", FILES["notes/b c.txt"]),
        get("notes/../top.txt", FILES["top.txt"]),
        get("./notes//a.txt", FILES["notes/a.txt"]),
        get("good.txt", FILES["notes/a.txt"]),
        get("good/a.txt", FILES["notes/a.txt"]),
        get("round.txt", FILES["top.txt"]),
        get("whole.txt", FILES["top.txt"]),
        (ask("GET", "missing.txt"), ERR),
        (ask("GET", "notes"), ERR),
        (ask("LIST", "notes"), listed({path: size for path, size in LISTED.items() if "/" in path})),
        put("..notes../a..b/...", "dots"),
        get("..notes../a..b/...", "dots"),
        put("-rf", "a dash"),
        get("-rf", "a dash"),
        put("top.txt", "new\n"),
        get("top.txt", "new\n"),
        put("späte Funde/'1'.txt", ""),
        put("good/c.txt", "through a link"),
        get("notes/c.txt", "through a link"),
        (put("big", "x" * ((1 << 20) + 1))[0], ERR),
        (
            ask("LIST"),
            listed(
                {"-rf": 6, "..notes../a..b/...": 4, "good.txt": 18, "notes/a.txt": 18, "notes/b c.txt": 21}
                | {"notes/c.txt": 14, "round.txt": 4, "späte Funde/'1'.txt": 0, "top.txt": 4, "whole.txt": 4}
            ),
        ),
        links={path: LINKS[path] for path in ("good", "good.txt", "round.txt", "whole.txt")},
    )


def archives(work):
    bad = {
        "a link to a directory elsewhere": tar(("d", SYM, "../crew-71"), ("d/planted.txt", "x")),
        "an absolute link": tar(("peek", SYM, "/etc/hostname")),
        "a link to a file elsewhere": tar(("a.txt", "x"), ("sub/peek", SYM, "../../crew-71/plan.txt")),
        "a hard link": tar(("hard", HARD, "../crew-71/plan.txt")),
        "an absolute hard link": tar(("hard", HARD, "/etc/hostname")),
        "a hard link through a link": tar(("hard", HARD, "out/plan.txt")),
        "a member below a link that was there": tar(("out/planted.txt", "x")),
        "a link that climbs": tar(("e", DIR), ("e/x", SYM, "."), ("up", SYM, "e/x/../.."), ("up/planted.txt", "x")),
        "a name that climbs": tar(("../crew-71/planted.txt", "x")),
        "a name that climbs later": tar(("notes/../../crew-71/planted.txt", "x")),
        "an absolute name": tar(("/tmp/planted.txt", "x")),
        "a pipe": tar(("pipe", FIFO)),
    }
    looks = [(ask("GET", path), ERR) for path in ("peek", "sub/peek", "hard", "d/plan.txt", "up/note.txt", "pipe")]
    unpacking = [(ask("UNPACK", f"{number}.tar"), ERR) for number in range(len(bad))]
    raw = {f"{number}.tar": content for number, content in enumerate(bad.values())}
    links = {"out": "../crew-71"}
    yield session(work, "archives with something that leads out", *unpacking, *looks, FINE, links=links, raw=raw)
    tricky = {
        "over.tar": tar(("victim.txt", "x"), ("dangling.txt", "x")),
        "turn.tar": tar(("t/a", SYM, "b/../../../note.txt"), ("t/b", SYM, ".."), ("t/a/x", "x")),
        "swap.tar": tar(("s", DIR), ("s/f", "x"), ("l", SYM, "s"), ("l", SYM, "../crew-71"), ("l/planted.txt", "x")),
        "dirs.tar": tar(("out", DIR), ("out/sub", DIR)),
        "chain.tar": tar(("h", HARD, "peek"), ("c", SYM, "out/plan.txt"), ("out2", SYM, "out"), ("out2/planted", "x")),
    }
    links |= {"victim.txt": "../crew-71/report.txt", "dangling.txt": "../crew-71/planted.txt", "peek": "../note.txt"}
    places = ["../crew-71", "out", "..", "STORE/crew-71", "notes/../..", "../crew-72"]
    exchange = [(ask("UNPACK", "plain.tar", place), ERR) for place in places]
    exchange += [
        (ask("UNPACK", path), ERR) for path in ("../crew-71/plan.txt", "peek", "STORE/crew-71/a.tar", "top.txt")
    ]
    exchange += [(ask("UNPACK", name), ANY) for name in tricky]
    exchange += [(ask("GET", path), ANY) for path in ("t/a", "l/plan.txt", "h", "c", "out2/plan.txt", "victim.txt")]
    raw = tricky | {"plain.tar": tar(("planted.txt", "x"))}
    yield session(work, "places that lead out, and archives that meet links", *exchange, FINE, links=links, raw=raw)
    week = tar(
        ("days", DIR),
        ("days/1.txt", "one\n"),
        ("./days/2 (late).txt", "two\n"),
        ("a..b/..c", "dots\n"),
        ("latest", SYM, "days/2 (late).txt"),
        ("days/home.txt", SYM, "../top.txt"),
        ("copy.txt", HARD, "days/1.txt"),
        ("now", SYM, "./days/../days"),
        ("now/3.txt", "three\n"),
        ("later", SYM, "not/yet.txt"),
        mode="w:gz",
    )
    more = tar(("days/1.txt", "one more\n"), ("latest", SYM, "days/1.txt"), ("top.txt", "inner\n"), mode="w:xz")
    sizes = LISTED | {"days/1.txt": 4, "days/2 (late).txt": 4, "a..b/..c": 5, "latest": 4, "days/home.txt": 17}
    sizes |= {"copy.txt": 4, "days/3.txt": 6, "week.tar": len(week), "more": len(more)}
    again = {f"o'clock/{name}": size for name, size in (("days/1.txt", 9), ("latest", 9), ("top.txt", 6))}
    yield session(
        work,
        "what is allowed",
        (ask("UNPACK", "week.tar"), b"OK 10\n"),
        (ask("LIST"), listed(sizes)),
        get("latest", "two\n"),
        get("now/1.txt", "one\n"),
        get("days/home.txt", FILES["top.txt"]),
        get("copy.txt", "one\n"),
        (ask("GET", "later"), ERR),
        (ask("UNPACK", "more", "o'clock"), b"OK 3\n"),
        (ask("LIST"), listed(sizes | again)),
        (ask("UNPACK", "more", "."), b"OK 3\n"),
        get("latest", "one more\n"),
        get("top.txt", "inner\n"),
        (ask("UNPACK", "notes/a.txt"), ERR),
        (ask("UNPACK", "missing.tar"), ERR),
        raw={"week.tar": week, "more": more},
    )


def programs(work):
    odd = ["it's.txt", "a  b", "-c", "--help", "$HOME", "`id`", "back\\slash", "two\nlines", "; exit 3", "*", "ende ä"]
    odd += ["x'; cat ../crew-71/plan.txt #", "$(cat ..)"]
    files = FILES | {f"odd/{name}": f"{number} marks the spot\n" for number, name in enumerate(odd)}
    files |= {name: f"{name} is the name\n" for name in ("-c", "--check", "it's")}
    exchange = [
        (ask("DIGEST", path), f"OK {hashlib.sha256(text.encode()).hexdigest()}\n".encode())
        for path, text in files.items()
    ]
    missing = ["missing", "odd", "x';cat ../crew-71/plan.txt;'", "';touch ../planted;'", "$(touch ../planted)"]
    missing += ["'; cat ../../fieldbox.db; '", "`touch ../planted`", "notes/a.txt' '../crew-71/plan.txt"]
    exchange += [(ask("DIGEST", path), ERR) for path in missing]
    yield session(work, "DIGEST whatever the name", *exchange, FINE, files=files)
    guesses = "".join(f"{SECRET[:end]}\n" for end in range(1, len(SECRET)))
    told = {
        "-v": ["notes/b c.txt 1 a note with -v in it"],
        "note": ["notes/a.txt 1 first note", "notes/b c.txt 1 a note with -v in it", "z.txt 7 a note"],
        "-f../crew-71/plan.txt": [],
        "--file=../crew-71/plan.txt": ["z.txt 1 --file=../crew-71/plan.txt"],
        "-R": [],
        "-e": ["z.txt 2 -e"],
        "--": ["z.txt 1 --file=../crew-71/plan.txt", "z.txt 3 --", "z.txt 4 --include=*"],
        "--help": [],
        "--include=*": ["z.txt 4 --include=*"],
        ".": ["z.txt 1 --file=../crew-71/plan.txt", "z.txt 5 a.b:c  $HOME 'quoted' \"too\" ^[x]*\\"],
        "[x]*\\": ["z.txt 5 a.b:c  $HOME 'quoted' \"too\" ^[x]*\\"],
        "$HOME 'quoted' \"": ["z.txt 5 a.b:c  $HOME 'quoted' \"too\" ^[x]*\\"],
        "$(touch ../planted)": [],
        "Funde": ["z.txt 6 späte Funde"],
        "ä": ["z.txt 6 späte Funde"],
        "FUNDE": [],
        "nothing like that": [],
    }
    many = (
        "--file=../crew-71/plan.txt\n-e\n--\n--include=*\na.b:c  $HOME 'quoted' \"too\" ^[x]*\\\nspäte Funde\na note\n"
    )
    exchange = [
        (ask("FIND", each), lines(*(line.replace("b c.txt", "b%20c.txt").encode() for line in found)))
        for each, found in told.items()
    ]
    exchange += [(ask("FIND", each), lines()) for each in ("-f../note.txt", "-Re4417", "-e4417")]
    files = FILES | {"z.txt": many, "guesses": guesses[:-8]}
    yield session(work, "FIND any word", *exchange, FINE, files=files, raw={"raw": b"a note\n\0"}, links=LINKS)


def main():
    protect()
    os.unlink(__file__)  # what is tried is for nobody else to read
    part = {"doors": doors, "paths": paths, "archives": archives, "programs": programs}[sys.argv[1]]
    sys.exit(0 if all(list(part(os.getcwd()))) else 1)


main()
