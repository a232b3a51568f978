"""What these programs share: a solver's way from list to score, call by call, and how they come to the server.

They run in environments of their own, with nothing of ours. MCP_URL and MCP_KEY, or MCP_COMMAND, tell where it is.
"""

import json
import os
import re
import sys
from collections.abc import Sequence
from typing import Any

TASK = "Solve the scenario right-answer."
SERVED = {"url": os.environ.get("MCP_URL", ""), "key": os.environ.get("MCP_KEY", "")}
COMMAND: list[str] = json.loads(os.environ.get("MCP_COMMAND", "[]"))


def headers() -> dict[str, str]:
    """What clients over HTTP send along."""
    return {"Authorization": f"Bearer {SERVED['key']}"}


def next_call(said: Sequence[str]) -> tuple[str, dict[str, Any]] | None:
    """What a model would call next, by what the tools have said so far; None when it is done."""
    begin: list[tuple[str, dict[str, Any]]] = [("list_scenarios", {"query": "right-answer"})]
    if len(said) >= 1:
        begin.append(("start_run", {"scenario_id": _found(r"scn_\w+", said[0])}))
    if len(said) >= 2:
        run = {"run_id": _found(r"scr_\w+", said[1])}
        begin += [
            ("exec_on_devbox", {**run, "command": "ls; echo ünder way >&2; exit 3"}),
            ("write_file", {**run, "path": "answer.txt", "content": "42\n"}),
            ("read_file", {**run, "path": "answer.txt"}),
            ("edit_file", {**run, "path": "no-such-file", "old_string": "a", "new_string": "b"}),
            ("score_run", run),
            ("get_score", run),
            ("complete_run", run),
        ]
    return begin[len(said)] if len(said) < len(begin) else None


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match, f"{pattern} is not in: {text}"
    return match[0]


def tell(**facts: Any) -> None:
    """Tells the test what came out."""
    sys.stdout.write(json.dumps(facts) + "\n")
