"""Code of the solver's that a scorer runs can neither read the scorer's script nor write its score."""

from pathlib import Path
from typing import Any

import pytest
from scoring_cases import command, only, script, solver

HIDDEN = "expected-7193"

LOOK = f"""
import os, re, sys

needle = {HIDDEN[:4]!r}.encode() + {HIDDEN[4:]!r}.encode()

def contents(path, limit=1 << 24):
    try:
        with open(path, "rb") as file:
            return file.read(limit)
    except OSError:
        return b""

def memory(pid):
    for line in contents(f"/proc/{{pid}}/maps").decode(errors="replace").splitlines():
        first, last = (int(part, 16) for part in line.split()[0].split("-"))
        try:
            with open(f"/proc/{{pid}}/mem", "rb", buffering=0) as file:
                file.seek(first)
                yield file.read(last - first)
        except (OSError, OverflowError, ValueError):
            continue

found = []
for top in ("/tmp", "/home", "/run", "/dev/shm"):
    for folder, _, names in os.walk(top):
        found += [name for name in names if needle in contents(os.path.join(folder, name))]
pid = os.getppid()
while pid > 1:
    for name in ("cmdline", "environ"):
        found += [name] if needle in contents(f"/proc/{{pid}}/{{name}}") else []
    for number in range(3, 64):
        found += [f"fd {{number}}"] if needle in contents(f"/proc/{{pid}}/fd/{{number}}", 1 << 16) else []
    found += ["memory"] if any(needle in part for part in memory(pid)) else []
    pid = int(contents(f"/proc/{{pid}}/stat").rpartition(b")")[2].split()[1])
print("found", *found) if found else print("nothing")
"""
"""Looks wherever the script of an ancestor could be read."""

FORGE = """
import os, subprocess, sys

pid = os.getppid()
while pid > 1:
    for number in range(3, 32):
        for name in (number, 1):
            try:
                with open(f"/proc/{pid}/fd/{name}", "wb", buffering=0) as file:
                    file.write(b"score=1\\n")
            except OSError:
                continue
    with open(f"/proc/{pid}/stat", "rb") as file:
        pid = int(file.read().rpartition(b")")[2].split()[1])
for number in range(256):
    try:
        os.write(number, b"score=1\\n")
    except OSError:
        continue
later = "while :; do echo score=1; done"
subprocess.Popen(["sh", "-c", later], start_new_session=True, stdin=subprocess.DEVNULL)
"""
"""Writes a score to everything that it can reach, and goes on writing."""


def python_script(text: str) -> dict[str, Any]:
    """A Python scorer that prints its score."""
    return {"type": "python_script_scorer", "python_script": text}


RUNS_IT = f"""
expected = "{HIDDEN}"
import subprocess
answer = subprocess.run(["/usr/bin/python3", "answer.py"], {{how}})
print("score=0")
"""

READERS = {
    "bash": script(f"expected={HIDDEN}\n/usr/bin/python3 answer.py\necho score=0 # {HIDDEN}"),
    "command": command(f"expected={HIDDEN}\n/usr/bin/python3 answer.py\n# {HIDDEN}"),
    "python": python_script(RUNS_IT.format(how="check=True")),
}


async def test_what_a_scorer_runs_cannot_read_its_script(state: Path, subtests: pytest.Subtests) -> None:
    """Neither in a file, nor in the arguments, variables, descriptors and memory of the processes that run it."""
    async with solver(state) as box:
        await box.devbox.write_file("answer.py", LOOK.encode())
        results = await box.score(*READERS.values())
        for kind, result in zip(READERS, results.scoring_function_results, strict=True):
            with subtests.test(kind=kind):
                assert result.output.splitlines()[0] == "nothing"
        # One that is run as anybody would run it is found, in each of these places.
        careless = f"echo 'python3 answer.py; : {HIDDEN}' > /tmp/careless.sh; bash /tmp/careless.sh; : {HIDDEN}"
        seen = await box.does(careless)
        assert {"careless.sh", "cmdline", "memory"} <= set(seen.split())


FORGED = {
    "bash": script("/usr/bin/python3 answer.py > answer.txt 2>&1 < /dev/null\necho score=0"),
    "bash_captured": script("answer=$(timeout 2 /usr/bin/python3 answer.py < /dev/null | head -1)\necho score=0"),
    "python": python_script(RUNS_IT.format(how="check=True")),
    "python_captured": python_script(RUNS_IT.format(how="stdout=subprocess.DEVNULL, check=True")),
}


async def test_what_a_scorer_runs_cannot_write_its_score(state: Path, subtests: pytest.Subtests) -> None:
    """A Python scorer's children have another standard output; a bash scorer's can be given one, and reach no other."""
    async with solver(state) as box:
        await box.devbox.write_file("answer.py", FORGE.encode())
        results = await box.score(*FORGED.values())
    for kind, result in zip(FORGED, results.scoring_function_results, strict=True):
        with subtests.test(kind=kind):
            assert (result.score, result.state) == (0.0, "complete"), result.output


async def test_a_python_script_has_what_scripts_are_used_to(state: Path) -> None:
    """A name, a file of its own that can be deleted, line numbers when it fails, and nothing to read."""
    text = """
import dataclasses, os, sys
assert __name__ == "__main__" and sys.modules["__main__"].__file__ == __file__ == sys.argv[0], sys.argv
assert sys.stdin.read() == ""
os.unlink(__file__)
@dataclasses.dataclass
class Part:
    name: "str" = "ä"
print(Part().name)
print("score=0.5")
def fails():
    raise RuntimeError("as planned")
fails()
"""
    async with solver(state) as box:
        result = only(await box.score(python_script(text)))
    assert (result.score, result.state) == (0.5, "complete"), result.output
    assert "ä\n" in result.output
    assert "line 12, in fails\nRuntimeError: as planned" in result.output


async def test_a_bash_script_has_what_scripts_are_used_to(state: Path) -> None:
    """A file of its own that can be deleted, options that it sets, its exit status, an empty input."""
    text = """
set -euo pipefail
rm "$0"
! read -r line
trap 'echo "score=0.5"' EXIT
parts=(a b)
cat <<'END'
${parts[1]}
END
false
echo never
"""
    async with solver(state) as box:
        result = only(await box.score(script(text)))
        assert (result.score, result.output) == (0.5, "${parts[1]}\nscore=0.5\n")
        ended = [only(await box.score(command(text))).score for text in ("exec true", "exit 7", "true; false")]
    assert ended == [1.0, 0.0, 0.0]
