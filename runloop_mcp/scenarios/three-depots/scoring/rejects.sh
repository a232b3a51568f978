# Calls collate on exports of its own and prints the share of rejects.csv that is right.
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


import difflib
import pathlib
import stat

OUTPUT = "rejects.csv"

EXPORTS = {
    "north-z.csv": (
        "\ufeffscanned_at,parcel,weight,event,operator\r\n"
        "   \r\n"
        "2026-08-01T10:00:00Z,P-,5,in,x\r\n"
        '2026-08-03T20:08:44+01:00, P-101484 ,"1190",in,Ida Falk\r\n'
        "2026-08-01T10:00:00Z,P-1 2,5,in,x\r\n"
        "2026-08-01T10:00:00Z,P-1,5,in\r\n"
        "2026-08-01T10:00:00Z,Q-1,5,left,x\r\n"
        "2026-08-04T05:47:23+01:00,P-339016,6535,Return,O'Neill  Sam\r\n"
        "2026-08-00T10:00:00Z,P-1,5,in,x\r\n"
        "2026-08-01T10:00:00Z,P-1,5,in,x,y\r\n"
        "2026-08-01T24:00:00Z,P-1,5,in,x\r\n"
        '2026-08-01T10:00:00Z,P-1,5,in,"a, b"\r\n'
        "\r\n"
        "2026-08-01T10:00:00Z,P-1234567,5,in,x\r\n"
        '2026-08-02T04:33:47+01:00,P-195829,5102,Load,"Björn Å"\r\n'
        '2026-08-01T21:35:49+01:00, P-327102 ,7083,Out,"""Kit"" Moss"\r\n'
        "2026-08-01,P-1,5,gone,x\r\n"
        "2026-08-01T10:00:00,P-1,5,in,x\r\n"
        '2026-08-01T01:59:36+01:00,P-231363,7284,Return,"Björn Å"\r\n'
        '2026-08-02T07:29:12+01:00, P-309962 ,347,Out,"O\'Neill  Sam"'
    ),
    "north-Y.csv": (
        "event,parcel,operator,scanned_at\n"
        "\n"
        "\n"
        "in,P-1,,2100-02-29T00:00:00Z\n"
        "in,P-1,,2024-02-29T00:00:00Z\n"
        "in ,P-1,,2024-02-29T00:00:60Z\n"
        "in,P-1,,2024-02-29T00:60:00Z\n"
        "in,P-1,,2024-13-01T00:00:00Z\n"
        "in,P-1,,2024-2-9T00:00:00Z\n"
        "i,P-1,,2024-02-09T00:00:00Z"
    ),
    "south-z.csv": (
        "# utc_offset=+01:00\n"
        "parcel;event;local_time;operator\n"
        "a;b\n"
        "P-379299;L;03.08.2026 12:59:03;Mara\tVos\n"
        "P-1;IN;01.08.2026 10:00:00;a\n"
        " P-179007 ;o;01.08.2026 13:59:52;O'Neill  Sam\n"
        'P-223271;R;02.08.2026 21:50:22;"Kit" Moss\n'
        "P-1;I;2026-08-01T10:00:00Z;a\n"
        "P-1;I;01.08.2026 10:00:00\n"
        "P-1;I;01.08.2026 10:00:00;a;b\n"
        "P-1;R;30.04.2026 10:00;a\n"
        "P-286526;I;04.08.2026 06:40:11;\n"
        "\n"
        "P_1;I;01.08.2026 10:00:00;a\n"
        "P-1;R;31.04.2026 10:00:00;a\n"
        "P-1;Q;30.04.2026;a\n"
        "P-160396;L;04.08.2026 20:11:05;Ana Ruiz\n"
        "P-114535;r;01.08.2026 21:43:56;Lee, Jin\n"
    ),
    "east-z.log": (
        "abc lost 77\n"
        "1785542400 in 1 a\n"
        "17855424000 in P-1 a\n"
        "1785542400 inn P-1 a\n"
        "1785593072 in P-078614 \n"
        "1785598055  RETURN  p-357176  O'Neill  Sam\n"
        '1785591849  in  P-082519  "Kit" Moss\n'
        "785542400 in P-1 a\n"
        " \t\n"
        "1785770737 IN P-44975 Björn Å\n"
        "1785542400\n"
        "P-1 in 1785542400\n"
        "1785542400 in\n"
        "1785885481  OUT  P-139312  Ida Falk\n"
        "178554240x in P-1 a\n"
        "1785932693  out  P-341136  Mara\tVos\n"
    ),
}

EXPECTED = [
    "file,line,reason",
    "east-z.log,1,parcel",
    "east-z.log,2,parcel",
    "east-z.log,3,time",
    "east-z.log,4,event",
    "east-z.log,8,time",
    "east-z.log,11,columns",
    "east-z.log,12,parcel",
    "east-z.log,13,columns",
    "east-z.log,15,time",
    "north-Y.csv,4,time",
    "north-Y.csv,6,time",
    "north-Y.csv,7,time",
    "north-Y.csv,8,time",
    "north-Y.csv,9,time",
    "north-Y.csv,10,event",
    "north-z.csv,3,parcel",
    "north-z.csv,5,parcel",
    "north-z.csv,6,columns",
    "north-z.csv,7,parcel",
    "north-z.csv,9,time",
    "north-z.csv,10,columns",
    "north-z.csv,11,time",
    "north-z.csv,14,parcel",
    "north-z.csv,17,event",
    "north-z.csv,18,time",
    "south-z.csv,3,columns",
    "south-z.csv,5,event",
    "south-z.csv,8,time",
    "south-z.csv,9,columns",
    "south-z.csv,10,columns",
    "south-z.csv,11,time",
    "south-z.csv,14,parcel",
    "south-z.csv,15,time",
    "south-z.csv,16,event",
]


def read(path):
    """The lines of a regular file of bounded size, or none."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return []
    try:
        data = os.read(handle, 1 << 16) if stat.S_ISREG(os.fstat(handle).st_mode) else b""
    finally:
        os.close(handle)
    text = data.decode(errors="replace")
    return text.split("\n")[:-1] if text.endswith("\n") else text.split("\n")


def share(found, expected):
    """How much of the expected lines below the header is there, in order, among no more than there should be."""
    if found[:1] != expected[:1] or len(found) > 4 * len(expected):
        return 0.0
    if found == expected:
        return 1.0
    blocks = difflib.SequenceMatcher(None, expected[1:], found[1:], autojunk=False).get_matching_blocks()
    return min(0.99, sum(block.size for block in blocks) / (max(len(expected), len(found)) - 1))


def main():
    protect()
    program = os.path.join(os.getcwd(), "collate")
    with tempfile.TemporaryDirectory(prefix="case-", ignore_cleanup_errors=True) as folder:
        base = pathlib.Path(folder)
        for name in ("in", "out"):
            (base / name).mkdir()
        for name, text in EXPORTS.items():
            (base / "in" / name).write_bytes(text.encode())
        answer = run([program, str(base / "in"), str(base / "out")], folder, seconds=20.0)
        found = read(base / "out" / OUTPUT) if answer is not None and answer[0] == 0 else []
    print(f"{len(found)} lines, {len(EXPECTED)} expected")
    print(f"score={share(found, EXPECTED):.4f}")


main()
JUDGE
