# Custom scorer `files-become`: runs a command on files of its own and prints the share of cases in which they become
# what they should. Its parameters:
#
#   command     a list of words; {work} stands for the working directory; started in a new directory for each case
#   folder      the directory whose files are compared afterwards, all of them
#   cases       a list of {name, before, after}: files by path; text, or {text, encoding}; paths in `after` begin in `folder`
#   runs        how often the command is started in each case; 1 where absent
#
# The judge takes this shell's place and this file is gone, so that the solution can neither speak for it nor read it;
# nor are the parameters in its environment any more when it starts something.
[[ ${BASH_SOURCE[0]:-} == /tmp/* ]] && rm -f -- "${BASH_SOURCE[0]}"
exec 3<<<"$RL_SCORER_CONTEXT"
unset RL_SCORER_CONTEXT RL_TEST_CONTEXT
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

import json
import pathlib


def contents(file):
    if isinstance(file, str):
        return file.encode()
    return file["text"].encode(file["encoding"])


def laid_out(base, files):
    base.mkdir()
    for path, file in files.items():
        place = base / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(contents(file))


def found_in(folder):
    """Every file below a folder by path; what is no plain file has no contents."""
    found = {}
    if folder.is_symlink() or not folder.is_dir():
        return None
    for parent, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            place = pathlib.Path(parent, name)
            if place.is_dir() and not place.is_symlink():
                continue
            plain = place.is_file() and not place.is_symlink() and place.stat().st_size <= 1 << 20
            found[str(place.relative_to(folder))] = place.read_bytes() if plain else None
        if len(found) > 1000:
            return None
    return found


def right(case, context, base):
    laid_out(base, case["before"])
    argv = [word.replace("{work}", os.getcwd()) for word in context["command"]]
    for _ in range(context.get("runs", 1)):
        answer = run(argv, str(base))
        if answer is None or answer[0] != 0:
            return False
    return found_in(base / context["folder"]) == {path: contents(file) for path, file in case["after"].items()}


def main():
    protect()
    with open(3, "rb") as given:
        context = json.loads(given.read())
    good = 0
    with tempfile.TemporaryDirectory(prefix="files-", ignore_cleanup_errors=True) as folder:
        for number, case in enumerate(context["cases"]):
            try:
                ok = right(case, context, pathlib.Path(folder, str(number)))
            except OSError:
                ok = False
            print("ok    " if ok else "FAILED", case["name"])
            good += ok
    print(f"score={good / len(context['cases']):.6f}")


main()
JUDGE
