"""Judges the bills of the solution; the first argument names the part. Exit status 0: every one is right."""

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
import pathlib
import random

SEEDS = "0", "1", "42", "1999", "70001", "4294967295"

Person = collections.namedtuple("Person", "name limit skills")
Watch = collections.namedtuple("Watch", "name hours roles")


def hours(hundredths):
    return f"{hundredths / 100:.2f}".rstrip("0").rstrip(".")


def written(week):
    """A week as a file; hours are counted in hundredths here."""
    title, people, cars, watches = week
    lines = [f"week {title}"]
    lines += [" ".join(["person", each.name, hours(each.limit), *each.skills]) for each in people]
    lines += [" ".join(["car", *names]) for names in cars]
    lines += [" ".join(["watch", each.name, hours(each.hours), *each.roles]) for each in watches]
    return "\n".join(lines) + "\n"


def bill(week):
    """What the rules say, in whole numbers and sorted lists."""
    title, people, cars, watches = week
    stood, driven = {each.name: [] for each in people}, collections.Counter()
    party = {each.name: each.name for each in people}
    for names in cars:
        joined = {party[name] for name in names}
        party = {name: min(joined) if of in joined else of for name, of in party.items()}
    lines, before = [f"week {title}"], []

    def total(name):
        return sum(watches[number].hours for number in stood[name])

    for number, watch in enumerate(watches):
        crew, vacant = {}, []
        for role in watch.roles:
            able = []
            for each in people:
                if role not in each.skills or each.name in before or each.name in crew.values():
                    continue
                if total(each.name) + watch.hours <= each.limit:
                    last = max(stood[each.name], default=-1)
                    able.append((total(each.name), last, len(each.skills), each.name))
            if able:
                crew[role] = min(able)[3]
            else:
                vacant.append(role)
        before = sorted(crew.values())
        for name in before:
            stood[name].append(number)
        told = []
        for of in sorted(set(party.values())):
            together = [name for name in before if party[name] == of]
            if len(together) > 1:
                driver = min(together, key=lambda name: (driven[name], name))
                driven[driver] += 1
                told.append(f"{driver} ({' '.join(name for name in together if name != driver)})")
        roles = ", ".join(f"{role} {name}" for role, name in crew.items())
        lines.append(f"{watch.name:<10} {watch.hours / 100:6.2f} h  {roles}".rstrip())
        lines += [f"{'':<10} vacant: {', '.join(vacant)}"] if vacant else []
        lines += [f"{'':<10} cars: {', '.join(sorted(told))}"] if told else []
    for name in sorted((name for name in stood if stood[name]), key=lambda name: (-total(name), name)):
        lines.append(f"{name:<10} {total(name) / 100:6.2f} h in {len(stood[name])}")
    idle = sorted(name for name in stood if not stood[name])
    lines += [f"no watch: {', '.join(idle)}"] if idle else []
    return "\n".join(lines) + "\n"


def like_34(title, days, nights, limit, names):
    """Two at the helm who take turns; one comes out at his limit exactly."""
    first, second, mech, other, third = names
    people = [Person(first, 5000, ("helm", "nav")), Person(second, limit, ("helm",)), Person(mech, 2900, ("mech",))]
    people += [Person(other, 5000, ("mech", "nav")), Person(third, 2125, ("mech", "nav", "radio"))]
    watches = []
    for day, length in zip("mon tue wed thu fri sat".split(), days):
        watches.append(Watch(f"{day}-day", length, ("helm", "mech")))
        watches.append(Watch(f"{day}-night", nights, ("helm", "mech")))
    return title, people, [], watches[:-1]


AGREED = like_34("34", [770, 380, 820, 770, 1050], 925, 3790, ["Ada", "Ben", "Dan", "Eva", "Finn"])
REPORTED = [
    AGREED,
    like_34("b", [770, 820, 770, 380, 1050], 925, 3790, ["Kim", "Liv", "Max", "Noa", "Ola"]),
    like_34("c", [820, 640, 530, 910, 770], 925, 3670, ["Kim", "Liv", "Max", "Noa", "Ola"]),
    like_34("d", [110, 220, 330, 440, 550, 660], 925, 2310, ["Uma", "Vic", "Wim", "Xia", "Yan"]),
    like_34("e", [10, 20, 30, 70, 10], 925, 140, ["Uma", "Vic", "Wim", "Xia", "Yan"]),
]

NAMES = "Aud Åse Bo Bea Bodil Cy Dov Eli Eva Fay Gro Hal Ida Jo Kåre Lux Mo Nils Odd Per Zoë".split()
SKILLS = "helm mech nav crew radio medic".split()


def some_week(seed, people, watches, sizes, limits):
    """Many who are equal: few kinds of people, watches of few lengths."""
    chance = random.Random(seed)
    kinds = [(chance.choice(limits), tuple(chance.sample(SKILLS, chance.randrange(1, 4)))) for _ in range(3)]
    names = chance.sample(NAMES, people)
    crew = [Person(name, *chance.choice(kinds)) for name in names]
    cars = [chance.sample(names, 2) for _ in range(people // 3)] + [chance.sample(names, 4)]
    stand = [Watch(f"w{number}", chance.choice(sizes), tuple(chance.sample(SKILLS, 4))) for number in range(watches)]
    return f"{seed}", crew, cars, stand


def full_week(seed):
    """Limits that are sums of the watches' own hours, and sums that are equal in more than one way."""
    chance = random.Random(seed)
    sizes = chance.choice([[10, 20, 30, 70], [770, 380, 820, 1150], [110, 220, 330, 550], [760, 40, 800, 345, 455]])
    limits = [sum(chance.choice(sizes) for _ in range(chance.randrange(3, 6))) for _ in range(3)]
    return some_week(seed + 1000, 8, 14, sizes, limits)


WEEKS = {
    "reported": REPORTED,
    "other": [some_week(seed, 9 + seed % 5, 9, [400, 800, 1200], [3600, 4000]) for seed in range(1, 7)],
    "full": [full_week(seed) for seed in range(1, 9)],
}


def main():
    protect()
    os.unlink(__file__)  # what is expected is for nobody else to read
    weeks, work, failed = WEEKS[sys.argv[1]], os.getcwd(), 0
    expected = "\n".join(map(bill, weeks)).encode()
    with tempfile.TemporaryDirectory(prefix="case-", ignore_cleanup_errors=True) as folder:
        names = []
        for week in weeks:
            names.append(f"{week[0]}.txt")
            pathlib.Path(folder, names[-1]).write_text(written(week), encoding="utf-8")
        for seed in SEEDS:
            answer = run(["/usr/bin/python3", "-m", "watchbill", *names], folder, PYTHONPATH=work, PYTHONHASHSEED=seed)
            ok = answer == (0, expected)
            print("ok    " if ok else "FAILED", "with another environment")
            failed += not ok
    sys.exit(min(failed, 1))


main()
