# Drives merge, print and the command, and prints the share of cases in which they keep the rules of streaming.
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
import { Writable } from "node:stream";
const { merge, print } = await import(`${process.argv[2]}/lib/index.js`);

const given = {}, asked = {}, closed = {};
let early = 0, receive = () => {};
const turn = () => new Promise((resolve) => setImmediate(resolve));
async function turns(count) { for (let n = 0; n < count; n += 1) await turn(); }
const time = (second) => new Date(Date.UTC(2026, 2, 1) + second * 1000).toISOString();

/** A source of chunks with so many entries each. `at(chunk)` may wait, or throw. */
function source(label, seconds, { per = 1, at = () => {}, closing = () => ({}), closes = true } = {}) {
  const entries = seconds.map((second) => `${time(second)} ${label}${second}\\n`);
  let chunk = 0;
  Object.assign(given, { [label]: 0 });
  Object.assign(asked, { [label]: 0 });
  Object.assign(closed, { [label]: 0 });
  const iterator = {
    async next() {
      asked[label] += 1;
      const begun = Math.min(chunk * per, entries.length);
      if (begun > given[label] + 1) early += 1;
      const texts = entries.slice(chunk * per, (chunk + 1) * per);
      chunk += 1;
      await at(chunk);
      return texts.length ? { done: false, value: new Uint8Array(Buffer.from(texts.join(""))) } : { done: true };
    },
  };
  if (closes) {
    iterator.return = async () => { closed[label] += 1; await turn(); return closing(); };
  }
  return { label, chunks: { [Symbol.asyncIterator]: () => iterator } };
}

async function consume(sources, stop = Infinity) {
  const order = [];
  let error = null;
  try {
    for await (const { label, lines } of merge(sources)) {
      given[label] += 1;
      order.push(lines.map((line) => line.split(" ")[1]).join("+"));
      receive();
      if (order.length === stop) break;
    }
  } catch (caught) {
    error = caught;
  }
  const shut = { ...closed };
  await turns(20);
  return { order, early, error, closed: shut };
}

const range = (from, step, count) => Array.from({ length: count }, (_, n) => from + n * step);
const said = (error) => error && error.message;

/** Waits until the consumer has got so many entries of a log. */
async function until(label, count) {
  while (given[label] < count) {
    await new Promise((resolve) => {
      const before = receive;
      receive = () => { before(); resolve(); };
    });
  }
}

/** A stream that takes one write at a time, when it is told to. */
function slow({ fail = null } = {}) {
  const told = { text: "", waiting: null, writes: 0 };
  const stream = new Writable({
    highWaterMark: 1,
    decodeStrings: false,
    write(text, _, done) {
      told.writes += 1;
      told.text += text;
      if (fail && told.writes === 2) setImmediate(done, fail);
      else told.waiting = done;
    },
  });
  return { told, stream, release() { const done = told.waiting; told.waiting = null; if (done) done(); } };
}

/** Entries for print, that note whether they were asked for while the stream had no room. */
function entriesFor(stream, count) {
  const state = { asked: 0, crowded: 0, closed: 0 };
  const iterator = {
    async next() {
      if (stream.writableNeedDrain) state.crowded += 1;
      state.asked += 1;
      if (state.asked > count) return { done: true };
      return { done: false, value: { label: "l", lines: [`entry ${state.asked}`, "  more"] } };
    },
    async return() { state.closed += 1; return {}; },
  };
  return { state, entries: { [Symbol.asyncIterator]: () => iterator } };
}

async function printing(stream, entries, each) {
  const state = { ended: false, error: null };
  const over = print(entries, stream)
    .catch((error) => { state.error = error; })
    .then(() => { state.ended = true; });
  for (let n = 0; n < 400 && !state.ended; n += 1) { await turn(); each(n); }
  await Promise.race([over, turns(50)]);
  await turns(20);
  return state;
}

const FAULT = new Error("fault");
const CASES = {
  async lazy() {
    const sources = [source("a", range(0, 2, 70)), source("b", range(1, 2, 70)), source("c", range(500, 1, 9))];
    const { order, early } = await consume(sources);
    return { order, early };
  },
  async chunks() {
    const sources = [source("a", range(0, 2, 60), { per: 7 }), source("b", range(1, 2, 60), { per: 10 })];
    const { order, early } = await consume(sources);
    return { order, early };
  },
  async live() {
    const wait = (label) => ({ at: (chunk) => until(label, chunk - 2) });
    const { order } = await consume([source("a", range(0, 2, 50), wait("a")), source("b", range(1, 2, 50), wait("b"))]);
    return { order };
  },
  async stop() {
    const sources = [source("a", range(0, 3, 40)), source("b", range(1, 3, 40)), source("c", [2])];
    sources.push(source("d", range(0.5, 1, 90), { closes: false }));
    const { order, error, closed } = await consume(sources, 9);
    return { order, error: said(error), closed };
  },
  async returned() {
    const closing = () => { throw new Error("late"); };
    const lot = merge([source("a", range(0, 1, 40)), source("b", range(9, 1, 40), { closing })]);
    await lot.next();
    await lot.return().catch(() => {});
    const shut = { ...closed };
    const { done } = await lot.next();
    const never = merge([source("c", [1, 2, 3])]);
    await never.return();
    await turns(20);
    return { closed: { ...shut, c: closed.c }, done, asked: asked.c };
  },
  async fails() {
    const at = (chunk) => { if (chunk === 6) throw FAULT; };
    const sources = [source("a", range(0, 2, 40)), source("b", range(1, 2, 40), { at }), source("c", [0])];
    const { order, error, closed } = await consume(sources);
    const right = ["a0", "c0", ...range(1, 1, 90).map((n) => (n % 2 ? `b${n}` : `a${n}`))];
    return { same: error === FAULT, prefix: order.every((name, n) => name === right[n]) && order.length >= 8, closed };
  },
  async failsTwice() {
    const sources = [
      source("a", range(0, 1, 9), { at: () => { throw FAULT; } }),
      source("b", range(0, 1, 9), { closing: () => { throw new Error("closing"); } }),
      source("c", range(0, 1, 9), { at: async () => { await turns(5); throw new Error("another"); } }),
      source("d", range(0, 1, 9)),
    ];
    const { order, error } = await consume(sources);
    const right = { a: 0, b: asked.b ? 1 : 0, d: asked.d ? 1 : 0 }; // c may be closed before it fails
    const shut = Object.keys(right).every((label) => closed[label] === right[label]);
    return { order, same: error === FAULT, closed: shut };
  },
  async room() {
    const { told, stream, release } = slow();
    const { state, entries } = entriesFor(stream, 12);
    const { ended, error } = await printing(stream, entries, (n) => { if (n > 20) release(); });
    return { text: told.text, ended, error: said(error), crowded: state.crowded };
  },
  async broken() {
    const { stream, release } = slow({ fail: FAULT });
    const { state, entries } = entriesFor(stream, 30);
    const { ended, error } = await printing(stream, entries, release);
    return { ended, same: error === FAULT, closed: state.closed, few: state.asked < 5 };
  },
  async gone() {
    const { stream } = slow();
    const { state, entries } = entriesFor(stream, 30);
    const { ended, error } = await printing(stream, entries, (n) => { if (n === 10) stream.destroy(); });
    return { ended, error: said(error), closed: state.closed, few: state.asked < 5 };
  },
};
const told = {};
for (const name of process.argv.slice(3)) {
  early = 0;
  receive = () => {};
  for (const each of [given, asked, closed]) for (const label of Object.keys(each)) delete each[label];
  told[name] = await CASES[name]();
}
process.stdout.write(JSON.stringify(told));
"""


def drive(folder, *names):
    """What became of cases, by name; all in one process, or where that does not come to its end each in its own."""
    (pathlib.Path(folder) / "driver.mjs").write_text(DRIVER)
    answer = run([NODE, "driver.mjs", os.getcwd(), *names], folder)
    try:
        told = json.loads(answer[1]) if answer is not None and answer[0] == 0 else None
    except (ValueError, RecursionError):
        told = None
    if isinstance(told, dict):
        return told
    return {} if len(names) == 1 else {name: drive(folder, name).get(name) for name in names}


TOLD = {
    "lazy": "a source is not asked early",
    "chunks": "a chunk holds many entries",
    "live": "logs that are still being written",
    "stop": "the consumer breaks off",
    "returned": "the consumer returns",
    "fails": "a source fails",
    "failsTwice": "several fail",
    "room": "print waits for room",
    "broken": "print to a stream that fails",
    "gone": "print to a stream that is closed",
}


def turns(count):
    return [f"{'ab'[number % 2]}{number}" for number in range(count)]


def command(folder, script, *files):
    """Runs a pipeline in which "$@" is the command: what it printed, and what the command said on standard error."""
    base = pathlib.Path(folder)
    (base / "said").unlink(missing_ok=True)
    answer = run(["/bin/bash", "-c", script, "bash", NODE, f"{os.getcwd()}/bin/logweave.js", *files], folder)
    said = base / "said"
    told = said.read_bytes()[:4096] if said.is_file() and not said.is_symlink() else None
    return answer, told


def cases(folder):
    order = ["a0", "d0.5", "b1", "d1.5", "c2", "d2.5", "a3", "d3.5", "b4"]
    text = "".join(f"l | entry {number}\nl |   more\n" for number in range(1, 13))
    right = {
        "lazy": {"order": [*turns(140), *(f"c{number}" for number in range(500, 509))], "early": 0},
        "chunks": {"order": turns(120), "early": 0},
        "live": {"order": turns(100)},
        "stop": {"order": order, "error": None, "closed": {"a": 1, "b": 1, "c": 0, "d": 0}},
        "returned": {"closed": {"a": 1, "b": 1, "c": 0}, "done": True, "asked": 0},
        "fails": {"same": True, "prefix": True, "closed": {"a": 1, "b": 0, "c": 0}},
        "failsTwice": {"order": [], "same": True, "closed": True},
        "room": {"text": text, "ended": True, "error": None, "crowded": 0},
        "broken": {"ended": True, "same": True, "closed": 1, "few": True},
        "gone": {"ended": True, "error": None, "closed": 1, "few": True},
    }
    found = drive(folder, *right)
    for name, told in TOLD.items():
        yield told, found.get(name) == right[name]

    base = pathlib.Path(folder)
    for name, second in (("one.log", 1), ("two.log", 2)):
        lines = (f"2026-03-01T10:{number // 60:02d}:{number % 60:02d}.{second}Z {'x' * 90}\n" for number in range(3000))
        (base / name).write_text("".join(lines))
    answer, told = command(folder, '"$@" 2> said | head -n 2; echo "${PIPESTATUS[0]}"', "one.log", "two.log")
    start = f"one.log | 2026-03-01T10:00:00.1Z {'x' * 90}\ntwo.log | 2026-03-01T10:00:00.2Z {'x' * 90}\n"
    unread = (answer, told) == ((0, f"{start}0\n".encode()), b"")
    right = []
    for files in (["one.log", "missing.log"], ["missing.log", "one.log"], ["one.log", "."]):
        answer, told = command(folder, '"$@" 2> said; echo "$?"', *files)
        unread = unread and answer is not None and answer[1].split()[-1:] != [b"0"]  # who ends well whatever happens is not right about one case
        name = b"missing.log" if "missing.log" in files else b"."
        right.append(answer == (0, b"2\n") and told is not None and told.count(b"\n") == 1 and name in told)
    yield "nobody reads on", unread
    yield "a file that can't be read", all(right)


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
