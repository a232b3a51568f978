"""Looks at what happens to the files of a journal: exit status 0 if they are replaced whole or not at all."""

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

import json
import pathlib

OLD = '{"id":"P-0002","at":"2016-06-07T08:09:00Z","vessel":"Freya","draught_cm":300,"pilot":null}\n'


def entry(number, when):
    return json.dumps({"id": number, "when": when, "ship": "Freya", "draught_m": 3}) + "\n"


def checks(work, base):
    books, journal = base / "books", base / "journal"
    books.mkdir()
    journal.mkdir()
    (books / "a.jsonl").write_text(entry(1, "2015-06-07 08:09 +0000") + entry(2, "2016-06-07 08:09 +0000"))
    stays, changes = journal / "2016.jsonl", journal / "2015.jsonl"
    stays.write_text(OLD)
    changes.write_text("as it was before\n")
    os.utime(stays, (1_000_000_000, 1_000_000_000))
    # Names that a reader has open: what happens to the files themselves shows in them.
    os.link(changes, base / "open")
    before = stays.stat()
    answer = run(["/usr/bin/python3", f"{work}/migrate.py", "books", "journal"], str(base))
    yield "it runs", answer is not None and answer[0] == 0
    yield "a file that changes is replaced", changes.is_file() and changes.read_bytes() == OLD.replace(
        "P-0002", "P-0001"
    ).replace("2016", "2015").encode()
    yield "who reads the old one goes on reading it", (base / "open").read_bytes() == b"as it was before\n"
    after = stays.stat() if stays.is_file() else None
    same = after is not None and (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    yield "a file that stays is not touched", same and stays.read_text() == OLD
    yield "nothing else is left", sorted(os.listdir(journal)) == ["2015.jsonl", "2016.jsonl", "rejected.jsonl"]
    yield "the books are as they were", sorted(os.listdir(books)) == ["a.jsonl"]


def main():
    protect()
    os.unlink(__file__)
    failed = 0
    with tempfile.TemporaryDirectory(prefix="readers-", ignore_cleanup_errors=True) as folder:
        for name, ok in checks(os.getcwd(), pathlib.Path(folder)):
            print("ok    " if ok else "FAILED", name)
            failed += not ok
    sys.exit(min(failed, 1))


main()
