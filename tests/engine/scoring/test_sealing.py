"""A run is scored by what it started with, or not at all; and no disk gets endless tries by breaking its scoring."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest
from empty_store import lay_out_store
from probed_driver import ProbedDriver

from runloop_mcp.api.errors import ApiError, InvalidState, NotFound
from runloop_mcp.api.models.devbox import DevboxStatus, ExecuteParams
from runloop_mcp.api.models.run import RunState, ScenarioRunView, StartRunParams
from runloop_mcp.api.models.scenario import InputContext, ScenarioCreateParams, ScenarioUpdateParams
from runloop_mcp.api.models.scoring import ScoringContract
from runloop_mcp.api.models.trust import RescoreParams
from runloop_mcp.engine.backend import EmbeddedEngine
from runloop_mcp.engine.settings import EngineSettings


@pytest.fixture
def own_state(tmp_path: Path, with_tools: Callable[[Path], Path]) -> Path:
    """A state directory with a store of its own."""
    return lay_out_store(with_tools(tmp_path))


def engine_on(state: Path, **settings: Any) -> EmbeddedEngine:
    """A server on a state directory."""
    return EmbeddedEngine(state, ProbedDriver(state), settings=EngineSettings(**settings))


def passes(command: str = "true") -> ScoringContract:
    """A contract of one command."""
    function = {"name": "passes", "weight": 1, "scorer": {"type": "command_scorer", "command": command}}
    return ScoringContract.model_validate({"scoring_function_parameters": [function]})


async def started(engine: EmbeddedEngine, command: str = "true", **metadata: str) -> ScenarioRunView:
    """A run whose devbox has booted."""
    scenario = await engine.scenarios.create(
        ScenarioCreateParams(
            name="sealed",
            input_context=InputContext(problem_statement="Nothing to do."),
            scoring_contract=passes(command),
            reference_output="true",
            metadata=metadata,
        )
    )
    run = await engine.scenarios.start_run(StartRunParams(scenario_id=scenario.id))
    await engine.devboxes.wait(run.devbox_id, until={DevboxStatus.RUNNING}, wait_seconds=20)
    return await engine.runs.retrieve(run.id)


def notes_of(run: ScenarioRunView) -> str:
    """What is noted of the run."""
    assert run.x_runloop_mcp is not None
    return "\n".join(run.x_runloop_mcp.notes)


async def test_a_changed_scenario_changes_no_run_that_has_started(own_state: Path) -> None:
    """It is scored by the contract of its start, whose hash it shows; a run that starts later shows another."""
    async with engine_on(own_state) as engine:
        run = await started(engine)
        await engine.scenarios.update(run.scenario_id, ScenarioUpdateParams(scoring_contract=passes("false")))
        scored = await engine.runs.score(run.id)
        later = await engine.scenarios.start_run(StartRunParams(scenario_id=run.scenario_id))
        sealed = [each.x_runloop_mcp and each.x_runloop_mcp.sealed for each in (run, scored, later)]
    assert (scored.state, scored.score) == (RunState.SCORED, 1.0)
    before, after, other = sealed
    assert before
    assert other
    assert before == after
    assert (before.contract != other.contract, before.reference == other.reference) == (True, True)


@pytest.mark.parametrize("part", ["contract", "reference", "environment"])
async def test_what_is_not_as_it_was_at_the_start_is_not_scored_by(own_state: Path, part: str) -> None:
    """The run goes on, and says what was changed; neither is it scored by that later."""
    async with engine_on(own_state) as engine:
        run = await started(engine)
        with closing(sqlite3.connect(own_state / "store.db")) as connection, connection:
            connection.execute("UPDATE runs SET data = json_set(data, ?, 'another')", (f"$.sealed.{part}",))
        refused = await engine.runs.score(run.id)
        assert (refused.state, refused.score) == (RunState.RUNNING, None)
        assert f"refused: The {part} of the scenario is not what it was when the run started" in notes_of(refused)
        sealed = run.x_runloop_mcp and run.x_runloop_mcp.sealed
        assert sealed
        assert getattr(sealed, part) not in notes_of(refused)
        with closing(sqlite3.connect(own_state / "store.db")) as connection, connection:
            connection.execute("UPDATE runs SET data = json_set(data, '$.sealed', null)")
            ((view,),) = connection.execute("SELECT view FROM scenario_versions").fetchall()
            view = json.dumps(json.loads(view) | {"name": "other"})
            connection.execute("UPDATE scenario_versions SET view = ?", (view,))
        refused = await engine.runs.score(run.id)
        assert refused.state == RunState.RUNNING
        assert "it was changed in the store" in notes_of(refused)
        with pytest.raises(InvalidState, match="it was changed in the store"):
            await engine.scenarios.start_run(StartRunParams(scenario_id=run.scenario_id))


DEEP = "d=$(printf %250s | tr ' ' d); for _ in {1..16}; do mkdir $d; cd $d; done"


@pytest.mark.parametrize("mode", ["clean", "live"])
async def test_a_disk_that_keeps_itself_from_being_scored_is_scored_zero_in_the_end(own_state: Path, mode: str) -> None:
    """Twice the run is given back with the reason; the third time all functions end in error, and that is final."""
    async with engine_on(own_state) as engine:
        run = await started(engine, scoring=mode)
        await engine.devboxes.execute(run.devbox_id, ExecuteParams(command=DEEP))
        for _ in range(2):
            again = await engine.runs.score(run.id)
            assert (again.state, again.score) == (RunState.RUNNING, None)
            assert "too deep, too big or too slow" in notes_of(again)
        final = await engine.runs.score(run.id)
        assert (final.state, final.score) == (RunState.SCORED, 0.0)
        result = final.scoring_contract_result
        assert result is not None
        assert result.x_complete is False
        (function,) = result.scoring_function_results
        assert "too deep, too big or too slow" in function.output


async def test_a_disk_that_is_no_longer_kept_is_not_scored_again(own_state: Path) -> None:
    """The error names for how long disks are kept, and how to keep them for longer; the score stays."""
    async with engine_on(own_state, retention_days=0) as engine:
        run = await started(engine)
        await engine.runs.score(run.id)
        await engine.runs.complete(run.id)
        await engine.collect()
        with pytest.raises(NotFound, match=r"no longer kept.*0 days.*10 GB.*RUNLOOP_MCP_RETENTION_DAYS"):
            await engine.runs.rescore(run.id, RescoreParams())
        assert (await engine.runs.retrieve(run.id)).score == 1.0


async def test_two_rescorings_of_a_run_at_once_are_refused(own_state: Path) -> None:
    """By two servers: the second is told, and the first is not disturbed."""
    async with engine_on(own_state) as first, engine_on(own_state) as second:
        run = await started(first, "sleep 0.3")
        await first.runs.score(run.id)
        results: list[object] = []

        async def rescore(engine: EmbeddedEngine) -> None:
            try:
                results.append((await engine.runs.rescore(run.id, RescoreParams())).result.score)
            except ApiError as error:
                results.append(error.code)

        async with anyio.create_task_group() as group:
            group.start_soon(rescore, first)
            group.start_soon(rescore, second)
        assert results == ["conflict", 1.0]
