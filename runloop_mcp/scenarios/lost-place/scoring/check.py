"""Judges the reports of the solution; the first argument names the part. Exit status 0: every day is right."""

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

import itertools
import json
import pathlib
import random

SHORTEST, STRANDED = 2, 3
DECKS = (16,), (22,), (14, 9), (12, 12, 5)


def clock(minute):
    return f"{minute // 60:02d}:{minute % 60:02d}"


class Slip:
    """What the rules say, in the plainest way: no heap, the line is sorted whenever it is looked at."""

    def __init__(self):
        self.waiting = {}
        self.numbers = itertools.count()

    def night(self):
        for vehicle in self.waiting.values():
            vehicle["since"] = 0

    def line(self):
        def key(plate):
            vehicle = self.waiting[plate]
            if vehicle["urgent"] is not None:
                return 0, vehicle["urgent"]
            stranded = vehicle["left"] >= STRANDED
            return (1 if stranded else 2 if vehicle["resident"] else 3), vehicle["came"]

        return sorted(self.waiting, key=key)

    def day(self, events):
        """The report of a day as JSON has it."""
        sailings, answers = [], []
        for minute, what, *rest in events:
            if what == "arrive":
                plate, length, resident = rest
                vehicle = {"length": length, "resident": resident, "urgent": None, "left": 0, "since": minute}
                self.waiting[plate] = vehicle | {"came": next(self.numbers)}
            elif what == "leave":
                del self.waiting[rest[0]]
            elif what == "urgent":
                self.waiting[rest[0]]["urgent"] = next(self.numbers)
            elif what == "ask":
                number = self.line().index(rest[0]) + 1
                answers.append({"at": clock(minute), "plate": rest[0], "number": number, "of": len(self.waiting)})
            else:
                sailings.append(self.sail(minute, *rest))
        return {"sailings": sailings, "answers": answers, "line": self.line()}

    def sail(self, minute, boat, lanes):
        free, aboard, left, waits = list(lanes), [], [], [0]
        for plate in self.line():
            if max(free) < SHORTEST:
                break
            vehicle = self.waiting[plate]
            lane = next((lane for lane, metres in enumerate(free) if vehicle["length"] <= metres), None)
            if lane is None:
                vehicle["left"] += 1
                left.append(plate)
            else:
                free[lane] -= vehicle["length"]
                aboard.append(plate)
                waits.append(minute - vehicle["since"])
                del self.waiting[plate]
        told = {"at": clock(minute), "boat": boat, "metres": sum(lanes), "aboard": aboard, "left": left}
        return told | {"longest": max(waits)}


def written(events):
    lines = ["# made for this purpose"]
    for minute, what, *rest in events:
        if what == "arrive":
            words = [rest[0], str(rest[1]), *(["resident"] if rest[2] else [])]
        elif what == "sail":
            words = [rest[0], "+".join(map(str, rest[1]))]
        else:
            words = rest
        lines.append(" ".join([clock(minute), what, *words]))
    return "\n".join(lines) + "\n"


def as_text(events, report):
    """The report as text; `events` has no two events in the same minute."""
    lines = {}
    length = {event[2]: event[3] for event in events if event[1] == "arrive"}
    for sailing in report["sailings"]:
        used = sum(length[plate] for plate in sailing["aboard"])
        head = f"{sailing['at']} {sailing['boat']} {used}/{sailing['metres']} m: {' '.join(sailing['aboard'])}".rstrip()
        left = [f"      left: {' '.join(sailing['left'])}"] if sailing["left"] else []
        lines[sailing["at"]] = [head, *left]
    for answer in report["answers"]:
        lines[answer["at"]] = [f"{answer['at']} {answer['plate']} is number {answer['number']} of {answer['of']}"]
    aboard, count = sum(len(sailing["aboard"]) for sailing in report["sailings"]), len(report["sailings"])
    what = f"{aboard} vehicle{'s' * (aboard != 1)} in {count} sailing{'s' * (count != 1)}"
    told = [line for at in sorted(lines) for line in lines[at]]
    return "\n".join([*told, f"{what}, {len(report['line'])} in line at the end"]) + "\n"


def made(seed, count, slip=None):
    """A day of events; with `slip` also those who wait from the day before leave, become urgent and ask."""
    chance = random.Random(seed)
    model = Slip()
    if slip is not None:
        model.waiting = {plate: dict(vehicle) for plate, vehicle in slip.waiting.items()}
        model.numbers = itertools.count(10_000)
    events, minute = [], 300
    for number in range(count):
        minute += chance.randrange(1, 9)
        plate = f"K{seed}{number:02d}"
        idle = sorted(plate for plate, vehicle in model.waiting.items() if vehicle["urgent"] is None)
        kind = chance.randrange(20) if model.waiting else 19
        if kind == 0:
            event = (minute, "leave", chance.choice(sorted(model.waiting)))
            model.day([event])
            events.append(event)
            back = (minute + 1, "arrive", event[2], chance.choice([4, 5, 7]), chance.random() < 0.4)
            minute += 1
            event = back
        elif kind in (1, 2) and idle:
            event = (minute, "urgent", chance.choice(idle))
        elif kind in (3, 4):
            event = (minute, "ask", chance.choice(sorted(model.waiting)))
        elif number % 6 == 5:
            event = (minute, "sail", chance.choice(["Skarv", "Terne"]), list(chance.choice(DECKS)))
        else:
            length = chance.choice([2, 4, 5, 5, 5, 6, 7, 9, 12])
            event = (minute, "arrive", plate, length, chance.random() < 0.3)
        model.day([event])
        events.append(event)
    return events


def reports(work, folder, events, *options):
    """What the program prints for a day: JSON, or None where it is none."""
    (pathlib.Path(folder) / "day.txt").write_text(written(events))
    answer = run(["/usr/bin/python3", "-m", "linkspan", "run", *options, "day.txt"], folder, PYTHONPATH=work)
    if answer is None or answer[0] != 0:
        return None
    if "--json" not in options:
        return answer[1].decode(errors="replace")
    try:
        return json.loads(answer[1])
    except (ValueError, RecursionError):
        return None


COMPLAINTS = {  # days of arrivals and sailings alone; nobody is left behind more than twice
    "the lorry again": [
        (420, "arrive", "A1", 7, False),
        (421, "arrive", "LORRY", 14, False),
        *((422 + number, "arrive", f"B{number}", 5, False) for number in range(9)),
        (450, "sail", "Terne", [18]),
        (480, "arrive", "C1", 4, False),
        (510, "sail", "Terne", [18]),
        (570, "sail", "Skarv", [40]),
    ],
    "two that do not fit": [
        (420, "arrive", "LONG1", 18, False),
        (421, "arrive", "LONG2", 17, False),
        (422, "arrive", "A1", 9, False),
        (423, "arrive", "A2", 6, False),
        (424, "arrive", "A3", 6, False),
        (425, "arrive", "A4", 6, False),
        (430, "sail", "Terne", [16]),
        (440, "arrive", "R1", 5, True),
        (490, "sail", "Skarv", [41]),
        (550, "sail", "Skarv", [41]),
    ],
    "residents and visitors": [
        (420, "arrive", "V1", 12, False),
        (421, "arrive", "R1", 11, True),
        (422, "arrive", "R2", 5, True),
        (423, "arrive", "R3", 4, True),
        (424, "arrive", "R4", 5, True),
        (425, "arrive", "V2", 5, False),
        (426, "arrive", "V3", 5, False),
        (430, "sail", "Terne", [10]),
        (490, "sail", "Terne", [12]),
        (550, "sail", "Terne", [14]),
        (560, "sail", "Skarv", [32]),
    ],
}


STRANDED_TOGETHER = [  # the visitor came first, the resident was called first while both had a class of their own
    (420, "arrive", "V1", 20, False),
    (421, "arrive", "R1", 19, True),
    (430, "sail", "Terne", [16]),
    (490, "sail", "Terne", [16]),
    (500, "arrive", "V2", 4, False),
    (550, "sail", "Terne", [16]),
    (551, "arrive", "R2", 5, True),
    (552, "ask", "R1"),
    (553, "arrive", "V3", 6, False),
    (554, "urgent", "V3"),
    (610, "sail", "Skarv", [26]),
    (670, "sail", "Skarv", [26]),
]


def mended(work, folder):
    for name, events in COMPLAINTS.items():
        yield name, reports(work, folder, events, "--json") == Slip().day(events)


def later(work, folder):
    for seed in (1, 2):
        events = made(seed, 70)
        yield f"a day with everything {seed}", reports(work, folder, events, "--json") == Slip().day(events)
    found = reports(work, folder, STRANDED_TOGETHER, "--json")
    yield "a visitor and a resident are stranded", found == Slip().day(STRANDED_TOGETHER)
    events = made(4, 50)
    yield "a report as text", reports(work, folder, events) == as_text(events, Slip().day(events))
    kept = Slip()
    for seed in (5, 6, 7):
        kept.night()
        events = made(seed, 36, slip=kept)
        found = reports(work, folder, events, "--json", "--state", "line.json")
        yield f"a day after another {seed}", found == kept.day(events)


def main():
    protect()
    os.unlink(__file__)  # what is expected is for nobody else to read
    part = {"mended": mended, "later": later}[sys.argv[1]]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="case-", ignore_cleanup_errors=True) as folder:
        for name, ok in part(os.getcwd(), folder):
            print("ok    " if ok else "FAILED", name)
            failed += not ok
    sys.exit(min(failed, 1))


main()
