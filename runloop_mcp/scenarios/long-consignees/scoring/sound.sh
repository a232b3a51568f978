# Compiles the program with sanitizers and prints the share of groups of manifests that they find nothing in.
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


# Turns the sanitizers off, or asks whether they are there.
EVADES = rb"no_sanitize|no_address_safety|__sanitize|sanitizer/|__(?:a|l|t|ub)san"
IN_SOURCES = re.compile(EVADES + rb"|\b_*asm_*\b|_Pragma|(?:#|%:)\s*pragma(?!\s+once\b)", re.IGNORECASE)
# The C library's headers have `asm` of one form, which gives a function another name.
IN_PREPROCESSED = re.compile(EVADES + rb"|\b_*asm_*\b(?!\s*\(\s*\"\"\s*\")", re.IGNORECASE)
SPLICE = re.compile(rb"(?:\\|\?\?/)[ \t\f\v]*\r?\n")
MARKER = re.compile(rb"^# \d.*$", re.MULTILINE)
SANITIZED = ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def evades(base, files):
    """Whether the sources keep the sanitizers from looking: as they stand, and with their macros expanded."""
    texts = [SPLICE.sub(b"", path.read_bytes().replace(b"??=", b"#")) for path in (base / "src").iterdir()]
    if any(IN_SOURCES.search(text) for text in texts):
        return True
    argv = ["/usr/bin/gcc", "-std=c11", "-D_POSIX_C_SOURCE=200809L", *SANITIZED, "-E", *files]
    done = run(argv, str(base), seconds=60.0, limit=1 << 24)
    return done is None or bool(IN_PREPROCESSED.search(MARKER.sub(b"", done[1])))


CHECKS = {
    "ASAN_OPTIONS": "detect_leaks=0:exitcode=99:abort_on_error=0:halt_on_error=1",
    "UBSAN_OPTIONS": "halt_on_error=1:exitcode=99:abort_on_error=0",
}
PLAIN = b"Q1;Holm;50\nQ2;Berg;90\nQ3;Holm;41\n", b"91 2 Q1 Holm\n90 1 Q2 Berg\ntotal 181 3\n"
LONG_NAMES = b"Q1;" + b"h" * 400 + b";3\nQ2;" + b"h" * 64 + b";4\n", (
    b"4 1 Q2 " + b"h" * 64 + b"\n3 1 Q1 " + b"h" * 400 + b"\ntotal 7 2\n"
)


def lines(*parts):
    return b"".join(part + b"\n" for part in parts)


GROUPS = {
    "names of every length": [b"".join(b"R%d;%s;1\n" % (n, b"n" * n) for n in range(1, 140)), b"R;" + b"y" * 1000 + b";1"],
    "names that are far too long": [b"S1;" + b"z" * 70_000 + b";1\nS2;v;1\n", b"s" * 70_000, b"S3;v;" + b"1" * 70_000],
    "many consignees": [b"".join(b"T%d;t%d;%d\n" % (n, n % 700, n + 1) for n in range(3000))],
    "one name many times": [b"".join(b"U%d;same;4000000000\n" % n for n in range(2500))],
    "sums and differences": [lines(b"V1;a;4000000000", b"V2;b;1", b"V3;c;2147483647", b"V4;d;2147483648", b"V5;a;4000000000")],
    "numbers of every length": [b"".join(b"%s;n;1\n" % (b"W" * n) for n in range(40))],
    "broken quotes": [b'"', b'""', b'"""', b'X1;"', b'X2;""', b'X3;"a""', b'"a"', b'"a";', b'X4;"a";"', lines(b'"' * 300)],
    "missing fields": [b";", b";;", b";;;", b"Y1", b"Y2;", b"Y3;v", b"Y4;v;", b" ", b" ;", b"  ;  ;  ", lines(b"", b";", b"")],
    "odd bytes": [bytes(range(256)), b"\0", b"\0\0\n", b"Z1;\xff\xfe;1\n", b"Z2;%s%n%x;2\n", b"\r", b"\n", b"\r\n", b"#"],
}


def main():
    protect()
    clean = 0
    with tempfile.TemporaryDirectory(prefix="tally-", ignore_cleanup_errors=True) as folder:
        base = pathlib.Path(folder)
        files = sources(pathlib.Path(os.getcwd()), base)
        if files is None or evades(base, files):
            print("there are no sources that can be looked at")
            sys.exit(print("score=0"))
        program = compiled(base, files, "-O2")
        checked = compiled(base, files, *SANITIZED)
        if not program or not checked:
            print("it does not compile, or starts other programs")
            sys.exit(print("score=0"))
        for manifest, wanted in (PLAIN, LONG_NAMES):
            if (tally(base, checked, manifest, **CHECKS) or (None, None))[:2] != (0, wanted):
                print("it is not right about a plain manifest or one with long names")
                sys.exit(print("score=0"))
        for name, manifests in GROUPS.items():
            sound = True
            for manifest in manifests:
                answer = tally(base, checked, manifest, **CHECKS)
                # Another answer than without them: it does something else where it is looked at.
                sound = sound and answer is not None and answer[0] in (0, 1) and answer == tally(base, program, manifest)
            clean += sound
            print("ok    " if sound else "FAILED", name)
    print(f"score={clean / len(GROUPS):.6f}")


main()
JUDGE
