"""The product as the benchmarks drive it: a server over stdio, a pack, runs."""

import sys
from pathlib import Path
from typing import Any

from transport_floor import StdioPeer

_SCENARIO = """\
format: 1
name: bench
input_context: {problem_statement: Do nothing.}
scoring_contract:
  scoring_function_parameters:
    - {name: nothing, weight: 1, scorer: {type: command_scorer, command: 'true'}}
"""

SEVERAL = "bench-several"
"""A scenario whose contract has several functions, each of which takes a moment."""
SEVERAL_MS = 150.0
"""How long they sleep in all."""
_SEVERAL = """\
format: 1
name: bench-several
input_context: {problem_statement: Do nothing.}
scoring_contract:
  scoring_function_parameters:
    - {name: one, weight: 0.3, scorer: {type: command_scorer, command: sleep 0.05}}
    - {name: two, weight: 0.3, scorer: {type: command_scorer, command: sleep 0.05}}
    - {name: three, weight: 0.4, scorer: {type: command_scorer, command: sleep 0.05}}
"""


def product(state: Path, pack: Path) -> list[str]:
    """The command that serves the product over stdio."""
    serve = ["-m", "runloop_mcp", "serve", "--state-dir", str(state), "--scenarios", str(pack)]
    return [sys.executable, *serve]


def make_pack(folder: Path) -> Path:
    """A pack of scenarios that need no solving."""
    for name, text in (("bench", _SCENARIO), (SEVERAL, _SEVERAL)):
        (folder / "pack" / name).mkdir(parents=True)
        (folder / "pack" / name / "scenario.yaml").write_text(text)
    return folder / "pack"


def text_of(result: dict[str, Any]) -> str:
    """What a tool answered, as text."""
    return "\n".join(block.get("text", "") for block in result["content"])


def call(peer: StdioPeer, tool: str, **arguments: object) -> dict[str, Any]:
    """Calls a tool.

    Raises:
        RuntimeError: It answered with an error.
    """
    result = peer.call_tool(tool, arguments)
    if result.get("isError"):
        raise RuntimeError(f"{tool}: {text_of(result)}")
    return result


def start_run(peer: StdioPeer, name: str = "bench") -> str:
    """Starts a run of one of the pack's scenarios; gives its id once its devbox is ready."""
    listed = call(peer, "list_scenarios", query="bench")["structuredContent"]
    scenario = next(item for item in listed["scenarios"] if item["name"] == name)
    text = text_of(call(peer, "start_run", scenario_id=scenario["scenario_id"]))
    return next(word.strip("`.,") for word in text.split() if word.strip("`.,").startswith("scr_"))
