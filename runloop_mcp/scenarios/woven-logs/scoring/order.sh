# Merges logs of its own and prints the share of cases in which the entries come in the right order.
# The judge takes this shell's place and this file is gone, so that the solution can neither speak for it nor read it.
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

import base64
import json
import pathlib
import shutil

NODE = shutil.which("node", path="/usr/local/bin:/usr/bin:/bin") or "node"

DRIVER = """
import { readFileSync } from "node:fs";
const { merge } = await import(`${process.argv[2]}/lib/index.js`);
async function* feed(chunks) {
  for (const chunk of chunks) yield new Uint8Array(Buffer.from(chunk, "base64"));
}
const all = [];
for (const sources of JSON.parse(readFileSync(process.argv[3], "utf8"))) {
  const found = [];
  for await (const { label, lines } of merge(sources.map(({ label, chunks }) => ({ label, chunks: feed(chunks) })))) {
    found.push([label, lines]);
  }
  all.push(found);
}
process.stdout.write(JSON.stringify(all));
"""


def merged(folder, *merges):
    """The entries that the solution makes of each lot of sources (labels and chunks); all at once, or where that fails
    each by itself."""
    base = pathlib.Path(folder)
    (base / "driver.mjs").write_text(DRIVER)
    told = [
        [
            {"label": label, "chunks": [base64.b64encode(chunk).decode() for chunk in chunks]}
            for label, chunks in sources
        ]
        for sources in merges
    ]
    (base / "sources.json").write_text(json.dumps(told))
    answer = run([NODE, "driver.mjs", os.getcwd(), "sources.json"], folder)
    try:
        found = json.loads(answer[1]) if answer is not None and answer[0] == 0 else None
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, list) and len(found) == len(merges):
        return found
    return [None] if len(merges) == 1 else [merged(folder, each)[0] for each in merges]


def log(*lines):
    return [("\n".join(lines) + "\n").encode()]


def order(found):
    """The last words of the entries' first lines."""
    try:
        return [lines[0].split(" ")[-1] for _, lines in found]
    except (TypeError, ValueError, AttributeError, IndexError):
        return None


def cases(folder):
    every = list(merges())
    lots = [[(f"log-{number % 3}", log(*lines)) for number, lines in enumerate(logs)] for _, logs, _ in every]
    for (told, _, right), found in zip(every, merged(folder, *lots)):
        yield told, order(found) == right


def merges():
    """Cases: the name, the lines of each log, the order."""
    day = "2026-03-01T10:00:0"
    logs = [
        [f"{day}0.123456Z c", f"{day}0.123458Z e", f"{day}1.000900Z g"],
        [f"{day}0.123455Z b", f"{day}0.123457Z d", f"{day}1.000899Z f"],
        [f"{day}0.123454Z a", f"{day}1.000901Z h"],
    ]
    yield "microseconds", logs, list("abcdefgh")
    logs = [
        [f"{day}0.000000002Z b", f"{day}0.100000001Z d", f"{day}0.999999999Z f"],
        [f"{day}0.000000001Z a", f"{day}0.100000000Z c", f"{day}0.999999998Z e", f"{day}1.000000000Z g"],
    ]
    yield "nanoseconds", logs, list("abcdefg")
    logs = [
        [f"{day}0Z a", f"{day}0.1Z d", f"{day}0.1234Z f", f"{day}0.5Z h"],
        [f"{day}0.000001Z b", f"{day}0.12339Z e", f"{day}0.49999Z g", f"{day}0.50001Z i"],
        [f"{day}0.09999999Z c", f"{day}1.0Z j"],
    ]
    yield "fractions of different lengths", logs, list("abcdefghij")
    logs = [
        ["2026-12-31T23:30:00.0000004-01:00 c", "2028-03-01T00:14:59.9999999+00:15 e"],
        ["2027-01-01T06:15:00.0000005+05:45 d", "2028-02-29T23:59:59.9999999Z f"],
        ["2027-01-01T14:30:00.0000002+14:00 a", "2026-12-31T15:00:00.0000003-09:30 b", "2028-02-29T12:00:00-12:00 g"],
    ]
    yield "offsets over the ends of years and months", logs, list("abcdefg")
    logs = [
        ["1969-12-31T23:59:58.9999999Z b", "1969-12-31T23:59:59.5000001Z d", "1970-01-01T00:00:00.0000001Z f"],
        ["1969-12-31T23:59:58.9999998Z a", "1969-12-31T23:59:59.5Z c", "1970-01-01T00:59:59.9999999+01:00 e"],
    ]
    yield "before 1970", logs, list("abcdef")
    logs = [
        [f"{day}1Z a", f"{day}1Z b", f"{day}2Z g"],
        [f"{day}1.000Z c", f"{day}2.0Z h"],
        ["2026-03-01T11:30:01.0+01:30 d", "2026-03-01T10:00:01.000000000-00:00 e"],
        [f"{day}1+00:00 f", f"{day}2Z i", f"{day}2.000000000Z j"],
    ]
    yield "the same time, written in other ways", logs, list("abcdefghij")
    logs = [
        [f"{day}1Z a", f"{day}5Z c", f"{day}2Z d", f"{day}3.5Z e", f"{day}6Z h"],
        [f"{day}4Z b", f"{day}5Z f", f"{day}5.5Z g"],
    ]
    yield "a clock that was set back", logs, list("abcdefgh")
    logs = [
        [f"{day}7Z b", f"{day}0Z c", f"{day}1Z d", f"{day}7.000000001Z f"],
        [f"{day}6.9Z a", f"{day}7.0Z e", f"{day}0Z g"],
        ["before k", f"{day}1Z l", f"{day}9Z h", f"{day}8Z i"],
        ["before n"],
    ]
    yield "set back twice, in several logs", logs, list("knlabcdegfhi")
    lines = [[f"{day}3Z {number}-{count}" for count in range(40)] for number in range(4)]
    yield "many at once", lines, [f"{number}-{count}" for number in range(4) for count in range(40)]
    logs = [[f"{day}1.00005Z a"], [f"{day}1.00006Z b"], [f"{day}1.00008Z d"], [f"{day}1.00007Z c"]]
    yield "two logs with one label", logs, list("abcd")


def main():
    protect()
    results = []
    with tempfile.TemporaryDirectory(prefix="case-", ignore_cleanup_errors=True) as folder:
        for told, ok in cases(folder):
            print("right " if ok else "WRONG ", told)
            results.append(ok)
    print(f"score={sum(results) / len(results):.4f}")


main()
JUDGE
