"""A little agent, as `eval` runs them: it reads where its run is served, and writes the answer there.

Usage: little_agent.py (solve | fail | sleep | cancel) [COMMAND…]

The one that fails leaves a process behind. The command stands for the interpreter that is to start the server.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from mcp_agent_over_stdio import session_with


def solve(interpreter: list[str], *tools: str) -> None:
    """Writes the answer, and calls these tools with the run's id."""
    run_id = os.environ["RUNLOOP_RUN_ID"]
    (server,) = json.loads(Path(os.environ["RUNLOOP_MCP_CONFIG"]).read_text())["mcpServers"].values()
    with session_with(
        [*(interpreter or [server["command"]]), *server["args"]], env={**os.environ, **server["env"]}
    ) as session:
        session.call("write_file", run_id=run_id, path="answer.txt", content="42\n")
        for tool in tools:
            session.call(tool, run_id=run_id)


def main() -> int:
    """Does what it is asked to."""
    how, *interpreter = sys.argv[1:]
    prompt, problem = sys.stdin.read(), Path(os.environ["RUNLOOP_PROBLEM_FILE"]).read_text()
    assert problem in prompt
    assert os.environ["RUNLOOP_RUN_ID"] in prompt
    assert list(Path.cwd().iterdir()) == []
    assert "RUNLOOP_API_KEY" not in os.environ
    if how == "sleep":
        time.sleep(600)
    if how == "fail":
        subprocess.Popen(["setsid", "sleep", "4242.5"])
    if how in {"solve", "cancel"}:
        solve(interpreter, *(["cancel_run"] if how == "cancel" else []))
    print(f"{how}: {os.environ.get('RUNLOOP_MODEL')}, attempt {os.environ['RUNLOOP_ATTEMPT']}")  # noqa: T201 - its output
    return 3 if how == "fail" else 0


if __name__ == "__main__":
    sys.exit(main())
