"""Builds the solution as a user would; the first argument names the part. Exit status 0: it meets every requirement."""

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

import pathlib
import re
import shutil

MAKE = "/usr/bin/make"

CODES = {0x10: ("WATER_LEVEL", 0), 0x11: ("FLOW", 0), 0x12: ("WIND", 0), 0x20: ("HATCH_OPEN", 0)}
CODES |= {0x21: ("HATCH_FORCED", 1), 0x22: ("TILT", 1), 0x30: ("BATTERY_LOW", 0)}
OTHER_CODES = {
    0x10: ("WATER_LEVEL", 1),
    0x13: ("RAIN", 0),
    0x2A: ("TILT", 0),
    0x31: ("BATTERY_LOW", 1),
    0x40: ("VISITOR", 1),
}
MORE_CODES = OTHER_CODES | {0x21: ("HATCH_FORCED", 0), 0x10: ("SPILLWAY", 0)}


def crc8(data):
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0x8C if crc & 1 else crc >> 1
    return crc


def frame(station, code, value, remark=""):
    data = bytes([station, code]) + (value & 0xFFFF).to_bytes(2, "big")
    return f"{(data + bytes([crc8(data)])).hex()} {remark}".rstrip(" ")


LINES = [
    frame(7, 0x21, -12, "crew on site"),
    frame(7, 0x10, 32767).upper(),
    "",
    frame(63, 0x2A, 101, "   a remark that is much longer than there is room for it   "),
    frame(0, 0x30, -32768, "x"),
    "0721fff4ff wrong",
    "0721fff4",
    "not hexadecimal",
    frame(64, 0x11, 5),
    frame(99, 0x11, 5, "high station"),
    frame(63, 0x22, 0),
    frame(63, 0x31, 100),
    "  " + frame(12, 0x40, 7, "one\ttwo"),
    frame(12, 0xFE, 1),
    frame(12, 0x13, 99, "r" * 300),
    frame(5, 0x12, 3, "seven words of which some are too many"),
    "f" * 5000,
    frame(5, 0x20, -1),
]


def expected(codes, size=24, stations=64, malformed="not a frame"):
    """What the program has to print for LINES."""
    out, frames, faults, last, counts = [], 0, 0, {}, dict.fromkeys(codes, 0)
    for number, line in enumerate(LINES, start=1):
        word, _, remark = line.strip().partition(" ")
        if not word:
            continue
        fault = None
        if not re.fullmatch("[0-9a-fA-F]{10}", word):
            fault = malformed
        elif crc8(bytes.fromhex(word)[:4]) != bytes.fromhex(word)[4]:
            fault = "bad checksum"
        elif bytes.fromhex(word)[0] >= stations:
            fault = "no such station"
        if fault:
            faults += 1
            out.append(f"line {number}: {fault}")
            continue
        station, code, *_ = bytes.fromhex(word)
        value = int.from_bytes(bytes.fromhex(word)[2:4], "big", signed=True)
        frames += 1
        last[station] = remark.strip()[:size] or last.get(station, "")
        tail = f"  {last[station]}" if last[station] else ""
        if code in codes:
            name, alarm = codes[code]
            counts[code] += 1
            mark = "!" if alarm or (name in ("TILT", "BATTERY_LOW") and value > 100) else " "
            out.append(f"{mark} station {station:02d} {name:<14} {value:6d}{tail}")
        else:
            out.append(f"? station {station:02d} code 0x{code:02x}      {value:6d}{tail}")
    out.append(f"{frames} frames, {faults} faults")
    out += [f"{name:<14} {counts[code]}" for code, (name, _) in codes.items()]
    return "\n".join(out) + "\n"


class Refused(Exception):
    """A requirement that is not met."""


def require(condition, told):
    if not condition:
        raise Refused(told)


def plain_files(root):
    """The regular files below a directory; links are not followed."""
    found = []
    for folder, _, names in os.walk(root):
        found += [path for name in names if (path := pathlib.Path(folder, name)).is_file() and not path.is_symlink()]
        require(len(found) < 1000, "the tree is no more than a thousand files")
    return sorted(found)


class Tree:
    """A copy of the solution after its own `make clean`, without anything compiled."""

    def __init__(self, work, folder):
        self.root = pathlib.Path(folder, "tree")
        for source in plain_files(work):
            require(source.stat().st_size < 4 << 20, "no file is that large")
            target = self.root / source.relative_to(work)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
        self.frames = pathlib.Path(folder, "frames.txt")
        self.frames.write_text("\n".join(LINES) + "\n")
        self.make("clean")
        for path in self.built():  # a clean target that forgets something costs no more than its own part
            path.unlink()

    def built(self):
        return [path for path in plain_files(self.root) if path.open("rb").read(7)[:4] in (b"\x7fELF", b"!<ar")]

    def make(self, *targets):
        answer = run([MAKE, *targets], str(self.root), seconds=60.0)
        return answer is not None and answer[0] == 0

    def write(self, path, text):
        time.sleep(0.02)  # so that it is newer than what was built, also where clocks tick slowly
        (self.root / path).unlink(missing_ok=True)
        (self.root / path).write_text(text)

    def replace(self, path, pattern, replacement):
        target = self.root / path
        require(target.is_file() and not target.is_symlink(), f"{path} is still there")
        text, count = re.subn(pattern, replacement, target.read_text(errors="replace"))
        require(count >= 1, f"{path} still says what it said")
        self.write(path, text)

    def define(self, codes):
        rows = [f"0x{number:02X}\t{name} {'yes' if alarm else 'no'}\n" for number, (name, alarm) in codes.items()]
        self.write("codes.def", "# as of today\n\n" + "".join(rows))

    def prints(self, text, told):
        program = self.root / "build" / "beacon"
        require(not program.is_symlink() and program in self.built(), "build/beacon is a compiled program")
        answer = run([str(program)], str(self.root), stdin=self.frames)
        require(answer == (0, text.encode()), told)


def builds(tree):
    tree.replace("src/frame.c", '"not a frame"', '"nothing like a frame"')
    require(tree.make(), "make builds from a clean tree")
    tree.prints(expected(CODES, malformed="nothing like a frame"), "the program prints what it should")


def codes(tree):
    tree.define(OTHER_CODES)
    require(tree.make(), "make builds with other codes")
    tree.prints(expected(OTHER_CODES), "the program knows the codes it was built with")
    tree.define(MORE_CODES)
    require(tree.make(), "make builds again when the codes change")
    tree.prints(expected(MORE_CODES), "the program follows a change of the codes")


def headers(tree):
    require(tree.make(), "make builds from a clean tree")
    before = {path: path.stat().st_mtime_ns for path in plain_files(tree.root)}
    require(tree.make(), "make ends well with nothing to do")
    after = {path: path.stat().st_mtime_ns for path in plain_files(tree.root)}
    require(before == after, "a second make makes nothing")
    tree.replace("include/sizes.h", r"(#define REMARK_SIZE) 24\b", r"\1 7")
    tree.replace("include/sizes.h", r"(#define STATIONS) 64\b", r"\1 120")
    require(tree.make(), "make builds again when a header changes")
    tree.prints(expected(CODES, size=7, stations=120), "the program follows a change of a header")


def targets(tree):
    require(tree.make("clean"), "make clean ends well")
    clean = plain_files(tree.root)
    require(tree.make("build/report.o"), "a single object is built from a clean tree")
    require(tree.root / "build/report.o" in tree.built(), "build/report.o is an object")
    require(tree.make("clean") and plain_files(tree.root) == clean, "make clean takes away what one target made")
    require(tree.make("-j8"), "eight jobs at once build from a clean tree")
    require(tree.make("check"), "make check passes")
    tree.write("check/frames.txt", "\n".join(LINES) + "\n")
    require(not tree.make("check"), "make check fails where the output differs")
    require(tree.make("clean") and plain_files(tree.root) == clean, "make clean takes away what the build made")


def main():
    protect()
    os.unlink(__file__)  # what is expected is for nobody else to read
    part = {"builds": builds, "codes": codes, "headers": headers, "targets": targets}[sys.argv[1]]
    with tempfile.TemporaryDirectory(prefix="case-", ignore_cleanup_errors=True) as folder:
        try:
            part(Tree(os.getcwd(), folder))
        except (Refused, OSError, RecursionError) as error:
            print("FAILED", error if isinstance(error, Refused) else type(error).__name__)
            sys.exit(1)
    print("ok")


main()
