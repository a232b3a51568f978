"""State directories with runs in them, and counting what lies in one."""

import os
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from probed_driver import ProbedDriver

from runloop_mcp.api.models.devbox import DevboxStatus, ExecuteParams, ExecutionView
from runloop_mcp.api.models.run import ScenarioRunView, StartRunParams
from runloop_mcp.api.models.scenario import (
    InputContext,
    LaunchParameters,
    ScenarioCreateParams,
    ScenarioEnvironment,
)
from runloop_mcp.api.models.scoring import ScoringContract
from runloop_mcp.engine.backend import EmbeddedEngine
from runloop_mcp.engine.settings import EngineSettings

LONG_OUTPUT = "head -c 200000 /dev/zero | tr '\\0' x"
_PARTS = ("devboxes", "layers", "lock", "removed", "snapshots", "tools", "trash")
_ALWAYS = {"gc.lock", "secrets.lock", "locks", "outputs", "sandbox", "servers", *(f"sandbox/{part}" for part in _PARTS)}


def engine_on(state: Path, *, days: float = 14, size: int = 10**10, **settings: object) -> EmbeddedEngine:
    """A server on a state directory, which keeps what is kept for a limited time for so long and so much."""
    chosen = EngineSettings(retention_days=days, retention_bytes=size, **settings)  # type: ignore[arg-type] # fields of many types
    return EmbeddedEngine(state, ProbedDriver(state), settings=chosen)


async def scenario(
    engine: EmbeddedEngine,
    *,
    launch_commands: Sequence[str] = ("touch ~/launched",),
    command: str = "test -f answer",
    keep_alive_seconds: int = 600,
) -> str:
    """A scenario that is solved by a file `answer`; gives its id."""
    function = {"name": "answered", "weight": 1, "scorer": {"type": "command_scorer", "command": command}}
    launch = LaunchParameters(launch_commands=list(launch_commands) or None, keep_alive_time_seconds=keep_alive_seconds)
    created = await engine.scenarios.create(
        ScenarioCreateParams(
            name="kept",
            input_context=InputContext(problem_statement="Make a file called answer."),
            scoring_contract=ScoringContract.model_validate({"scoring_function_parameters": [function]}),
            environment_parameters=ScenarioEnvironment(launch_parameters=launch),
        )
    )
    return created.id


async def started(engine: EmbeddedEngine, scenario_id: str) -> ScenarioRunView:
    """A run whose devbox has booted."""
    run = await engine.scenarios.start_run(StartRunParams(scenario_id=scenario_id), idempotency_key=os.urandom(8).hex())
    await engine.devboxes.wait(run.devbox_id, until={DevboxStatus.RUNNING}, wait_seconds=20)
    return run


async def executed(engine: EmbeddedEngine, run: ScenarioRunView, command: str) -> ExecutionView:
    """A command, seen through to its end."""
    params = ExecuteParams(command=command)
    return await engine.devboxes.execute(run.devbox_id, params, idempotency_key=os.urandom(8).hex())


async def lifecycle(engine: EmbeddedEngine, scenario_id: str, output: str = LONG_OUTPUT) -> ScenarioRunView:
    """A run from its start to its end, with short and long output."""
    run = await started(engine, scenario_id)
    await executed(engine, run, "echo short; touch answer")
    await executed(engine, run, output)
    await engine.runs.score(run.id)
    return await engine.runs.complete(run.id)


def left(state: Path) -> list[str]:
    """What lies in a state directory beside the store, the folders themselves and what every server needs."""
    found = []
    for folder, folders, files in os.walk(state):
        place = Path(folder).relative_to(state)
        if place.parts[:2] == ("sandbox", "tools"):
            continue
        folders[:] = [name for name in folders if not name.startswith("files-trial-")]
        found += [str(place / name) for name in [*folders, *files]]
    return sorted(name for name in found if name not in _ALWAYS and not name.startswith("store.db"))


def rows(state: Path) -> Counter[str]:
    """How many rows each table of the store has."""
    with closing(sqlite3.connect(state / "store.db")) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        counts = {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone() for name in tables}  # noqa: S608 - our own names
        return Counter({name: count for name, (count,) in counts.items()})
