"""Plays the instrument for cables of its own and counts. With an argument the exit status says whether all are right."""

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

import random
import re

SECONDS = 10.0
MOST_REQUESTS = 1200
LINE = re.compile(rb"(measure) (\d{1,6}) (\d{1,6})|joints((?: \d{1,6})*)")
STEPS = [(680, 1.0), (830, 0.85), (1000, 0.7), (2000, 0.4)]


def other_cables():
    """For the question whether all are right: none of the others, or the solution could remember those."""
    draw = random.Random("cables of the south quay")
    found = [(joints, sorted(draw.sample(range(1, joints + 1), wet))) for joints, wet in [(3, 1), (450, 0), (999, 5)]]
    found.append((77, [joint for joint in range(1, 78) if draw.random() < 0.7]))
    return [*found, (1, [1]), (30, list(range(1, 31))), (128, [1, 64, 65, 128]), (211, list(range(90, 103)))]


def cables():
    """Number of joints and the wet ones, the same each time."""
    draw = random.Random("cables of the north quay")
    sparse = [(1000, 0), (1000, 1), (960, 2), (700, 3), (1, 0), (1, 1), (2, 1), (512, 6), (640, 12), (333, 1), (800, 4)]
    found = [(joints, sorted(draw.sample(range(1, joints + 1), wet))) for joints, wet in sparse]
    for joints in (40, 60, 64):
        found.append((joints, [joint for joint in range(1, joints + 1) if draw.random() < 0.6]))
    found.append((300, list(range(121, 151))))
    found.append((200, [1, 200]))
    found.append((50, list(range(1, 51))))
    return found


class Talk:
    """The line to one process of the solution: whole lines, within a deadline and a length."""

    def __init__(self, argv, cwd):
        env = {"PATH": "/usr/bin:/bin", "HOME": cwd, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(argv, cwd=cwd, env=env, start_new_session=True, **pipes)
        self.deadline = time.monotonic() + SECONDS
        self.received = bytearray()
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)

    def line(self):
        """The next line without its end; None where none comes."""
        while b"\n" not in self.received:
            left = self.deadline - time.monotonic()
            if left <= 0 or len(self.received) > 10_000 or not self.selector.select(left):
                return None
            chunk = os.read(self.process.stdout.fileno(), 4096)
            if not chunk:
                return None
            self.received += chunk
        line, _, rest = bytes(self.received).partition(b"\n")
        self.received = bytearray(rest)
        return line

    def answer(self, text):
        try:
            self.process.stdin.write(text + b"\n")
            self.process.stdin.flush()
        except OSError:
            pass  # it no longer listens; the next line will not come either

    def status(self):
        """The exit status once nothing more is said; -1 where it goes on."""
        try:
            self.process.stdin.close()
        except OSError:
            pass
        try:
            return self.process.wait(max(0.0, self.deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return -1

    def end(self):
        self.selector.close()
        self.process.stdout.close()
        self.process.kill()
        self.process.wait()
        sweep()


def measure(work, joints, wet):
    """How many measurements the solution took; None where it is wrong."""
    talk = Talk(["/usr/bin/python3", "wetjoints.py", str(joints)], work)
    requests = 0
    try:
        while (line := talk.line()) is not None:
            said = LINE.fullmatch(line.rstrip(b"\r"))
            if said is None:
                return None
            if said[1] is None:
                right = [int(number) for number in said[4].split()] == wet
                return requests if right and talk.line() is None and talk.status() == 0 else None
            first, last = int(said[2]), int(said[3])
            requests += 1
            if not 1 <= first <= last <= joints or requests > MOST_REQUESTS:
                return None
            talk.answer(b"wet" if any(first <= joint <= last for joint in wet) else b"dry")
        return None
    finally:
        talk.end()


def main():
    protect()
    os.unlink(__file__)  # what is expected is for nobody else to read
    total, wrong = 0, 0
    for number, (joints, wet) in enumerate(other_cables() if len(sys.argv) > 1 else cables(), start=1):
        taken = measure(os.getcwd(), joints, wet)
        print(f"cable {number:2}: {joints:4} joints", "WRONG" if taken is None else f"{taken} measurements")
        total, wrong = total + (taken or 0), wrong + (taken is None)
    if len(sys.argv) > 1:
        sys.exit(min(wrong, 1))
    print(f"{total} measurements in all" if not wrong else f"{wrong} cables are wrong")
    earned = [score for most, score in STEPS if total <= most] if not wrong else []
    print(f"score={max(earned, default=0.0)}")


main()
