# Compiles the program, runs it on manifests of its own and prints the share of them that it tallies right.
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

import pathlib
import re


def sources(work, base):
    """Copies of the solution's sources; None where there are none."""
    target = base / "src"
    target.mkdir()
    for place in sorted((work / "src").glob("*.[ch]"))[:50]:
        if place.is_file() and not place.is_symlink() and place.stat().st_size <= 1 << 20:
            (target / place.name).write_bytes(place.read_bytes())
    found = sorted(str(path) for path in target.glob("*.c"))
    return found or None


STARTS = re.compile(
    rb"(?:f?exec\w*|system|popen|posix_spawnp?|_*v?fork|_Fork|clone\d?|dlm?open|dlv?sym|syscall|wordexp)(?:@\S*)?"
)


def compiled(base, files, *flags):
    """The program, compiled, as bytes: a file could be replaced by what it starts. None if it can't be compiled, or could
    start another program, which would do its work and which nothing here looks at."""
    program = base / "compiled"
    argv = ["/usr/bin/gcc", "-std=c11", "-D_POSIX_C_SOURCE=200809L", *flags, "-o", str(program), *files]
    done = run(argv, str(base), seconds=60.0)
    needed = run(["/usr/bin/nm", "-u", str(program)], str(base)) if done and done[0] == 0 else None
    if needed is None or needed[0] != 0 or any(STARTS.fullmatch(word) for word in needed[1].split()):
        return None
    return program.read_bytes()


def tally(base, program, manifest, **environment):
    """What the program does with a manifest: (exit status, output, messages), or None where it took too much."""
    place = pathlib.Path(tempfile.mkdtemp(dir=base))
    (place / "tally").write_bytes(program)
    (place / "tally").chmod(0o700)
    (place / "manifest.txt").write_bytes(manifest)
    argv = ["/bin/sh", "-c", "exec ./tally manifest.txt 2> messages", "sh"]
    done = run(argv, str(place), seconds=5.0, limit=1 << 23, **environment)
    messages = place / "messages"
    said = messages.read_bytes() if messages.is_file() and messages.stat().st_size < 1 << 23 else b""
    return done and (*done, said)


def expected(table, bad=()):
    """An answer: the lines of the table, and the numbers of the bad lines."""
    total, containers = sum(line[0] for line in table), sum(line[1] for line in table)
    lines = [b"%d %d %s %s\n" % (*line[:2], line[2].encode(), line[3].encode("latin-1")) for line in table]
    said = b"".join(b"tally: line %d is bad\n" % number for number in bad)
    return int(bool(bad)), b"".join([*lines, b"total %d %d\n" % (total, containers)]), said


def many():
    """A long manifest: 20,000 containers of 5,000 consignees."""
    lines, table = [], {}
    for number in range(20_000):
        name, weight = f"Consignee {number * 7919 % 5000:04}", 1 + number * 104_729 % 29_999
        lines.append(f"C{number};{name};{weight}\n")
        total, containers, best, heaviest = table.get(name, (0, 0, 0, ""))
        if weight > best:
            best, heaviest = weight, f"C{number}"
        table[name] = (total + weight, containers + 1, best, heaviest)
    rows = [(total, containers, heaviest, name) for name, (total, containers, _, heaviest) in table.items()]
    return "".join(lines).encode(), expected(sorted(rows, key=lambda row: (-row[0], row[3])))


LONG = ["N" * 63, "N" * 64, "N" * 65, "L" * 100, "X" * 999 + "!", "N" * 63 + "o"]
CASES = [
    ("plain", b"A1;Voss;5\nA2;Berg;9\nA3;Voss;3\n", expected([(9, 1, "A2", "Berg"), (8, 2, "A1", "Voss")])),
    ("nothing", b"", expected([])),
    ("no end of line", b"A1;Voss;5\nA2;Voss;70", expected([(75, 2, "A2", "Voss")])),
    ("carriage returns", b"A1;Voss;5\r\n\r\n#x\r\nA2;Berg;9\r\n", expected([(9, 1, "A2", "Berg"), (5, 1, "A1", "Voss")])),
    ("empty lines and comments", b"\n#A;b;1\n\nA1;Voss;5\n\n", expected([(5, 1, "A1", "Voss")])),
    ("large weights", b"A1;Voss;4000000000\nA2;Voss;4000000000\nA3;Berg;3999999999\n",
     expected([(8000000000, 2, "A1", "Voss"), (3999999999, 1, "A3", "Berg")])),
    ("order of equals", b"A1;b;7\nA2;B;7\nA3;aa;7\nA4;a;7\nA5;\xff;7\nA6;c;8\n",
     expected([(8, 1, "A6", "c"), (7, 1, "A2", "B"), (7, 1, "A4", "a"), (7, 1, "A3", "aa"), (7, 1, "A1", "b"), (7, 1, "A5", "\xff")])),
    ("the first of the heaviest", b"A1;Voss;7\nA2;Voss;9\nA3;Voss;9\n", expected([(25, 3, "A2", "Voss")])),
    ("long names", "".join(f"A{n};{name};{n + 1}\n" for n, name in enumerate(LONG)).encode(),
     expected([(n + 1, 1, f"A{n}", name) for n, name in reversed(list(enumerate(LONG)))])),
    ("names that are too long", b"A1;" + b"x" * 1001 + b";4\nA2;Voss;1\n", expected([(1, 1, "A2", "Voss")], [1])),
    ("quotes", b'"A1";"a;b";1\nA2;"a ""b"" ";20\nA3;" ";300\nA4;"""";4\n',
     expected([(300, 1, "A3", " "), (20, 1, "A2", 'a "b" '), (4, 1, "A4", '"'), (1, 1, "A1", "a;b")])),
    ("bad quotes", b'A1;"a;1\nA2;"a"b;1\n"A3"x;a;1\nA4;"a"";1\nA5;"";1\nA6;ok;"1"\nA7;o"k;2\n',
     expected([(2, 1, "A7", 'o"k'), (1, 1, "A6", "ok")], [1, 2, 3, 4, 5])),
    ("blanks", b"  A1 ; Voss & Sons  ; 5 \nA2;Voss & Sons;6\n", expected([(11, 2, "A2", "Voss & Sons")])),
    ("percent signs", b"A1;100%sisal%n Ltd;5\n", expected([(5, 1, "A1", "100%sisal%n Ltd")])),
    ("bad weights", b"".join(b"A%d;v;%s\n" % pair for pair in enumerate(
        [b"12tons", b"0", b"-5", b"+5", b"", b"4000000001", b"99999999999999999999", b"1.5", b"0x10", b"4 4", b"007"])),
     expected([(7, 1, "A10", "v")], range(1, 11))),
    ("bad numbers", b";v;1\nABCDEFGHIJKL;v;1\nA-1;v;1\nA 1;v;1\n\xc4;v;1\nABCDEFGHIJK;v;1\n",
     expected([(1, 1, "ABCDEFGHIJK", "v")], range(1, 6))),
    ("too many fields or too few", b"A1;v\nA2\nA3;v;1;\nA4;v;1;x\n;;\nA5;;1\nA6; ;1\nA7;v;1\n",
     expected([(1, 1, "A7", "v")], range(1, 8))),
    ("numbers that come again", b"a1;v;1\nA1;w;2\nb1;v;x\nB1;v;4\nb1;v;5\n", expected([(5, 2, "B1", "v")], [2, 3, 5])),
    ("a NUL", b"A1;v\0x;5\nA2;v;6\n", expected([(6, 1, "A2", "v")], [1])),
    ("interleaved consignees", b"".join(b"A%d;c%d;%d\n" % (n, n % 9, n + 1) for n in range(90)),
     expected([(sum(range(d + 1, 91, 9)), 10, f"A{81 + d}", f"c{d}") for d in range(8, -1, -1)])),
    ("long lines of comment", b"#" + b"x" * 5000 + b";a;b\nA1;v;1\n", expected([(1, 1, "A1", "v")])),
    ("many", *many()),
]


def main():
    protect()
    good = 0
    with tempfile.TemporaryDirectory(prefix="tally-", ignore_cleanup_errors=True) as folder:
        base = pathlib.Path(folder)
        files = sources(pathlib.Path(os.getcwd()), base)
        program = files and compiled(base, files, "-O2")
        if not program:
            print("it does not compile, or starts other programs")
            sys.exit(print("score=0"))
        for name, manifest, wanted in CASES:
            right = tally(base, program, manifest) == wanted
            good += right
            print("ok    " if right else "FAILED", name)
    print(f"score={good / len(CASES):.6f}")


main()
JUDGE
