"""Exit status 0 where nothing of the old bus is left in the solution's files, and its commands still work without it."""

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
import pathlib

NAMES = {"oldbus", "poke", "peek", "poke_all"}
MOST_BYTES = 1 << 20
PLAN = "poke 33 8\npeek 34\npokeoff 35 36\ndusk 37\ndawn 38\n"
# What each command sends where nothing is wrong: a package without commands has nothing left of the old bus either.
PLAIN = {
    "switch 21 on": ["set 21 255"],
    "fade 22 4 10 3": ["set 22 4", "set 22 7", "set 22 10"],
    "group 23 24 25": ["set 24 23", "set 25 23"],
    "survey 26 27": ["get 26", "get 27"],
    "night plan.txt": ["set 33 8", "get 34", "set 35 0", "set 36 0", "set 37 90", "set 38 0"],
}


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


def left_in(work):
    if os.path.lexists(work / "oldbus") or os.path.lexists(work / "oldbus.py"):
        yield "oldbus is still there"
    if (work / "lamps").is_symlink() or not (work / "lamps").is_dir():
        yield "lamps is no directory"
    modules = sorted((work / "lamps").rglob("*.py"))
    if not modules:
        yield "lamps holds no module"
    for module in modules:
        if not module.is_file() or module.stat().st_size > MOST_BYTES:
            yield f"{module.name} can't be read"
            continue
        try:
            found = NAMES & set(names_in(ast.parse(module.read_bytes())))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            yield f"{module.name} is no Python"
            continue
        if found:
            yield f"{module.name} has {', '.join(sorted(found))}"


def stopped_in(work, base):
    """The commands that no longer do their work."""
    for number, (command, telegrams) in enumerate(PLAIN.items()):
        folder = base / str(number)
        folder.mkdir()
        (folder / "line.json").write_text("{}")
        (folder / "plan.txt").write_text(PLAN)
        argv = ["/usr/bin/python3", "-m", "lamps", *command.split()]
        answer = run(argv, str(folder), PYTHONPATH=str(work), LAMPS_LINE="line.json")
        log = folder / "line.json.log"
        sent = log.read_text(errors="replace").splitlines() if log.is_file() and log.stat().st_size < 10_000 else []
        if answer is None or answer[0] != 0 or sent != telegrams:
            yield f"{command.split()[0]} no longer works"


def main():
    protect()
    os.unlink(__file__)
    work = pathlib.Path(os.getcwd())
    left = list(left_in(work))
    if not left:
        with tempfile.TemporaryDirectory(prefix="lamps-", ignore_cleanup_errors=True) as folder:
            left = list(stopped_in(work, pathlib.Path(folder)))
    print("\n".join(left) or "nothing is left of it")
    sys.exit(min(len(left), 1))


main()
