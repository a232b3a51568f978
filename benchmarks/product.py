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


def product(state: Path, pack: Path) -> list[str]:
    """The command that serves the product over stdio."""
    serve = ["-m", "runloop_mcp", "serve", "--state-dir", str(state), "--scenarios", str(pack)]
    return [sys.executable, *serve]


def make_pack(folder: Path) -> Path:
    """A pack with one scenario that needs no solving."""
    (folder / "pack" / "bench").mkdir(parents=True)
    (folder / "pack" / "bench" / "scenario.yaml").write_text(_SCENARIO)
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


def start_run(peer: StdioPeer) -> str:
    """Starts a run of the pack's scenario; gives its id once its devbox is ready."""
    listed = call(peer, "list_scenarios", query="bench")["structuredContent"]
    scenario = next(item for item in listed["scenarios"] if item["name"] == "bench")
    text = text_of(call(peer, "start_run", scenario_id=scenario["scenario_id"]))
    return next(word.strip("`.,") for word in text.split() if word.strip("`.,").startswith("scr_"))
