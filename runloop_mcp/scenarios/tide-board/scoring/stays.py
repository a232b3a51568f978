"""Sends signals to the board that runs here; the argument names the part. Exit status 0: it does what it should."""

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
import socket

NEW = "00:00;100\n12:00;220\n23:59;100\n"
BAD = ("06:00;100\n05:00;120\n", "00:00;10\n", "", "00:00;10\nhalf a", "00:00;ten\n23:00;20\n")


class Line:
    """A connection to the board."""

    def __init__(self, sent=b""):
        self.socket = socket.create_connection(("127.0.0.1", 8123), 2)
        self.socket.sendall(sent)

    def rest(self, sent):
        """Sends the rest of a request; the body of the answer."""
        answer = b""
        self.socket.sendall(sent)
        with self.socket:
            while chunk := self.socket.recv(4096):
                answer += chunk
                if len(answer) > 65536:
                    break
        return answer.partition(b"\r\n\r\n")[2]


def ask(path):
    """The body of an answer; None where there is none."""
    try:
        return Line().rest(f"GET {path} HTTP/1.1\r\nHost: board\r\nConnection: close\r\n\r\n".encode())
    except OSError:
        return None


def level(at):
    try:
        return json.loads(ask(f"/tide?at={at}") or b"{}").get("cm")
    except (ValueError, AttributeError):
        return None


def until(true, seconds=3.0):
    """Whether something becomes true in time."""
    deadline = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def pid():
    """The process id of the board; 0 where there is none."""
    try:
        text = pathlib.Path("run/board.pid").read_text()
        number = int(text) if len(text) < 20 else 0
        os.kill(number, 0)
    except (OSError, ValueError, OverflowError):
        return 0
    return number if number > 1 and number != os.getpid() else 0


def put(text):
    fresh = pathlib.Path("tide.csv.fresh")
    fresh.write_text(text)
    fresh.replace("tide.csv")


def reloads():
    kept = pathlib.Path("tide.csv").read_text()
    board = pid()
    yield "it runs", board != 0 and level("06:31") == 412
    if not board:
        return
    begun = Line(b"GET /tide?at=06:00 HTTP/1.1\r\nHost: bo")
    idle = Line()
    try:
        put(NEW)
        os.kill(board, signal.SIGHUP)
        yield "a new table is read", until(lambda: level("06:00") == 160)
        yield "by the same process", pid() == board
        body = begun.rest(b"ard\r\nConnection: close\r\n\r\n")
        yield "a request that had begun is answered", b'"cm"' in body
        body = idle.rest(b"GET /health HTTP/1.1\r\nHost: board\r\nConnection: close\r\n\r\n")
        yield "who was connected is answered", body.strip() == b"ok 3"
        for bad in BAD:
            put(bad)
            os.kill(board, signal.SIGHUP)
            yield "a bad table changes nothing", all(level("06:00") == 160 for _ in range(3)) and pid() == board
    except OSError as error:
        yield f"it stays ({error.strerror})", False
    finally:
        put(kept)
        if pid():
            os.kill(pid(), signal.SIGHUP)
    yield "the old table is read again", until(lambda: level("06:31") == 412)


def comes_back():
    for _ in range(2):
        board = pid()
        yield "it runs", board != 0 and ask("/health") is not None
        if not board:
            return
        os.kill(board, signal.SIGKILL)
        yield "it answers again", until(lambda board=board: pid() not in (0, board) and (ask("/health") or b"").startswith(b"ok"))


def main():
    protect()
    os.unlink(__file__)
    failed = 0
    try:
        for name, ok in {"reloads": reloads, "comes-back": comes_back}[sys.argv[1]]():
            print("ok    " if ok else "FAILED", name)
            failed += not ok
    except OSError as error:
        print("FAILED", error.strerror)
        failed += 1
    sys.exit(min(failed, 1))


main()
