"""Judges the statements of the solution; the first argument names the part. Exit status 0: every case is right."""

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

HARBOUR = {
    "name": "harbour",
    "cents_per_kwh": {"work": "33.90", "quiet": "17.35", "leisure": "22.05"},
    "weekday": {"07:00": "work", "19:30": "quiet"},
    "weekend": {"09:15": "leisure", "23:00": "quiet"},
}
FLAT_WEEKEND = {
    "name": "flat-weekend",
    "cents_per_kwh": {"peak": "41.00", "off": "15.50", "rest": "19.99"},
    "weekday": {"00:00": "off", "06:30": "peak", "10:00": "off", "16:00": "peak", "20:00": "off"},
    "weekend": {"00:00": "rest"},
}
ONE_BAND = {
    "name": "one",
    "cents_per_kwh": {"all": "20.00"},
    "weekday": {"12:00": "all"},
    "weekend": {"12:00": "all"},
}

# name, tariff, readings, lines of the statement: band, watt-hours, cents
CASES = {
    "reported": [
        (
            "off overnight",
            HARBOUR,
            [
                "2026-04-14T18:00 401200",
                "2026-04-14T18:30 401950",
                "2026-04-15T09:30 425480",
                "2026-04-15T10:00 426011",
            ],
            [("work", 6771, 230), ("quiet", 18040, 313)],
        ),
        (
            "off overnight twice",
            HARBOUR,
            ["2026-04-20T17:45 88100", "2026-04-21T08:15 101377", "2026-04-21T19:00 120002", "2026-04-22T07:20 131650"],
            [("work", 22159, 751), ("quiet", 21391, 371)],
        ),
        (
            "off over midnight with four bands",
            FLAT_WEEKEND,
            ["2026-04-15T21:10 7000", "2026-04-16T17:20 29451", "2026-04-16T17:40 29803"],
            [("peak", 5733, 235), ("off", 17070, 265)],
        ),
    ],
    "gaps": [
        (
            "Friday to Saturday",
            HARBOUR,
            ["2026-05-08T18:00 1000", "2026-05-09T12:00 20000"],
            [("work", 1583, 54), ("quiet", 14514, 252), ("leisure", 2903, 64)],
        ),
        (
            "a whole weekend",
            FLAT_WEEKEND,
            ["2026-05-08T15:15 3100", "2026-05-11T09:05 70433"],
            [("peak", 6733, 276), ("off", 11506, 178), ("rest", 49094, 981)],
        ),
        (
            "five days and some hours",
            HARBOUR,
            ["2026-05-12T20:00 0", "2026-05-18T06:59 99991"],
            [("work", 28626, 970), ("quiet", 50371, 874), ("leisure", 20994, 463)],
        ),
        (
            "five days less some hours",
            HARBOUR,
            ["2026-05-12T06:59 0", "2026-05-17T23:30 99991"],
            [("work", 36624, 1242), ("quiet", 43225, 750), ("leisure", 20142, 444)],
        ),
        (
            "over the end of February",
            FLAT_WEEKEND,
            ["2028-02-28T19:00 9990000", "2028-03-01T06:45 22340"],
            [("peak", 7915, 325), ("off", 24425, 379)],
        ),
        (
            "from a switch to a switch",
            HARBOUR,
            ["2026-05-12T19:30 100", "2026-05-13T07:00 9000", "2026-05-13T19:30 16000"],
            [("work", 7000, 237), ("quiet", 8900, 154)],
        ),
        (
            "shares that do not come out even",
            FLAT_WEEKEND,
            ["2026-05-05T19:59 0", "2026-05-06T16:01 11"],
            [("peak", 2, 0), ("off", 9, 0)],
        ),
        ("a single band", ONE_BAND, ["2026-05-05T23:00 10", "2026-05-09T03:00 12345"], [("all", 12335, 247)]),
    ],
    "unchanged": [
        (
            "a week of regular readings",
            HARBOUR,
            [
                "2026-05-04T00:00 9984000",
                "2026-05-04T06:00 9985400",
                "2026-05-04T12:00 9987733",
                "2026-05-04T18:00 9989550",
                "2026-05-05T00:00 9990455",
                "2026-05-05T06:00 9991854",
                "2026-05-05T12:00 9994271",
                "2026-05-05T18:00 9995921",
                "2026-05-06T00:00 9996794",
                "2026-05-06T06:00 9998296",
                "2026-05-06T12:00 677",
                "2026-05-06T18:00 2454",
                "2026-05-07T00:00 3394",
                "2026-05-07T06:00 4860",
                "2026-05-07T12:00 7149",
                "2026-05-07T18:00 8862",
                "2026-05-08T00:00 9764",
                "2026-05-08T06:00 11152",
                "2026-05-08T12:00 13629",
                "2026-05-08T18:00 16279",
                "2026-05-09T00:00 18152",
                "2026-05-09T06:00 18754",
                "2026-05-09T12:00 19435",
                "2026-05-09T18:00 20212",
                "2026-05-10T00:00 20852",
                "2026-05-10T06:00 21418",
                "2026-05-10T12:00 22007",
                "2026-05-10T18:00 22720",
            ],
            [("work", 20893, 708), ("quiet", 15222, 264), ("leisure", 2605, 57)],
        ),
        (
            "late, sent twice, and off overnight",
            HARBOUR,
            ["2026-05-06T08:00 9000", "2026-05-05T18:00 1000", "2026-05-06T08:30 9500", "2026-05-05T18:00 1000"],
            [("work", 1928, 65), ("quiet", 6572, 114)],
        ),
        (
            "a gap within a day",
            FLAT_WEEKEND,
            ["2026-05-06T05:00 100", "2026-05-06T22:00 17100"],
            [("peak", 7500, 308), ("off", 9500, 147)],
        ),
    ],
}

# Readings that cannot be billed: the exit status is 2 and nothing is printed.
REFUSED = [
    ["2026-05-05T10:00 100"],
    ["2026-05-05T10:00 100", "2026-05-05T10:00 101"],
]


def bill(work, tariff, readings, as_json=True):
    with tempfile.TemporaryDirectory(prefix="case-", ignore_cleanup_errors=True) as folder:
        base = pathlib.Path(folder)
        (base / "tariff.json").write_text(json.dumps(tariff))
        rows = [reading.replace(" ", ",") if reading.count(" ") == 1 else reading for reading in readings]
        (base / "pedestal-77.csv").write_text("\n".join(["time,counter_wh", *rows]) + "\n")
        argv = ["/usr/bin/python3", "-m", "quaypower", "bill", *["--json"][: int(as_json)], "--tariff", "tariff.json"]
        return run([*argv, "pedestal-77.csv"], folder, PYTHONPATH=work)


def expected_json(readings, lines):
    times = sorted(reading.split()[0] for reading in readings)
    return {
        "pedestal": "77",
        "from": times[0],
        "to": times[-1],
        "lines": [{"band": band, "wh": wh, "cents": cents} for band, wh, cents in lines],
        "total": {"wh": sum(line[1] for line in lines), "cents": sum(line[2] for line in lines)},
    }


def right(answer, readings, lines):
    if answer is None or answer[0] != 0:
        return False
    try:
        return json.loads(answer[1]) == expected_json(readings, lines)
    except (ValueError, RecursionError):
        return False


def expected_text(readings, lines):
    times = [time.replace("T", " ") for time in sorted(reading.split()[0] for reading in readings)]
    rows = [*lines, ("total", sum(line[1] for line in lines), sum(line[2] for line in lines))]
    head = f"pedestal 77, {times[0]} to {times[-1]}\n"
    return head + "".join(f"{band:<12}{wh / 1000:>12.3f} kWh{cents / 100:>12.2f} EUR\n" for band, wh, cents in rows)


def checks(part, work):
    for name, tariff, readings, lines in CASES[part]:
        yield name, right(bill(work, tariff, readings), readings, lines)
    if part == "unchanged":
        _, tariff, readings, lines = CASES[part][0]
        yield (
            "statement as text",
            bill(work, tariff, readings, as_json=False) == (0, expected_text(readings, lines).encode()),
        )
        for number, readings in enumerate(REFUSED, start=1):
            yield f"refused readings {number}", bill(work, HARBOUR, readings) == (2, b"")


def main():
    protect()
    os.unlink(__file__)  # what is expected is for nobody else to read
    failed = 0
    for name, ok in checks(sys.argv[1], os.getcwd()):
        print("ok    " if ok else "FAILED", name)
        failed += not ok
    sys.exit(min(failed, 1))


main()
