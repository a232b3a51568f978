# Runs the commands on lines of its own and prints the share of them of which every case is right, and which no longer use
# the old bus: a copy of it that lies elsewhere behaves just as well.
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

import ast
import json
import pathlib
import shutil

NAMES = {"oldbus", "poke", "peek", "poke_all"}
LINE_MODULE = r'''"""The lamp line, as a file plays it.

The file is JSON: {"levels": {"7": 255}, "busy": {"9": 2}, "dead": [11]}. A lamp that stands in `busy` is busy for so many
telegrams more; one in `dead` never answers. Lamps that stand nowhere are off.
"""

import json
import pathlib


class Busy(Exception):
    """The lamp was busy at each attempt."""


class Dead(Exception):
    """The lamp does not answer."""


class Line:
    """The line to all lamps.

    Args:
        path: The file that plays it.
    """

    def __init__(self, path):
        self._path = pathlib.Path(path)
        self._log = pathlib.Path(f"{path}.log")

    def set(self, address, level, *, attempts=1):
        """Sets a lamp.

        Raises:
            ValueError: There is no such address or level; no telegram is sent.
            Busy: It was busy each time.
            Dead: It does not answer.
        """
        if not 0 <= level <= 255:
            raise ValueError(f"no level: {level}")
        for _ in range(attempts):
            if self._telegram(address, f"set {address} {level}", level):
                return
        raise Busy(address)

    def get(self, address, *, attempts=1):
        """The level of a lamp; raises as `set` does."""
        for _ in range(attempts):
            state = self._telegram(address, f"get {address}")
            if state:
                return state["levels"].get(str(address), 0)
        raise Busy(address)

    def _telegram(self, address, text, level=None):
        """Sends one telegram: the line's state, or None where the lamp is busy."""
        if not 0 <= address <= 63:
            raise ValueError(f"no address: {address}")
        state = {"levels": {}, "busy": {}, "dead": [], **json.loads(self._path.read_text())}
        with self._log.open("a") as log:
            log.write(text + "\n")
        if address in state["dead"]:
            raise Dead(address)
        left = state["busy"].get(str(address), 0)
        if left > 0:
            state["busy"][str(address)] = left - 1
            self._path.write_text(json.dumps(state))
            return None
        if level is not None:
            state["levels"][str(address)] = level
            self._path.write_text(json.dumps(state))
        return state
'''

# command → state of the line, arguments (a plan for night), what is printed, exit status, telegrams
CASES = json.loads(r'''{
"switch": [
{"line": {"levels": {"5": 3}}, "arguments": ["switch", "5", "off"], "printed": "lamp 5: done\n", "status": 0, "telegrams": ["set 5 0"]},
{"line": {"busy": {"5": 2}}, "arguments": ["switch", "5", "on"], "printed": "lamp 5: done\n", "status": 0, "telegrams": ["set 5 255", "set 5 255", "set 5 255"]},
{"line": {"busy": {"5": 3}}, "arguments": ["switch", "5", "on"], "printed": "lamp 5: busy\n", "status": 1, "telegrams": ["set 5 255", "set 5 255", "set 5 255"]},
{"line": {"dead": [5], "busy": {"5": 1}}, "arguments": ["switch", "5", "on"], "printed": "lamp 5: does not answer\n", "status": 2, "telegrams": ["set 5 255"]},
{"line": {}, "arguments": ["switch", "64", "on"], "printed": "lamp 64: no such lamp\n", "status": 3, "telegrams": []}
],
"fade": [
{"line": {}, "arguments": ["fade", "9", "0", "100", "30"], "printed": "lamp 9: at 100\n", "status": 0, "telegrams": ["set 9 0", "set 9 30", "set 9 60", "set 9 90", "set 9 100"]},
{"line": {"busy": {"9": 2}}, "arguments": ["fade", "9", "200", "20", "60"], "printed": "lamp 9: at 20, 2 steps skipped\n", "status": 0, "telegrams": ["set 9 200", "set 9 140", "set 9 80", "set 9 20"]},
{"line": {"busy": {"9": 6}}, "arguments": ["fade", "9", "0", "40", "10"], "printed": "lamp 9: at 40, 4 steps skipped\n", "status": 0, "telegrams": ["set 9 0", "set 9 10", "set 9 20", "set 9 30", "set 9 40", "set 9 40", "set 9 40"]},
{"line": {"busy": {"9": 7}}, "arguments": ["fade", "9", "0", "40", "10"], "printed": "lamp 9: stopped before 40\n", "status": 1, "telegrams": ["set 9 0", "set 9 10", "set 9 20", "set 9 30", "set 9 40", "set 9 40", "set 9 40"]},
{"line": {"dead": [9]}, "arguments": ["fade", "9", "10", "50", "20"], "printed": "lamp 9: stopped before 10\n", "status": 2, "telegrams": ["set 9 10"]},
{"line": {}, "arguments": ["fade", "9", "200", "300", "50"], "printed": "lamp 9: stopped before 300\n", "status": 3, "telegrams": ["set 9 200", "set 9 250"]},
{"line": {}, "arguments": ["fade", "9", "7", "7", "5"], "printed": "lamp 9: at 7\n", "status": 0, "telegrams": ["set 9 7"]},
{"line": {"busy": {"9": 1}}, "arguments": ["fade", "9", "0", "20", "20"], "printed": "lamp 9: at 20, 1 steps skipped\n", "status": 0, "telegrams": ["set 9 0", "set 9 20"]}
],
"group": [
{"line": {}, "arguments": ["group", "40", "1", "2", "3"], "printed": "3 of 3 set, 0 not tried\n", "status": 0, "telegrams": ["set 1 40", "set 2 40", "set 3 40"]},
{"line": {"busy": {"2": 3, "4": 2}}, "arguments": ["group", "40", "1", "2", "4"], "printed": "lamp 2: busy\n2 of 3 set, 0 not tried\n", "status": 1, "telegrams": ["set 1 40", "set 2 40", "set 2 40", "set 2 40", "set 4 40", "set 4 40", "set 4 40"]},
{"line": {"dead": [2], "busy": {"1": 4}}, "arguments": ["group", "255", "1", "2", "3", "4"], "printed": "lamp 1: busy\nlamp 2: dead\n0 of 4 set, 2 not tried\n", "status": 2, "telegrams": ["set 1 255", "set 1 255", "set 1 255", "set 2 255"]},
{"line": {}, "arguments": ["group", "300", "1", "2"], "printed": "lamp 1: nonsense\nlamp 2: nonsense\n0 of 2 set, 0 not tried\n", "status": 3, "telegrams": []},
{"line": {"levels": {}}, "arguments": ["group", "10", "70", "3", "-1"], "printed": "lamp 70: nonsense\nlamp -1: nonsense\n1 of 3 set, 0 not tried\n", "status": 3, "telegrams": ["set 3 10"]},
{"line": {}, "arguments": ["group", "10"], "printed": "0 of 0 set, 0 not tried\n", "status": 0, "telegrams": []},
{"line": {"dead": [1]}, "arguments": ["group", "10", "1", "1"], "printed": "lamp 1: dead\n0 of 2 set, 1 not tried\n", "status": 2, "telegrams": ["set 1 10"]}
],
"survey": [
{"line": {"levels": {"1": 10, "2": 255, "4": 4}, "busy": {"4": 1}}, "arguments": ["survey", "1", "2", "3", "4"], "printed": "  1 10\n  2 255\n  3 0\n  4 4\n3 lit, mean level 89.7\n", "status": 0, "telegrams": ["get 1", "get 2", "get 3", "get 4", "get 4"]},
{"line": {"levels": {"1": 10}, "busy": {"1": 2}, "dead": [6]}, "arguments": ["survey", "1", "6", "1", "64"], "printed": "  1 -\n  6 dead\n  1 10\n 64 ?\n1 lit, mean level 10.0\n", "status": 1, "telegrams": ["get 1", "get 1", "get 6", "get 1"]},
{"line": {}, "arguments": ["survey"], "printed": "0 lit\n", "status": 0, "telegrams": []},
{"line": {"dead": [0]}, "arguments": ["survey", "0", "0"], "printed": "  0 dead\n  0 dead\n0 lit\n", "status": 1, "telegrams": ["get 0", "get 0"]}
],
"night": [
{"line": {"levels": {"9": 33}}, "arguments": ["night", "plan.txt"], "printed": "1: poke 0\n2: peek 33\n5: pokeoff 0 0 0\n6: peek 0\n7: dusk 0 0\n8: dawn 0\n", "status": 0, "telegrams": ["set 7 120", "get 9", "set 7 0", "set 8 0", "set 9 0", "get 9", "set 1 90", "set 2 90", "set 1 0"], "plan": "poke 7 120\npeek 9  # the pier\n\n# nothing\npokeoff 7 8 9\npeek 9\ndusk 1 2\ndawn 1\n"},
{"line": {"busy": {"1": 3, "2": 1, "3": 2, "4": 2}, "dead": [5]}, "arguments": ["night", "plan.txt"], "printed": "1: dusk 1 0\n2: dawn 1\n3: peek -1\n4: peek -2\n5: pokeoff 0 2\n6: peek 0\n7: poke 3\n8: peek -3\n9: shine?\n", "status": 8, "telegrams": ["set 1 90", "set 1 90", "set 1 90", "set 2 90", "set 2 90", "set 3 0", "get 4", "get 4", "get 5", "set 3 0", "set 3 0", "set 5 0", "get 4"], "plan": "dusk 1 2\ndawn 3\npeek 4\npeek 5\npokeoff 3 5 6\npeek 4\npoke 6 256\npeek 99\nshine 3\n"},
{"line": {"dead": [1, 2, 3, 4, 5, 6]}, "arguments": ["night", "plan.txt"], "printed": "1: poke 2\n2: dusk 2\n3: poke 2\n4: dusk 2\n5: poke 2\n6: dusk 2\n7: poke 2\n8: dusk 2\n9: poke 2\n10: dusk 2\n11: poke 2\n12: dusk 2\n", "status": 9, "telegrams": ["set 1 1", "set 1 90", "set 2 1", "set 2 90", "set 3 1", "set 3 90", "set 4 1", "set 4 90", "set 5 1", "set 5 90", "set 6 1", "set 6 90"], "plan": "poke 1 1\ndusk 1\npoke 2 1\ndusk 2\npoke 3 1\ndusk 3\npoke 4 1\ndusk 4\npoke 5 1\ndusk 5\npoke 6 1\ndusk 6\n"},
{"line": {"busy": {"1": 1}}, "arguments": ["night", "plan.txt"], "printed": "1: dawn 1 0\n2: pokeoff \n3: peek 0\n", "status": 1, "telegrams": ["set 1 0", "set 1 0", "get 1"], "plan": "dawn 1 1\npokeoff\npeek 1\n"}
]
}''')


def copy_of(work, base):
    """The package as the solution has it, with the line as it was, and with an old bus that ends whoever loads it."""
    target = base / "tree"
    target.mkdir()
    if not (work / "lamps").is_symlink():
        shutil.copytree(work / "lamps", target / "lamps", symlinks=True, ignore=shutil.ignore_patterns("*.pyc"))
    for name in ("line.py", "line"):
        place = target / "lamps" / name
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        elif os.path.lexists(place):
            place.unlink()
    (target / "lamps" / "line.py").write_text(LINE_MODULE)
    (target / "oldbus.py").write_text("raise SystemExit('the old bus is gone')\n")
    return target


def names_in(tree):
    """Every name that a module imports, defines, takes, sets or uses."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (getattr(node, "module", None) or "").split(".")
            for alias in node.names:
                yield from alias.name.split(".")
                yield alias.asname or ""


def still_old(tree):
    """The commands that use the old bus: all of them where a module does that belongs to no single one."""
    found = set()
    for module in sorted((tree / "lamps").rglob("*.py")):
        owner = module.relative_to(tree / "lamps").parts[0].removesuffix(".py")
        users = {owner} if owner in CASES else set(CASES)
        try:
            plain = module.is_file() and not module.is_symlink() and module.stat().st_size <= 1 << 20
            names = set(names_in(ast.parse(module.read_bytes()))) if plain else NAMES
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            names = NAMES
        if names & NAMES:
            found |= users
    return found


def right(tree, base, case):
    folder = base / "case"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "line.json").write_text(json.dumps(case["line"]))
    arguments = case["arguments"]
    if "plan" in case:
        (folder / "plan.txt").write_text(case["plan"])
        arguments = ["night", "plan.txt"]
    argv = ["/usr/bin/python3", "-m", "lamps", *arguments]
    answer = run(argv, str(folder), PYTHONPATH=str(tree), LAMPS_LINE="line.json")
    log = folder / "line.json.log"
    telegrams = log.read_text(errors="replace").splitlines() if log.is_file() and log.stat().st_size < 100_000 else []
    return answer == (case["status"], case["printed"].encode()) and telegrams == case["telegrams"]


def main():
    protect()
    work = pathlib.Path(os.getcwd())
    with tempfile.TemporaryDirectory(prefix="lamps-", ignore_cleanup_errors=True) as folder:
        base = pathlib.Path(folder)
        try:
            tree = copy_of(work, base)
        except (OSError, shutil.Error, RecursionError):
            sys.exit("score=0")
        good, old = 0, still_old(tree)
        for command, cases in CASES.items():
            if command in old:
                print(f"{command}: still by the old bus")
                continue
            wrong = [number for number, case in enumerate(cases, start=1) if not right(tree, base, case)]
            good += not wrong
            print(f"{command}: {'right' if not wrong else f'wrong in {len(wrong)} of {len(cases)} cases'}")
    print(f"score={good / len(CASES)}")


main()
JUDGE
