# Calls collate on exports of its own and prints the share of scans.csv that is right.
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

OUTPUT = "scans.csv"

EXPORTS = {
    "north-b.csv": (
        "\ufeffscanned_at,parcel,weight,event,operator\r\n"
        "2026-11-01T00:00:00+14:00,P-000009,1,In,third\r\n"
        '2026-11-01T00:00:00+14:00,P-9,1,IN,"a ""b"", c"\r\n'
        '2026-11-01T11:27:14Z,p-278916,5859,Out,"Lee, Jin"\r\n'
        "2026-10-31T10:00:00Z,p-009,1,in,second\r\n"
        "2026-10-31T10:36:40-03:30,p-330527,7575,RETURN,Ana Ruiz\r\n"
        '2026-11-01T22:27:08-03:30," P-188078 ",8000,Out,"""Kit"" Moss"\r\n'
        '2026-10-29T05:05:33Z,p-189840,8760,return,"Björn Å"\r\n'
        '2026-10-30T12:20:52-03:30,p-190737,"7926",Load,Ana Ruiz\r\n'
        "2026-10-30T05:57:23-03:30,p-311295,658,in,Björn Å\r\n"
        "2026-10-29T08:36:44Z,p-095648,4078,Load,Ana Ruiz\r\n"
        '"2026-11-02T05:53:02-03:30",P-399235,2491,return,\r\n'
        '2026-10-29T16:10:28-03:30,"p-006326",8407,"load",'
    ),
    "north-a.csv": (
        "parcel,event,scanned_at,operator\n"
        "p-222119,In,2028-03-01T05:25:23+02:00,Ida Falk\n"
        "P-31,out,2028-02-29T23:59:59+02:00,Zed\n"
        "P-31,in,2028-03-01T00:30:00+02:00,Zed\n"
        'P-188227,"load",2028-03-01T09:42:28+02:00,Björn Å\n'
        '" P-363491 ",LOAD,2028-03-01T16:12:20+02:00,"""Kit"" Moss"\n'
        "p-192857,RETURN,2028-03-01T13:44:07+02:00,\n"
        'p-127920,RETURN,2028-02-28T16:00:48+02:00,""\n'
        "P-31,out,2027-02-29T10:00:00Z,Zed\n"
        "P-52186,Load,2028-02-29T02:21:52+02:00,Ana Ruiz\n"
        "P-31,out,2028-03-01T00:30:00+02:00,Zed\n"
        '"P-32","OUT","2028-02-29T00:00:00Z"," Bo   ""B""  Day "\n'
        'p-184000,In,"2028-02-29T22:22:26+02:00",\n'
        'P-232571,"OUT","2028-02-29T03:03:44+02:00",O\'Neill  Sam\n'
        'P-188227,"load",2028-03-01T09:42:28+02:00,Björn Å\n'
        'P-188227,"load",2028-03-01T09:42:28+02:00,Björn Å\n'
        ' P-306621 ,"load",2028-02-28T16:07:28+02:00,\n'
    ),
    "south-9.csv": (
        "# utc_offset=-09:30\r\n"
        "parcel;event;local_time;operator\r\n"
        "P-6976;r;30.12.2026 14:06:08;Ana Ruiz\r\n"
        "P-285526;L;01.01.2027 12:31:18;Ana Ruiz\r\n"
        " P-388436 ;r;02.01.2027 12:01:27;O'Neill  Sam\r\n"
        'P-8;i;31.12.2026 23:59:59;Lee, "J"\r\n'
        "P-043868;o;29.12.2026 23:28:15;Ida Falk\r\n"
        "P-7;O;31.12.2026 14:30:00;late copy\r\n"
        "p-7;o;31.12.2026 14:30:00; Ana \t Ruiz\r\n"
        "P-6976;r;30.12.2026 14:06:08;Ana Ruiz\r\n"
        "p-386007;r;02.01.2027 19:56:18;Ana Ruiz\r\n"
        "P-166792;r;03.01.2027 07:47:36;\r\n"
        "P-347407;R;29.12.2026 10:41:05;Lee, Jin\r\n"
        'P-291302;l;02.01.2027 20:49:56;"Kit" Moss\r\n'
        "p-188626;R;03.01.2027 02:48:11;Lee, Jin\r\n"
    ),
    "south-10.csv": (
        "# utc_offset=+00:00\n"
        "parcel;event;local_time;operator\n"
        "P-335734;i;30.12.2026 18:19:12;O'Neill  Sam\n"
        "P-112949;O;30.12.2026 17:03:20;Ana Ruiz\n"
        "p-320436;o;30.12.2026 04:41:35;Mara\tVos\n"
        'P-250584;O;02.01.2027 18:53:52;Tom, "T" Hall\n'
        "P-291212;l;30.12.2026 10:37:42;Mara\tVos\n"
        "P-7;O;01.01.2027 00:00:00;another file, same scan\n"
        " P-112036 ;O;30.12.2026 16:10:21;\n"
        'P-6511;I;31.12.2026 13:11:39;"Kit" Moss\n'
    ),
    "east-0.log": (
        "1798700953\tReturn\tP-219980\tMara\tVos\n"
        "1798750870\tLOAD\tP-214765\tBjörn Å\n"
        "1798749753\tIN\tP-081874\t\n"
        "1799053732 In P-120813 O'Neill  Sam\n"
        "1798749753\tIN\tP-081874\t\n"
        "1798749753\tIN\tP-081874\t\n"
        "1798761600\tOUT\tP-7\tagain\n"
        "1798812172  IN  P-303857  Björn Å\n"
        "1798761601 OUT P-7\n"
        "  1798761600 load P-7  trailing blanks  \n"
        "1799075297 In P-259019 Ida Falk\n"
        "1799049143 in p-210891 Ana Ruiz\n"
        "1799050313\treturn\tp-156426\tBjörn Å\n"
        "1798761600 out P-7 Ana Ruiz\n"
        "1798668047\tIn\tP-351757\tIda Falk\n"
    ),
    "north.csv": ("parcel,event,scanned_at,operator\nP-1,in,2026-03-01T00:30:00+01:00,nobody\n"),
    "north-x.csv.bak": ("parcel,event,scanned_at,operator\nP-1,in,2026-03-01T00:30:00+01:00,nobody\n"),
    "east-0.csv": ("1798761600 out P-1 Ana Ruiz\n"),
}

EXPECTED = [
    "parcel,event,scanned_at,depot,operator",
    "P-189840,return,2026-10-29T05:05:33Z,north,Björn Å",
    "P-095648,load,2026-10-29T08:36:44Z,north,Ana Ruiz",
    "P-006326,load,2026-10-29T19:40:28Z,north,",
    "P-311295,in,2026-10-30T09:27:23Z,north,Björn Å",
    "P-190737,load,2026-10-30T15:50:52Z,north,Ana Ruiz",
    "P-000009,in,2026-10-31T10:00:00Z,north,third",
    "P-330527,return,2026-10-31T14:06:40Z,north,Ana Ruiz",
    'P-278916,out,2026-11-01T11:27:14Z,north,"Lee, Jin"',
    'P-188078,out,2026-11-02T01:57:08Z,north,"""Kit"" Moss"',
    "P-399235,return,2026-11-02T09:23:02Z,north,",
    'P-347407,return,2026-12-29T20:11:05Z,south,"Lee, Jin"',
    "P-320436,out,2026-12-30T04:41:35Z,south,Mara Vos",
    "P-043868,out,2026-12-30T08:58:15Z,south,Ida Falk",
    "P-291212,load,2026-12-30T10:37:42Z,south,Mara Vos",
    "P-112036,out,2026-12-30T16:10:21Z,south,",
    "P-112949,out,2026-12-30T17:03:20Z,south,Ana Ruiz",
    "P-335734,in,2026-12-30T18:19:12Z,south,O'Neill Sam",
    "P-351757,in,2026-12-30T22:00:47Z,east,Ida Falk",
    "P-006976,return,2026-12-30T23:36:08Z,south,Ana Ruiz",
    "P-219980,return,2026-12-31T07:09:13Z,east,Mara Vos",
    'P-006511,in,2026-12-31T13:11:39Z,south,"""Kit"" Moss"',
    "P-081874,in,2026-12-31T20:42:33Z,east,",
    "P-214765,load,2026-12-31T21:01:10Z,east,Björn Å",
    "P-000007,load,2027-01-01T00:00:00Z,east,trailing blanks",
    "P-000007,out,2027-01-01T00:00:00Z,east,again",
    'P-000007,out,2027-01-01T00:00:00Z,south,"another file, same scan"',
    "P-000007,out,2027-01-01T00:00:01Z,east,",
    'P-000008,in,2027-01-01T09:29:59Z,south,"Lee, ""J"""',
    "P-303857,in,2027-01-01T14:02:52Z,east,Björn Å",
    "P-285526,load,2027-01-01T22:01:18Z,south,Ana Ruiz",
    'P-250584,out,2027-01-02T18:53:52Z,south,"Tom, ""T"" Hall"',
    "P-388436,return,2027-01-02T21:31:27Z,south,O'Neill Sam",
    "P-386007,return,2027-01-03T05:26:18Z,south,Ana Ruiz",
    'P-291302,load,2027-01-03T06:19:56Z,south,"""Kit"" Moss"',
    'P-188626,return,2027-01-03T12:18:11Z,south,"Lee, Jin"',
    "P-166792,return,2027-01-03T17:17:36Z,south,",
    "P-210891,in,2027-01-04T07:52:23Z,east,Ana Ruiz",
    "P-156426,return,2027-01-04T08:11:53Z,east,Björn Å",
    "P-120813,in,2027-01-04T09:08:52Z,east,O'Neill Sam",
    "P-259019,in,2027-01-04T15:08:17Z,east,Ida Falk",
    "P-127920,return,2028-02-28T14:00:48Z,north,",
    "P-306621,load,2028-02-28T14:07:28Z,north,",
    'P-000032,out,2028-02-29T00:00:00Z,north,"Bo ""B"" Day"',
    "P-052186,load,2028-02-29T00:21:52Z,north,Ana Ruiz",
    "P-232571,out,2028-02-29T01:03:44Z,north,O'Neill Sam",
    "P-184000,in,2028-02-29T20:22:26Z,north,",
    "P-000031,out,2028-02-29T21:59:59Z,north,Zed",
    "P-000031,in,2028-02-29T22:30:00Z,north,Zed",
    "P-000031,out,2028-02-29T22:30:00Z,north,Zed",
    "P-222119,in,2028-03-01T03:25:23Z,north,Ida Falk",
    "P-188227,load,2028-03-01T07:42:28Z,north,Björn Å",
    "P-192857,return,2028-03-01T11:44:07Z,north,",
    'P-363491,load,2028-03-01T14:12:20Z,north,"""Kit"" Moss"',
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
