# Merges logs of its own and prints the share of cases in which every line and entry is right.
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


def at(second, text):
    return f"2026-03-01T10:00:{second:02d}Z {text}"


def pieces(data, size):
    return [data[start : start + size] for start in range(0, len(data), size)]


def merges():
    """Cases: the name, the sources in one or more ways of cutting them, the entries."""
    words = "Größe 5 µm, naïve café, 東京 ☂ 😀👍🏽 ж"
    log = "".join(at(second, f"{words} {second}") + "\n" for second in range(12)).encode()
    right = [["a", [at(second, f"{words} {second}")]] for second in range(12)]
    yield "characters in chunks of two bytes", [[("a", pieces(log, 2))]], right
    yield "characters in chunks of odd sizes", [[("a", pieces(log, size))] for size in (1, 3, 5, 7, 31)], right

    mark = b"\xef\xbb\xbf"
    both = [[label, lines] for _, lines in right for label in ("b", "c")]
    sources = [("b", [mark[:2], mark[2:] + log[:9], log[9:]]), ("c", [mark + log[:50], log[50:]]), ("d", [mark])]
    yield "a byte order mark", [sources], both

    first = [["b", ["no time yet", "", "\tnor here"]], ["a", ["2026-03-01 no entry either"]]]
    sources = [
        ("c", [(at(3, "c") + "\n").encode()]),
        ("b", ["\n".join([*first[0][1], at(5, "b"), "end"]).encode()]),
        ("a", [(first[1][1][0] + "\n").encode()]),
    ]
    yield "lines before the first entry", [sources], [*first, ["c", [at(3, "c")]], ["b", [at(5, "b"), "end"]]]

    entry = [at(1, "an error"), "", "  at one  ", "", "   ", "\tat two\t"]
    sources = [("a", pieces("\n".join([*entry, "", at(3, "a"), ""]).encode(), 4)), ("b", [at(2, "b").encode()])]
    yield "empty lines", [sources], [["a", [*entry, ""]], ["b", [at(2, "b")]], ["a", [at(3, "a")]]]

    kept = [
        at(1, "blanks  "),
        "tab\t",
        "  ",
        "a \r in it",
        "two at the end\r",
        "wide\u3000\u00a0",
        "\u2028\u2029\u0085\v\f",
        "cr \r",
    ]
    data = "\r\n".join([*kept, ""]).encode()
    yield "line ends, and what is none", [[("a", pieces(data, size))] for size in (1, 1000)], [["a", kept]]
    data = (at(1, "a") + "\n\r\n" + at(2, "b") + "\r").encode()
    yield "a CR at the very end", [[("a", [data])]], [["a", [at(1, "a"), ""]], ["a", [at(2, "b") + "\r"]]]

    odd = [b"one \xff\xfe two", b"\xc3", b"\xe2\x82 cut", b"end \xf0\x9f\x98"]
    data = b"\n".join([at(1, "bytes").encode(), *odd])
    right = [at(1, "bytes"), "one \ufffd\ufffd two", "\ufffd", "\ufffd cut", "end \ufffd"]
    yield "bytes that are no UTF-8", [[("a", pieces(data, size))] for size in (1, 500)], [["a", right]]

    never = ["2026-02-30T10:00:00Z x", "2027-02-29T10:00:00Z x", "2026-13-01T10:00:00Z x", "2026-00-10T10:00:00Z x"]
    never += ["2026-04-31T10:00:00+01:00 x", "1900-02-29T00:00:00Z x", "2026-04-00T10:00:00Z x"]
    yield (
        "dates that do not exist",
        [[("a", ["\n".join([at(1, "a"), *never]).encode()])]],
        [["a", [at(1, "a"), *never]]],
    )
    never = [
        "2026-03-01T24:00:00Z x",
        "2026-03-01T10:60:00Z x",
        "2026-03-01T10:00:60Z x",
        "2026-03-01T10:00:00+24:00 x",
    ]
    never += ["2026-03-01T10:00:00-01:60 x", "2026-03-01T25:00:00Z x", "2026-03-01T10:00:00+99:00 x"]
    never += [" 2026-03-01T10:00:00Z x", "2026-03-01T10:00:00Z", "2026-03-01T10:00:00. x", "2026-03-01T10:00Z x"]
    never += [
        "2026-03-01T10:00:00.1234567890Z x",
        "2026-03-01t10:00:00Z x",
        "2026-03-01T10:00:00Z\tx",
        "2026-03-01T10:00:00 x",
    ]
    some = [["a", [at(1, "a"), *never]], ["a", ["2028-02-29T23:59:59.9-23:59 x"]]]
    yield "times that are none", [[("a", ["\n".join([*some[0][1], *some[1][1]]).encode()])]], some


def cases(folder):
    every = list(merges())
    found = iter(merged(folder, *(sources for _, ways, _ in every for sources in ways)))
    for told, ways, right in every:
        yield told, [next(found) for _ in ways] == [right] * len(ways)

    base = pathlib.Path(folder)
    line = at(1, "ä" * 50) + "\n"
    (base / "large.log").write_text("x" + line * 2000, encoding="utf-8")
    answer = run([NODE, f"{os.getcwd()}/bin/logweave.js", "large.log"], folder)
    yield "a large file", answer == (0, ("large.log | x" + line + ("large.log | " + line) * 1999).encode())


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
