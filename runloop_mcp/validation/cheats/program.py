"""Brings a program of `inside/` into a devbox: as one text on the standard input of the devbox's Python."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from runloop_mcp.api.models.devbox import ExecuteParams

_FOLDER = "runloop_mcp.validation.cheats.inside"
_TIMEOUT_SECONDS = 300
_MARK = "cheat said: "
_LOADER = """\
import json, sys, types
SOURCES, WHICH, SITUATION = json.loads({packed!r})
package = types.ModuleType("inside")
package.__path__ = []
sys.modules["inside"] = package
for name, source in SOURCES.items():
    module = types.ModuleType("inside." + name)
    module.__package__ = "inside"
    sys.modules[module.__name__] = module
    exec(compile(source, name + ".py", "exec"), module.__dict__)
toolkit = sys.modules["inside.toolkit"]
try:
    answer = {{"done": sys.modules["inside." + WHICH].cheat(SITUATION)}}
except toolkit.NotApplicable as error:
    answer = {{"missing": str(error)}}
print({mark!r} + json.dumps(answer), flush=True)
"""


def program(name: str, situation: dict[str, Any]) -> ExecuteParams:
    """The command that runs a program of `inside/`."""
    # In the order in which they need each other.
    needed = ["toolkit", *_NEEDED.get(name, ()), name]
    packed = json.dumps([{each: _source(each) for each in needed}, name, situation])
    return ExecuteParams(
        command="exec /usr/bin/python3 -I -",
        stdin=_LOADER.format(packed=packed, mark=_MARK),
        timeout_seconds=_TIMEOUT_SECONDS,
    )


def answer_of(stdout: str) -> dict[str, Any] | None:
    """What the program answered: `done` or `missing`; None where it did not come to its end."""
    said = [line for line in stdout.splitlines() if line.startswith(_MARK)]
    answer: dict[str, Any] | None = json.loads(said[-1].removeprefix(_MARK)) if said else None
    return answer


_NEEDED = {"swapped_inputs": ("early_exit",), "deleted_tests": ("edited_tests",), "search": ("parts",)}


@cache
def _source(name: str) -> str:
    return files(_FOLDER).joinpath(f"{name}.py").read_text(encoding="utf-8")
