# Calls collate on exports of its own and prints the share of daily.csv that is right.
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

OUTPUT = "daily.csv"

EXPORTS = {
    "north-1.csv": (
        "weight,operator,scanned_at,parcel,event\n"
        "4066,Björn Å,2026-06-02T20:51:10Z,P-155908,Out\n"
        '3538,"Tom, ""T"" Hall","2026-06-03T03:55:53+10:00",P-049566,IN\n'
        "4344,,2026-06-03T23:43:17+10:00,p-006298,Out\n"
        '1289,Ida Falk,2026-06-03T03:33:05Z,P-303784,"out"\n'
        '5651,,"2026-06-02T19:51:24+10:00",P-103844,out\n'
        "5490,Mara\tVos,2026-06-02T06:25:04+10:00, P-280994 ,in\n"
        '6614,"Tom, ""T"" Hall",2026-06-02T02:24:51Z,P-316391,RETURN\n'
        '"8580","Lee, Jin",2026-06-06T01:49:19+10:00,P-221246,"Return"\n'
        '1136,"Mara\tVos",2026-06-01T16:14:56+10:00, P-373267 ,IN\n'
        "4957,Björn Å,2026-06-01T12:58:57Z,p-161461,in\n"
        '6262,Ida Falk,2026-06-04T18:07:36+10:00,"p-272314",out\n'
        '"187","""Kit"" Moss",2026-06-05T15:11:27+10:00,P-156337,Out\n'
        "4165,Ana Ruiz,2026-06-02T17:49:15Z, P-195995 ,out\n"
        '4564,"Tom, ""T"" Hall",2026-06-05T08:03:22+10:00,"p-170163","In"\n'
        "4066,Björn Å,2026-06-02T20:51:10Z,P-155908,Out\n"
        '8950,Björn Å,2026-06-03T02:47:36+10:00,P-365710,"In"\n'
        '5651,,"2026-06-02T19:51:24+10:00",P-103844,out\n'
        "1,x,2026-06-31T10:00:00Z,P-1,in\n"
        '"6012",O\'Neill  Sam,"2026-06-03T14:18:08Z","p-256960",RETURN\n'
        '571,"Tom, ""T"" Hall",2026-06-05T02:28:03+10:00,p-084923,"In"\n'
        '2036,Ana Ruiz,2026-06-05T17:39:05+10:00,p-078698,"OUT"\n'
        '"8580","Lee, Jin",2026-06-06T01:49:19+10:00,P-221246,"Return"\n'
        "5122,,2026-06-05T07:36:34Z,P-355188,IN\n"
        '3538,"Tom, ""T"" Hall","2026-06-03T03:55:53+10:00",P-049566,IN\n'
        '"7282",,2026-06-05T05:24:45+10:00,P-244353,OUT\n'
        '"489","Lee, Jin",2026-06-04T23:06:01+10:00,P-305081,IN\n'
        '5227,Mara\tVos,2026-06-03T22:35:58Z," P-226969 ",Out\n'
        '"6977",Ida Falk,2026-06-04T19:06:45+10:00,P-66187,"return"\n'
        '6665,Ida Falk,2026-06-05T01:22:42+10:00,"P-179241",Out\n'
    ),
    "north-2.csv": (
        "parcel,event,scanned_at,operator\r\n"
        "P-397097,Load,2026-07-02T21:47:32-08:00,O'Neill  Sam\r\n"
        'P-177259,"out",2026-07-03T12:59:51-08:00,"""Kit"" Moss"\r\n'
        'P-16786,Return,2026-07-02T18:24:53-08:00,"Björn Å"\r\n'
        "P-83443,Out,2026-07-01T22:05:16-08:00,\r\n"
        '"P-042406",Load,2026-07-01T09:57:32-08:00,"Mara\tVos"\r\n'
        'P-001836,"IN",2026-07-01T18:27:43-08:00,Ida Falk\r\n'
        "P-249468,OUT,2026-07-02T21:01:17-08:00,Mara\tVos\r\n"
        "P-392634,OUT,2026-06-30T17:41:14-08:00,Ana Ruiz"
    ),
    "south-1.csv": (
        "# utc_offset=+05:45\n"
        "parcel;event;local_time;operator\n"
        "P-320133;O;03.06.2026 09:54:42;Björn Å\n"
        "P-149610;i;04.06.2026 06:45:35;\n"
        "P-152184;r;04.06.2026 00:28:42;Ana Ruiz\n"
        "P-23219;I;02.06.2026 01:56:32;Björn Å\n"
        "P-234910;R;05.06.2026 16:38:48;Ana Ruiz\n"
        "p-047351;i;04.06.2026 02:54:35;Björn Å\n"
        "p-180148;L;02.06.2026 01:47:04;Björn Å\n"
        'P-324448;L;04.06.2026 04:02:00;Tom, "T" Hall\n'
        " P-119514 ;L;06.06.2026 03:38:49;Mara\tVos\n"
        "P-156077;I;01.06.2026 10:34:51;Mara\tVos\n"
        'P-171370;o;02.06.2026 19:57:12;"Kit" Moss\n'
        "p-239617;i;05.06.2026 07:42:10;Ida Falk\n"
        'P-227066;I;01.06.2026 07:52:52;"Kit" Moss\n'
        "p-180148;L;02.06.2026 01:47:04;Björn Å\n"
        "P-092021;I;02.06.2026 18:24:43;Mara\tVos\n"
        "P-152184;r;04.06.2026 00:28:42;Ana Ruiz\n"
        ' P-160132 ;l;02.06.2026 15:04:31;Tom, "T" Hall\n'
        " P-203344 ;o;05.06.2026 16:56:20;Björn Å\n"
        'p-127777;r;04.06.2026 16:58:26;"Kit" Moss\n'
        "P-32669;O;02.06.2026 19:36:15;O'Neill  Sam\n"
        "P-152184;r;04.06.2026 00:28:42;Ana Ruiz\n"
        "p-268203;L;04.06.2026 08:47:56;O'Neill  Sam\n"
        "P-1;L;01.13.2026 10:00:00;x\n"
        "P-008938;l;03.06.2026 08:47:44;Lee, Jin\n"
        "p-200383;L;04.06.2026 07:41:53;Lee, Jin\n"
        "P-313416;R;04.06.2026 16:29:47;Björn Å\n"
        "p-058276;o;01.06.2026 07:46:59;Björn Å\n"
        "p-047351;i;04.06.2026 02:54:35;Björn Å\n"
        " P-136172 ;i;02.06.2026 05:44:19;\n"
    ),
    "south-2.csv": (
        "# utc_offset=-05:00\n"
        "parcel;event;local_time;operator\n"
        "P-245400;O;05.06.2026 13:06:17;Björn Å\n"
        'P-398435;i;07.06.2026 17:35:17;Tom, "T" Hall\n'
        " P-285794 ;l;03.06.2026 16:25:44;\n"
        " P-377927 ;l;06.06.2026 10:19:32;Björn Å\n"
        'P-108072;l;07.06.2026 14:11:11;Tom, "T" Hall\n'
        'p-274231;L;03.06.2026 15:09:23;Tom, "T" Hall\n'
        " P-161121 ;r;03.06.2026 10:22:59;Ida Falk\n"
        "P-307567;r;04.06.2026 20:49:01;\n"
        'P-366887;r;05.06.2026 17:11:55;"Kit" Moss\n'
        "P-372824;O;06.06.2026 18:17:54;O'Neill  Sam\n"
        ' P-176667 ;r;03.06.2026 16:44:38;"Kit" Moss\n'
        "P-082824;O;05.06.2026 22:22:46;Lee, Jin\n"
    ),
    "east-1.log": (
        "1780341258\tIN\tP-144280\tO'Neill  Sam\n"
        "1780337452\tReturn\tP-294328\t\n"
        '1780442925  Load  P-121738  "Kit" Moss\n'
        "1780437283  LOAD  P-110597  Ana Ruiz\n"
        "1780420170  Out  P-031848  \n"
        "1780650792\tReturn\tP-088900\tBjörn Å\n"
        "1780606591  In  P-11463  Björn Å\n"
        "1780687629\tOUT\tP-295200\tBjörn Å\n"
        "1780271999 load P-1\n"
        "1780379821  OUT  P-382974  Lee, Jin\n"
        '1780535509\tLOAD\tP-360036\t"Kit" Moss\n'
        "1780677635  IN  P-226337  Ida Falk\n"
        "1780423586\tRETURN\tp-011088\tIda Falk\n"
        '1780494994  return  P-39500  Tom, "T" Hall\n'
        "1780272000 load P-1\n"
        "1780687629\tOUT\tP-295200\tBjörn Å\n"
        "1780403446 Load p-202841 O'Neill  Sam\n"
        "1780504537\tOUT\tP-224399\tMara\tVos\n"
        "1780650792\tReturn\tP-088900\tBjörn Å\n"
        "1780671717\tLoad\tp-087871\t\n"
        "1780337452\tReturn\tP-294328\t\n"
        "1780606591  In  P-11463  Björn Å\n"
        '1780529525  return  P-185327  Tom, "T" Hall\n'
        "1780291260  load  p-378294  Ida Falk\n"
        '1780392843\tReturn\tP-316947\t"Kit" Moss\n'
        "1780288200  in  P-274301  \n"
        "1780337452\tReturn\tP-294328\t\n"
        '1780596929\tOut\tP-206060\t"Kit" Moss\n'
        '1780615657 Out P-288966 Tom, "T" Hall\n'
        "1780552566 load P-164866 \n"
        "1780271999 load P-1 twice\n"
        "1780459393 IN P-384896 Mara\tVos\n"
    ),
    "east-2.log": "",
}

EXPECTED = [
    "date,depot,in,load,out,return",
    "2026-05-31,east,0,1,0,0",
    "2026-06-01,east,2,2,0,1",
    "2026-06-01,north,3,0,0,0",
    "2026-06-01,south,4,1,1,0",
    "2026-06-02,east,0,3,2,2",
    "2026-06-02,north,2,0,3,1",
    "2026-06-02,south,1,1,2,0",
    "2026-06-03,east,1,0,1,2",
    "2026-06-03,north,0,0,3,1",
    "2026-06-03,south,1,4,1,3",
    "2026-06-04,east,1,2,2,0",
    "2026-06-04,north,3,0,3,1",
    "2026-06-04,south,1,2,0,2",
    "2026-06-05,east,1,1,1,1",
    "2026-06-05,north,1,0,2,1",
    "2026-06-05,south,1,1,2,3",
    "2026-06-06,south,0,1,2,0",
    "2026-06-07,south,1,1,0,0",
    "2026-07-01,north,0,1,1,0",
    "2026-07-02,north,1,0,1,0",
    "2026-07-03,north,0,1,2,1",
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
