# Asks the board that runs here, and prints the share of requests that it answers right.
# The judge takes this shell's place and this file is gone, so that nothing else can read it.
[[ ${BASH_SOURCE[0]:-} == /tmp/* ]] && rm -f -- "${BASH_SOURCE[0]}"
exec /usr/bin/python3 -I - <<'JUDGE'
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
import socket


def exchange(data, seconds=2.0):
    """What comes back for these bytes, until the end or as long as it says; empty where nothing does."""
    answer = b""
    try:
        with socket.create_connection(("127.0.0.1", 8123), seconds) as line:
            line.sendall(data)
            while len(answer) < 65536:
                head, end, body = answer.partition(b"\r\n\r\n")
                length = [part for part in head.lower().split(b"\r\n") if part.startswith(b"content-length:")]
                if end and length and len(body) >= int(length[0].split(b":")[1]):
                    break
                chunk = line.recv(4096)
                if not chunk:
                    break
                answer += chunk
    except (OSError, ValueError):
        pass
    return answer


def get(path):
    """Status and body; None where that is no answer with its length."""
    head, _, body = exchange(f"GET {path} HTTP/1.1\r\nHost: board\r\nConnection: close\r\n\r\n".encode()).partition(b"\r\n\r\n")
    parts = head.split(b"\r\n")[0].split()
    if len(parts) < 2 or not parts[1].isdigit() or b"content-length:" not in head.lower():
        return None
    return int(parts[1]), body


def tide(at, cm):
    answer = get(f"/tide?at={at}")
    try:
        return answer is not None and answer[0] == 200 and json.loads(answer[1]) == {"at": at, "cm": cm}
    except ValueError:
        return False


def status(path, wanted):
    answer = get(path)
    return answer is not None and answer[0] == wanted


def checks():
    yield "health", get("/health") is not None and get("/health")[0] == 200 and get("/health")[1].strip() == b"ok 5"
    for at, cm in (("00:20", 35), ("06:31", 412), ("07:15", 367), ("03:25", 223), ("12:44", 28), ("20:00", 352), ("23:50", 61)):
        yield f"the tide at {at}", tide(at, cm)
    for path in ("/tide?at=00:19", "/tide?at=23:51", "/", "/healthy", "/tides"):
        yield f"no such thing: {path}", status(path, 404)
    for path in ("/tide?at=noon", "/tide?at=24:10", "/tide?at=07:60", "/tide?at=", "/tide", "/tide?at=7", "/tide?at=-1:00"):
        yield f"no time: {path}", status(path, 400)
    silent = [socket.socket() for _ in range(12)]
    try:
        for number, line in enumerate(silent):
            line.settimeout(2)
            line.connect(("127.0.0.1", 8123))
            line.sendall((b"", b"GET /tide?at=0", b"\0\xff\r\n")[number % 3])
        yield "slow and silent clients keep nobody waiting", tide("06:31", 412)
    except OSError:
        yield "slow and silent clients are let in", False
    finally:
        for line in silent:
            line.close()
    exchange(b"BREW /tide HTTP/9\r\n\r\n", 0.3)
    exchange(b"GET /tide?at=%00%ff HTTP/1.1\r\n\r\n", 0.3)
    yield "nonsense ends nothing", tide("12:44", 28)


def main():
    protect()
    results = list(checks())
    for name, ok in results:
        print("ok    " if ok else "FAILED", name)
    up = results[0][1]  # where nothing answers, nothing is right
    print(f"score={sum(ok for _, ok in results) / len(results) if up else 0:.6f}")


main()
JUDGE
