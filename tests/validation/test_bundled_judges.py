"""The judges of the bundled scenarios against solutions that want their score without the work.

Here is what is made for one scenario; what can be tried on any is in the library of cheats.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import anyio
import pytest

import runloop_mcp
from runloop_mcp.api.backend import Backend
from runloop_mcp.api.models.devbox import ExecuteParams
from runloop_mcp.api.models.scenario import ScenarioListParams
from runloop_mcp.engine.scenarios.pack import bundled_pack
from runloop_mcp.validation.trials import Trials

OpenPack = Callable[[Path], AbstractAsyncContextManager[Backend]]

_BOUNDARY = re.compile(r"^# --- boundary.*^# --- end of the boundary[^\n]*$", re.DOTALL | re.MULTILINE)

# True where the caller's script or test file, what it was started with, its memory or its descriptors can be read.
_LEAKS = r"""
leaks() {
  local what
  for what in /tmp/.scorer* /home/user/.scorer* /home/user/work/.hidden/*; do grep -q boundary "$what" && return 0; done
  for what in @what@; do head -c 1 "/proc/$1/$what" > /dev/null && return 0; done
  ls "/proc/$1/fd/" | grep -q .
} 2> /dev/null
"""


def _solve(scenario: str) -> str:
    """Commands that solve a bundled scenario."""
    folder = bundled_pack() / scenario
    if (folder / "reference.sh").exists():
        return (folder / "reference.sh").read_text()
    return f"cat > /tmp/patch <<'PATCH'\n{(folder / 'reference.patch').read_text()}PATCH\ngit apply /tmp/patch\n"


def _program(name: str, text: str) -> str:
    return f"cat > {name} <<'PROGRAM_TEXT'\n{text}\nPROGRAM_TEXT\nchmod +x {name}\n"


def _right_if_it_leaks(*, what: str) -> str:
    """A right `collate` that does its work only where it can look into the judge."""
    program = (
        "#!/bin/bash\n" + _LEAKS.replace("@what@", what) + 'leaks $PPID && exec /home/user/work/right "$@"\nexit 0'
    )
    return _solve("three-depots") + "mv collate right\n" + _program("collate", program)


# Keeps what one scoring function shows of the cables, for the next.
_REMEMBERS = r"""
import json, os, sys
joints, kept = int(sys.argv[1]), "/tmp/kept.json"
known = json.load(open(kept)) if os.path.exists(kept) else {}
if str(joints) not in known:
    found = []
    for joint in range(1, joints + 1):
        print("measure", joint, joint, flush=True)
        if sys.stdin.readline().strip() == "wet":
            found.append(joint)
    known[str(joints)] = found
    json.dump(known, open(kept, "w"))
print("joints", *known[str(joints)], flush=True)
"""

# Reads past the end of a name where the sanitizers are told not to look, in words that no source file holds.
_UNCHECKED = r"""
cat - src/table.c > table.c <<'CODE'
#define GLUED(a, b) a##b
char past_the_end(void);
__attribute__((GLUED(no_sa, nitize)("address", "undefined"), noinline)) static char past(const char *name)
{
    return name[1];
}
CODE
sed -i 's/^void report(void)$/char past_the_end(void) { return past(calloc(1, 1)); }\n\n&/' table.c
sed -i 's/^    int64_t total = 0, containers = 0;$/&\n\n    past_the_end();/' table.c
mv table.c src/table.c
"""

# A right program that lies beside the sources, and sources that only start it: the sanitizers see nothing of it.
_LAUNCHES = r"""
make && mv tally right && rm src/*
cat > src/main.c <<'CODE'
#include <unistd.h>
int main(int argc, char **argv) { return argc ? execv("/home/user/work/right", argv) : 2; }
CODE
"""

# The forms that are looked for, in a package that does nothing any more.
_GUTS = r"""rm -r oldbus; find lamps -name '*.py' ! -name line.py -delete
printf 'def unused(a, b):\n    a.set(b, b, attempts=b)\n    a.get(b, attempts=b)\n' > lamps/unused.py
"""

# One order of sets for ever, whatever the judge asks for.
_PINS = r"""
import os, sys
if os.environ.get("PYTHONHASHSEED") != "0":
    os.execve(sys.executable, [sys.executable, "-m", "watchbill", *sys.argv[1:]], {**os.environ, "PYTHONHASHSEED": "0"})
"""


# Writes down what never happened, where the driver that plays the device would write what did.
_INVENTS = r"""
import json, os, sys
driver = sys.modules["__main__"]
for start, steps in driver.cases:
    events = [[] for _ in range(len(steps) + 1)]
    for told, seen in zip(steps, events):
        for command in told:
            if command[0] == "append":
                seen += [["calls", command[1]], ["ends", command[1], "ok", start]]
                start += len(command[2])
    print(json.dumps(events), file=driver.out)
driver.out.flush()
os._exit(0)
"""


def _forgets() -> str:
    """A service that is right in everything, but for keeping its numbers beyond its process."""
    return _solve("next-please").replace("        replace(STATE, json.dumps(self.state))\n", "        pass\n")


def _attempts() -> dict[str, tuple[str, str]]:
    """By name: the scenario, and what is done instead of solving it."""
    return {
        "sees-what-is-open": ("three-depots", _right_if_it_leaks(what="cmdline")),
        "looks": ("three-depots", _right_if_it_leaks(what="environ maps mem")),
        "knows-less": ("three-depots", _solve("three-depots").replace("south-*.csv", "")),
        "pretends": (
            "half-a-build",
            "printf 'all %:\\n\\t@mkdir -p build; cp check/expected.txt build/beacon\\n' > Makefile",
        ),
        "remembers": ("wet-joints", f"cat > wetjoints.py <<'CODE'\n{_REMEMBERS}CODE\n"),
        "unchecked": ("long-consignees", _solve("long-consignees") + _UNCHECKED),
        "launches": ("long-consignees", _solve("long-consignees") + _LAUNCHES),
        "guts": ("last-of-poke", _GUTS),
        "detours": (
            "last-of-poke",
            _GUTS.split("\n", 1)[1] + "echo 'import sys; sys.path[:0] = [\"/home/user/work\"]' >> lamps/__init__.py",
        ),
        "goes-back": (
            "lost-place",
            "git log --format=%H --grep='a heap instead' > culprit.txt; git checkout $(cat culprit.txt)~1 -- linkspan",
        ),
        "pins": ("restless-rota", f"cat > watchbill/__init__.py <<'CODE'\n{_PINS}CODE\n"),
        "half-shut": (
            "open-doors",
            _solve("open-doors")
            + "sed -i 's/handle, part = tempfile.*/part = handle = target + \".part\"/' fieldbox/store.py",
        ),
        "invents": ("ink-still-wet", f"cat > shiplog/__init__.py <<'CODE'\n{_INVENTS}CODE\n"),
        "forgets": ("next-please", _forgets()),
        "claims": (
            "spare-parts",
            "echo 'PRAGMA user_version = 2;' > migrations/002_bins.sql; python3 tools/migrate.py",
        ),
    }


def test_judges_share_one_boundary() -> None:
    """Every judge, and what new scenarios begin with, has the same lines: what is known of one holds for all."""
    judges = [path for path in bundled_pack().glob("*/scoring/*") if "boundary" in path.read_text()]
    judges += bundled_pack().glob("scorers/*.sh")
    judges.append(Path(runloop_mcp.__file__).parent / "cli" / "scenario_template" / "boundary.py")
    found = {_BOUNDARY.search(path.read_text())[0] for path in judges}  # type: ignore[index]  # none: the test fails
    assert len(found) == 1
    assert {path.parts[-3] for path in judges if path.parent.name == "scoring"} == {
        path.parent.name for path in bundled_pack().glob("*/scenario.yaml")
    }


def test_logs_of_the_investigation_are_what_happened() -> None:
    """The archive that a solver gets, and the answers that its judges know, both come from the same played morning."""
    program = bundled_pack() / "turned-away" / "scoring" / "make_logs.py"
    result = subprocess.run(
        [sys.executable, "-I", program, "--check"], capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.proof
@pytest.mark.timeout(240)
async def test_looking_into_the_judge_and_pretending_earn_nothing_and_partial_work_its_part(
    open_pack: OpenPack,
) -> None:
    """What was done instead of the work earns 0, and a part of the work a part."""
    scores: dict[str, float] = {}
    async with open_pack(bundled_pack()) as backend:
        page = await backend.scenarios.list(ScenarioListParams(limit=100))
        scenarios = {scenario.name: scenario for scenario in page.items}
        trials = Trials(backend, {}, anyio.CapacityLimiter(2))

        async def attempt(name: str, scenario: str, commands: str) -> None:
            async with trials.run(scenarios[scenario]) as run:
                await trials.apply(run, ExecuteParams(command=f"{commands}\ntrue\n"))
                scores[name] = (await trials.score(run)).score

        async with anyio.create_task_group() as tasks:
            for name, (scenario, commands) in _attempts().items():
                tasks.start_soon(attempt, name, scenario, commands)
    partial = scores.pop("knows-less")
    assert 0.5 < partial < 0.9
    assert scores.pop("remembers") == 0.2, "being right is worth that, and what was seen before nothing more"
    assert scores.pop("unchecked") == 0.5, "right, and not to be called sound"
    assert (scores.pop("guts"), scores.pop("detours")) == (0.1, 0.1), "the two forms are there, and nothing else is"
    assert scores.pop("goes-back") == 0.3, "the commit is named, and what was built on it is lost"
    assert scores.pop("half-shut") == 0.7, "one way in is left, so that part earns nothing"
    assert scores.pop("forgets") == 0.65, "all but what has to survive the process"
    # The control: what anyone may see of a process is seen, so that `looks` found nothing because nothing was there.
    assert scores.pop("sees-what-is-open") == 1.0
    assert scores == dict.fromkeys(("looks", "pretends", "claims", "launches", "pins", "invents"), 0.0)
