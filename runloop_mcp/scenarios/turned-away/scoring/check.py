"""Compares answer.json with what happened. Called with the part to check, in the solver's working directory."""

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
import stat

CHANGE = "C-2237"
CLOCKS = {"berths-a": 0, "berths-b": 343, "till": -7}
CUT_SHORT = 72
FIRST = "q-164a9f"
OWED_CENTS = 77625


def answer():
    """What the solver wrote, as JSON; nothing where that can't be read."""
    try:
        handle = os.open("answer.json", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return {}
    try:
        data = os.read(handle, (1 << 16) + 1) if stat.S_ISREG(os.fstat(handle).st_mode) else b""
    finally:
        os.close(handle)
    try:
        value = json.loads(data) if len(data) <= 1 << 16 else {}
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def whole(value):
    return value if type(value) is int else None


def near(found, expected):
    return type(found) is int and abs(found - expected) <= 1


def cause(found):
    yield "change", found.get("change") == CHANGE
    clocks = found.get("clocks")
    for name, expected in CLOCKS.items():
        yield f"clock of {name}", isinstance(clocks, dict) and near(clocks.get(name), expected)


def extent(found):
    yield "cut_short", whole(found.get("cut_short")) == CUT_SHORT
    yield "first", found.get("first") == FIRST


def owed(found):
    yield "owed_cents", whole(found.get("owed_cents")) == OWED_CENTS


PARTS = {"cause": cause, "extent": extent, "owed": owed}


def main():
    protect()
    os.unlink(__file__)
    failed = 0
    for name, ok in PARTS[sys.argv[1]](answer()):
        print("ok    " if ok else "FAILED", name)
        failed += not ok
    sys.exit(min(failed, 1))


main()
