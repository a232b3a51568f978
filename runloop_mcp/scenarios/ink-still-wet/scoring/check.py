"""Judges the journal of the solution; the first argument names the part. Exit status 0: every case is right.

A driver in a process of its own plays the device and whoever appends, step by step: it lets the loop run until nothing
moves without the device, writes down what happened, and goes on. What may happen is decided here, from that record alone.
"""

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
import itertools
import json

DRIVER = r"""
import asyncio, json, os, selectors, sys

out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
cases = json.load(sys.stdin)
sys.path.insert(0, sys.argv[1])
from shiplog import Journal

SPINS = 20000


class NeverIdle(BaseException):
    pass


class Idle(selectors.SelectSelector):
    def __init__(self, at_idle):
        super().__init__()
        self.at_idle, self.spins = at_idle, 0

    def select(self, timeout=None):
        self.spins += 1
        if timeout is None or timeout > 0:
            self.spins = 0
            self.at_idle()
        elif self.spins > SPINS:
            raise NeverIdle
        return []


class Device:
    def __init__(self, case):
        self.case, self.running = case, []

    async def _call(self, kind, *what):
        case, future = self.case, self.case.loop.create_future()
        case.event("begins", kind, *what)
        self.running.append((kind, future))
        try:
            await future
        except asyncio.CancelledError:
            case.event("abandoned", kind)
            raise

    async def write(self, at, data):
        await self._call("write", at, bytes(data).decode("latin-1"))

    async def sync(self):
        await self._call("sync")

    async def truncate(self, at):
        await self._call("truncate", at)

    def end(self, kind, error):
        for number, (which, future) in enumerate(self.running):
            if kind in (which, "any"):
                del self.running[number]
                self.case.event("fails" if error else "done", which)
                if not future.done():
                    future.set_exception(OSError(5, "not today")) if error else future.set_result(None)
                return


class Case:
    def __init__(self, start, steps):
        self.steps, self.record, self.tasks = iter(steps), [], {}
        self.drains = 0
        self.start = start
        self.journal = None
        self.over = False

    def event(self, *what):
        if not self.over:
            self.record[-1].append(what)

    def run(self):
        selector = Idle(self.idle)
        self.loop = asyncio.SelectorEventLoop(selector)
        self.loop.time = lambda: 0.0
        self.loop.set_exception_handler(lambda *_: None)
        try:
            self.loop.run_forever()
            self.over = True
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self.loop.run_forever()
        except NeverIdle:
            self.record.append([["never idle"]])
        finally:
            self.over = True
            self.loop.close()
        return self.record

    def idle(self):
        if self.over:
            self.loop.stop()
            return
        step = ["drain"] if self.drains else next(self.steps, None)
        if step is None:
            self.loop.stop()
            return
        self.record.append([])
        if self.journal is None:
            self.device = Device(self)
            self.journal = Journal(self.device, self.start)
        for command in step:
            self.do(command)

    def do(self, command):
        if command == "drain":
            self.drains = 60 if not self.drains else self.drains - 1
            if self.device.running and self.drains > 1:
                self.device.end("any", False)
            else:
                self.drains = 0
            return
        what, *rest = command
        if what in ("append", "close"):
            self.tasks[rest[0]] = self.loop.create_task(self.call(what, *rest))
        elif what == "cancel":
            task = self.tasks.get(rest[0])
            if task and not task.done():
                self.event("canceling", rest[0])
                task.cancel()
        else:
            self.device.end(rest[0], what == "fail")

    async def call(self, what, key, *record):
        self.event("calls", key)
        try:
            got = await (self.journal.append(record[0].encode()) if record else self.journal.close())
            self.event("ends", key, "ok", got)
        except asyncio.CancelledError:
            self.event("ends", key, "canceled", None)
            raise
        except Exception as error:
            self.event("ends", key, type(error).__name__, None)


for start, steps in cases:
    record = Case(start, steps).run()
    print(json.dumps(record), file=out)
    if record[-1] == [["never idle"]]:
        break  # it takes long, and one is enough
out.flush()
os._exit(0)
"""

START = 40

CAUSED_BY = {"calls": ("append", "close"), "canceling": ("cancel",), "done": ("done",), "fails": ("fail",)}
"""What an event of the driver's own comes from; everything else is the journal's doing."""


class Wrong(Exception):
    """What happened is not what the rules allow."""


class Record:
    """A record that was appended, as far as it has come."""

    def __init__(self, key, text):
        self.key, self.text = key, text
        self.at = self.end = None  # where it stands, once a write has got it
        self.answer = None
        self.called_now = True
        self.canceled_now = self.canceled = False


class Rules:
    """Follows what happened, event by event, and raises Wrong at the first that must not be.

    Where two things happen in one step, a journal learns of them one after the other, and may act on the first before it
    knows of the second. Both is right then: `safe` is what has to be taken for safe, `most` what may be.
    """

    def __init__(self, steps):
        self.texts = {c[1]: c[2] for step in steps for c in step if isinstance(c, list) and c[0] == "append"}
        self.records = {}
        self.closes = {}  # key -> answer
        self.closed = self.failing = self.broken = False
        self.written = self.known = self.safe = self.most = START
        self.running = {}  # kind -> where it ends
        self.covers = START  # what the sync that runs makes safe for sure
        self.failed_now = False
        self.fresh = set()  # closes that were canceled in this step

    def waiting(self):
        return [r for r in self.records.values() if r.at is None and r.answer is None and not r.canceled]

    def step(self, commands, events):
        """Follows one step: what was done, and all that happened until nothing moved."""
        told = [(what, *rest[:1]) for what, *rest in commands]
        owed = [each for each in told if self.must_be_seen(each, told)]
        seen = []
        for what, *rest in events:
            if what in CAUSED_BY:
                cause = next((by, rest[0]) for by in CAUSED_BY[what] if (by, rest[0]) in told)
                seen.append(cause)
                told.remove(cause)
            self.event(what, *rest)
        if missing := [each for each in owed if each not in seen]:
            raise Wrong(f"no sign of {missing[0][0]}")
        self.idle()

    def drain(self, events):
        """Likewise a step in which any call that runs was let end."""
        ended = [(what, kind) for what, kind, *_ in events if what == "done"]
        if len(ended) != bool(self.running):
            raise Wrong("no sign of done")
        self.step(ended, events)

    def must_be_seen(self, command, told):
        what, about = command
        if what in ("append", "close"):
            return ("cancel", about) not in told  # then it may not have begun
        if what == "cancel":
            record = self.records.get(about)
            return (record is not None and not record.answer) or self.closes.get(about, "") is None
        return about in self.running

    def event(self, what, *rest):
        handler = getattr(self, "on_" + what.replace(" ", "_"), None)
        if handler is None:
            raise Wrong(what)
        handler(*rest)

    def on_calls(self, key):
        if key in self.texts:
            record = self.records[key] = Record(key, self.texts[key])
            record.refused = "Closed" if self.closed else "Broken" if self.broken else None
        else:
            self.closes[key] = None
            self.closed = True

    def on_canceling(self, key):
        if key in self.records:
            self.records[key].canceled_now = True
        else:
            self.fresh.add(key)

    def on_abandoned(self, kind):
        raise Wrong(f"whoever waited for a {kind} was canceled")

    def on_begins(self, kind, at=None, data=None):
        if kind in self.running or "truncate" in self.running or (kind == "truncate" and self.running):
            raise Wrong(f"a {kind} beside {', '.join(self.running)}")
        if self.broken:
            raise Wrong(f"a {kind} after a truncate failed")
        if self.failing != (kind == "truncate") and not (self.failed_now and kind != "truncate"):
            raise Wrong(f"a {kind} {'after a failure' if self.failing else 'without a failure'}")
        getattr(self, "begins_" + kind)(at, data)

    def begins_write(self, at, data):
        if type(at) is not int or at != self.written:
            raise Wrong("a write at another place than the end")
        for record in self.waiting():
            if data and data.startswith(record.text):
                record.at, record.end = at, at + len(record.text)
                at, data = record.end, data[len(record.text) :]
            elif not record.canceled_now and not record.called_now:
                raise Wrong("a write without a record that waits")
        if data or at == self.written:
            raise Wrong("a write of something else than the records that wait")
        self.running["write"] = at

    def begins_sync(self, *_):
        if self.written <= self.safe:
            raise Wrong("a sync without need")
        self.covers, self.running["sync"] = self.known, self.safe if self.failing else self.written

    def begins_truncate(self, at, _):
        if type(at) is not int or at not in (self.safe, self.most):
            raise Wrong("a truncate at another place than the end of what is safe")
        self.running["truncate"] = at

    def on_done(self, kind):
        end = self.running.pop(kind)
        if kind == "write" and not self.failing:
            self.written = end
        elif kind == "sync":
            self.safe, self.most = max(self.safe, min(end, self.covers)), max(self.most, end)
        elif kind == "truncate":
            self.failing, self.written, self.known, self.safe, self.most = False, end, end, end, end

    def on_fails(self, kind):
        del self.running[kind]
        self.failing = self.failed_now = True
        self.broken = kind == "truncate"

    def on_ends(self, key, answer, value):
        if key in self.closes:
            if self.closes[key] is not None or (answer == "ok" and not self.settled()):
                raise Wrong("a close that returned while there was something to do")
            if answer != "ok" and not (answer == "canceled" and key in self.fresh):
                raise Wrong(f"a close ended with {answer}")
            self.closes[key] = answer
            return
        record = self.records[key]
        if record.answer is not None or not self.allowed(record, answer, value):
            raise Wrong(f"an append ended with {answer}")
        record.answer = answer

    def allowed(self, record, answer, value):
        if record.refused:
            return answer in (record.refused, "canceled" if record.canceled_now else "")
        if answer == "ok":
            if record.end is None or record.end > self.most or value != record.at or type(value) is not int:
                return False
            self.safe = max(self.safe, record.end)
            return True
        if answer == "canceled":
            record.canceled = True
            return record.canceled_now
        if answer == "Lost":
            return self.failing and record.end is not None and record.end > max(self.safe, self.running.get("sync", 0))
        return answer == "Broken" and self.broken and record.at is None

    def settled(self):
        """Whether a close may return."""
        answered = all(r.answer or r.canceled_now for r in self.records.values())
        dirty = not self.broken and (self.failing or self.written > self.most)
        return answered and not self.running and not dirty

    def idle(self):
        """What must be so when nothing moves without the device."""
        for record in self.records.values():
            self.idle_record(record)
            record.called_now = record.canceled_now = False
        if not self.broken:
            if self.failing:
                need = [] if self.running else ["truncate"]
            else:
                need = ["write"] * bool(self.waiting()) + ["sync"] * (self.written > self.most)
            if "truncate" not in self.running and (missing := sorted(set(need) - set(self.running))):
                raise Wrong(f"no {missing[0]} runs, and there is need of one")
        for key, answer in self.closes.items():
            if answer is None and self.settled():
                raise Wrong("a close that does not return")
            if answer is None and key in self.fresh:
                raise Wrong("a canceled close that does not end")
        self.fresh.clear()
        self.known, self.failed_now = self.written, False

    def idle_record(self, record):
        if record.answer is not None:
            return
        if record.canceled_now:
            raise Wrong("a canceled append that does not end")
        if record.refused or (record.at is None and self.broken):
            raise Wrong("an append that is not refused")
        if record.end is not None and record.end <= self.safe:
            raise Wrong("an append that does not return though its record is safe")
        if record.end is not None and ("truncate" in self.running or self.broken):
            raise Wrong("an append whose record is lost, and that does not say so")


def judge(case, happened):
    """Nothing where all is right; else what is wrong."""
    rules = Rules(case[1])
    if not isinstance(happened, list) or len(happened) < len(case[1]):
        return "no record of it"
    try:
        for number, (commands, events) in enumerate(itertools.zip_longest(case[1], happened), 1):
            if commands in (None, ["drain"]):
                rules.drain(events)
            else:
                rules.step(commands, events)
    except Wrong as wrong:
        return f"step {number}: {wrong}"
    except (TypeError, ValueError, AttributeError, LookupError, StopIteration):
        return f"step {number}: a record that makes no sense"
    if rules.running or rules.waiting() or not all(r.answer for r in rules.records.values()):
        return "it does not come to an end"
    return ""


class Ideal:
    """Which calls run, had a right journal been told all this; so that only what can happen is tried."""

    def __init__(self):
        self.calls, self.waiting, self.unsafe, self.failing, self.dead = set(), 0, False, False, False

    def after(self, step):
        for what, *rest in step:
            if what == "append":
                self.waiting += 1
            elif what in ("done", "fail") and rest[0] in self.calls:
                self.calls.discard(rest[0])
                if what == "fail":
                    self.failing = True
                    self.dead |= rest[0] == "truncate"
                elif rest[0] == "write":
                    self.unsafe |= not self.failing
                elif rest[0] == "truncate":
                    self.failing = self.unsafe = False
        if self.failing:
            if not self.calls and not self.dead:
                self.calls.add("truncate")
        elif "truncate" not in self.calls:
            if self.waiting and "write" not in self.calls:
                self.calls.add("write")
                self.waiting = 0
            if self.unsafe and "sync" not in self.calls:
                self.calls.add("sync")
                self.unsafe = False


def orders(letters, depth, begin="a"):
    """Every order of these steps in which each can happen, as words over the letters of STEPS."""
    found = []

    def go(word):
        if len(word) >= depth:
            found.append(word)
            return
        ideal = Ideal()
        for step in spelled(word):
            ideal.after(step)
        for letter in letters:
            needs = {part[1] for part in STEPS[letter] if part[0] in ("done", "fail")}
            if needs <= ideal.calls and not ideal.dead:
                go([*word, letter])
        if ideal.dead:
            found.append([*word, "a"])

    go(list(begin))
    return found


STEPS = {
    "a": [("append",)],
    "A": [("append",), ("append",)],
    "w": [("done", "write")],
    "s": [("done", "sync")],
    "b": [("done", "write"), ("done", "sync")],
    "B": [("done", "sync"), ("done", "write")],
    "v": [("append",), ("done", "write")],
    "u": [("done", "write"), ("append",)],
    "x": [("fail", "write")],
    "y": [("fail", "sync")],
    "X": [("fail", "write"), ("done", "sync")],
    "Y": [("done", "write"), ("fail", "sync")],
    "Z": [("fail", "write"), ("fail", "sync")],
    "t": [("done", "truncate")],
    "T": [("fail", "truncate")],
    "U": [("append",), ("done", "truncate")],
    "1": [("cancel", 1)],
    "2": [("cancel", 2)],
    "3": [("cancel", 3)],
    "c": [("done", "write"), ("cancel", 1)],
    "C": [("cancel", 1), ("done", "write")],
    "d": [("done", "write"), ("cancel", 2)],
    "D": [("cancel", 2), ("done", "write")],
    "e": [("done", "sync"), ("cancel", 1)],
    "E": [("cancel", 1), ("done", "sync")],
    "f": [("append",), ("cancel", 3)],
    "k": [("close", "k")],
    "l": [("close", "l"), ("close", "m")],
    "K": [("cancel", "k")],
    "n": [("append",), ("close", "n"), ("append",)],
}


def spelled(word):
    """The steps of a word, each with its records: different ones, none of which begins like another."""
    number, closes, last = itertools.count(1), itertools.count(1), {}
    steps = []
    for letter in word:
        step = []
        for what, *rest in STEPS[letter]:
            if what == "append":
                key = next(number)
                rest = [key, f"{key:02}" + "." * (key % 4) + "\n"]
            elif what == "close":
                last[rest[0]] = f"{rest[0]}{next(closes)}"
                rest = [last[rest[0]]]
            elif what == "cancel":
                rest = [last.get(rest[0], rest[0])]
            step.append([what, *rest])
        steps.append(step)
    return steps


PARTS = {
    "safe": lambda: orders("aAwsbB", 5) + orders("awsvu", 5) + orders("aws", 7),
    "withdrawn": lambda: orders("aw12cCs", 4, "aa") + orders("aws23dDeEf", 5, "aAw") + orders("w123s", 5, "A"),
    "failures": lambda: orders("awsxytT", 6) + orders("aXYZU1t", 6, "aAwa") + orders("asw2x", 6, "aAw"),
    "closing": lambda: orders("awskl", 5) + orders("wsKna", 5, "aak") + orders("wxytTkna", 5, "aAw"),
}


def main():
    protect()
    os.unlink(__file__)  # what is tried is for nobody else to read
    words = [list(word) for word in dict.fromkeys(map("".join, PARTS[sys.argv[1]]()))]
    cases = [[START, [*spelled(word), ["drain"]]] for word in words]
    with tempfile.TemporaryDirectory(prefix="case-", ignore_cleanup_errors=True) as folder:
        with open(os.path.join(folder, "cases.json"), "w") as file:
            json.dump(cases, file)
        argv = ["/usr/bin/python3", "-I", "-c", DRIVER, os.getcwd()]
        answer = run(argv, folder, seconds=20.0, limit=1 << 24, stdin=os.path.join(folder, "cases.json"))
    lines = answer[1].splitlines() if answer is not None and answer[0] == 0 else []
    found = collections.Counter()
    for case, line in itertools.zip_longest(cases, lines[: len(cases)]):
        try:
            found[judge(case, json.loads(line or b"null"))] += 1
        except (ValueError, RecursionError):
            found["no record of it"] += 1
    print(f"{found.pop('', 0)} of {len(cases)} orders are right")
    for wrong, times in found.most_common(8):
        print(f"FAILED {wrong} ({times})")
    sys.exit(1 if found else 0)


main()
