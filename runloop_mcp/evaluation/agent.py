"""An agent: a command of the user's on this machine, given a run to work on, a time limit and a folder of its own."""

import json
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import anyio
from anyio import to_thread
from anyio.abc import Process

from runloop_mcp.api.models.run import ScenarioRunView
from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.evaluation.results import AgentEnd

GRACE_SECONDS = 5.0
"""How long an agent may take to end once it is asked to."""
_SUPERVISOR_SECONDS = 15.0
"""How long its supervisor may take beyond that to end what the agent has left."""
_OURS = "RUNLOOP_"
"""Variables that begin so are settings, keys and secrets of the person who evaluates: an agent gets its own alone."""

_PROMPT = """\
Solve this coding scenario with the tools of the MCP server `runloop`. Your run is {run_id}; it has been started, and \
its devbox is ready.

1. Work in the devbox only: exec_on_devbox(run_id="{run_id}", command="…") runs commands, read_file, write_file and \
edit_file handle files. Files and programs of this machine are not part of the scenario.
2. Prove your solution there: run what tests there are, and write your own for what the problem asks.
3. When you are sure, call score_run(run_id="{run_id}"): a run is scored once, and its score is final.

{problem}
"""


@dataclass(frozen=True, slots=True)
class Task:
    """What an agent is given."""

    run: ScenarioRunView
    scenario: ScenarioView
    problem: str
    """The problem statement, as a solver sees it."""
    attempt: int
    server: Sequence[str]
    """The command that serves the run's tools over stdio."""
    timeout_seconds: float
    model: str | None = None


async def run_agent(command: str, task: Task, logs: Path) -> AgentEnd:
    """Runs an agent to its end, or until its time is over, and ends whatever it has started; also when cancelled.

    Args:
        command: For the shell. It finds the problem, and how to reach its run, in its environment.
        task: What it is to do.
        logs: Where `stdout.txt` and `stderr.txt` are kept.
    """
    async with _given(task, logs) as given:
        began = time.monotonic()
        process = await _started(command, task, given, logs)
        try:
            with anyio.move_on_after(task.timeout_seconds) as limit:
                await process.wait()
        finally:
            with anyio.CancelScope(shield=True):
                await _end(process)
    return AgentEnd(
        run_id=task.run.id,
        seconds=round(time.monotonic() - began, 3),
        exit_status=None if limit.cancelled_caught else process.returncode,
        timed_out=limit.cancelled_caught,
    )


async def _started(command: str, task: Task, given: Path, logs: Path) -> Process:
    with (
        (given / "prompt.md").open("rb") as prompt,
        (logs / "stdout.txt").open("wb") as stdout,
        (logs / "stderr.txt").open("wb") as stderr,
    ):
        return await anyio.open_process(
            [*_supervised(given), "/bin/sh", "-c", command],
            stdin=prompt,
            stdout=stdout,
            stderr=stderr,
            cwd=given / "work",
            env=_environment(task, given),
            start_new_session=True,
        )


def _supervised(given: Path) -> list[str]:
    found = find_spec("runloop_mcp.evaluation.agent_supervisor")
    assert found is not None  # noqa: S101 - it lies beside this module
    assert found.origin is not None  # noqa: S101 - likewise
    return [sys.executable, "-I", "-S", found.origin, str(os.getpid()), f"{GRACE_SECONDS:g}", str(given)]


async def _end(process: Process) -> None:
    """Has the supervisor end the agent and everything that it started."""
    if process.returncode is not None:
        return
    process.terminate()
    with anyio.move_on_after(GRACE_SECONDS + _SUPERVISOR_SECONDS):
        await process.wait()
        return
    process.kill()
    await process.wait()


@asynccontextmanager
async def _given(task: Task, logs: Path) -> AsyncIterator[Path]:
    """A folder with what the agent is given, and an empty one in it to work in; deleted with all that it left there."""
    folder = await to_thread.run_sync(_lay_out, task, logs)
    try:
        yield folder
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(partial(shutil.rmtree, folder, ignore_errors=True))


def _lay_out(task: Task, logs: Path) -> Path:
    logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = Path(tempfile.mkdtemp(prefix="runloop-eval-"))
    prompt = _PROMPT.format(run_id=task.run.id, problem=task.problem)
    (folder / "work").mkdir()
    (folder / "problem.md").write_text(task.problem + "\n", encoding="utf-8")
    (folder / "prompt.md").write_text(prompt, encoding="utf-8")
    (folder / "mcp.json").write_text(json.dumps(mcp_configuration(task.server), indent=2) + "\n", encoding="utf-8")
    return folder


def mcp_configuration(server: Sequence[str]) -> dict[str, object]:
    """An `mcp.json` with one server."""
    program, *arguments = server
    # Where Python is told to find us in another place than it would look, the server needs to be told, too: clients
    # give servers a bare environment.
    environment = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    entry = {"type": "stdio", "command": program, "args": arguments, "env": environment}
    return {"mcpServers": {"runloop": entry}}


def _environment(task: Task, given: Path) -> Mapping[str, str]:
    """The user's environment, as an agent needs its account and its programs, with what is the run's."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    own = {
        "RUNLOOP_RUN_ID": task.run.id,
        "RUNLOOP_SCENARIO": task.scenario.name,
        "RUNLOOP_SCENARIO_ID": task.scenario.id,
        "RUNLOOP_ATTEMPT": str(task.attempt),
        "RUNLOOP_PROBLEM_FILE": str(given / "problem.md"),
        "RUNLOOP_PROMPT_FILE": str(given / "prompt.md"),
        "RUNLOOP_MCP_CONFIG": str(given / "mcp.json"),
        "RUNLOOP_TIMEOUT_SECONDS": str(math.floor(task.timeout_seconds)),
    }
    if task.model is not None:
        own["RUNLOOP_MODEL"] = task.model
    return {**inherited, **own}
