"""The limit on devboxes at once: who comes when none is free waits, in turn, and loses nothing by it."""

import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import anyio
import pytest
from forked_python import ForkedProcess
from lent_tools import LentTools
from probed_driver import ProbedDriver

from runloop_mcp.api.errors import Conflict
from runloop_mcp.api.models.devbox import DevboxStatus, ExecuteParams, QueuePlace
from runloop_mcp.api.models.run import RunListParams, RunState, ScenarioRunView, StartRunParams
from runloop_mcp.api.models.scenario import (
    InputContext,
    LaunchParameters,
    ScenarioCreateParams,
    ScenarioEnvironment,
)
from runloop_mcp.api.models.scoring import ScoringContract
from runloop_mcp.devbox.port import Devbox, DevboxSpec
from runloop_mcp.engine.backend import EmbeddedEngine
from runloop_mcp.engine.devboxes import usable
from runloop_mcp.engine.settings import EngineSettings

_KEEP_ALIVE = 600


@pytest.fixture(scope="module")
def sandbox(lent_tools: LentTools) -> Iterator[Path]:
    """A folder for devboxes."""
    with lent_tools.folder() as folder:
        yield folder


class _Driver(ProbedDriver):
    """Remembers which devboxes were up together, whenever one more had come up."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.together: list[set[str]] = []
        self._made: list[Devbox] = []

    async def create(self, devbox_id: str, spec: DevboxSpec) -> Devbox:
        box = await super().create(devbox_id, spec)
        self._made = [each for each in [*self._made, box] if each.alive]
        self.together.append({each.id for each in self._made})
        return box


def _engine(state: Path, sandbox: Path | ProbedDriver, limit: int) -> EmbeddedEngine:
    driver = ProbedDriver(sandbox) if isinstance(sandbox, Path) else sandbox
    return EmbeddedEngine(state, driver, settings=EngineSettings(max_devboxes=limit))


async def _scenario(engine: EmbeddedEngine) -> str:
    function = {"name": "greets", "weight": 1, "scorer": {"type": "command_scorer", "command": "test -f greeting"}}
    scenario = await engine.scenarios.create(
        ScenarioCreateParams(
            name="greeting",
            input_context=InputContext(problem_statement="Make the file greeting."),
            scoring_contract=ScoringContract.model_validate({"scoring_function_parameters": [function]}),
            environment_parameters=ScenarioEnvironment(
                launch_parameters=LaunchParameters(keep_alive_time_seconds=_KEEP_ALIVE)
            ),
        )
    )
    return scenario.id


async def _start(engine: EmbeddedEngine, scenario_id: str) -> ScenarioRunView:
    return await engine.scenarios.start_run(StartRunParams(scenario_id=scenario_id))


async def _place(engine: EmbeddedEngine, run: ScenarioRunView) -> QueuePlace | None:
    details = (await engine.devboxes.retrieve(run.devbox_id)).x_runloop_mcp
    of_run = (await engine.runs.retrieve(run.id)).x_runloop_mcp
    assert details is not None
    assert of_run is not None
    assert details.queue == of_run.queue
    return details.queue


async def _status(engine: EmbeddedEngine, run: ScenarioRunView, *until: DevboxStatus) -> str:
    return (await engine.devboxes.wait(run.devbox_id, until=until, wait_seconds=20)).status


async def _solved(engine: EmbeddedEngine, run: ScenarioRunView) -> ScenarioRunView:
    while await _status(engine, run, DevboxStatus.RUNNING) == DevboxStatus.QUEUED:
        pass
    await engine.devboxes.execute(run.devbox_id, ExecuteParams(command="touch greeting"))
    await engine.runs.score(run.id)
    await engine.runs.wait(run.id, leaving={RunState.SCORING}, wait_seconds=60)
    return await engine.runs.complete(run.id)


async def test_those_who_wait_know_their_place_and_are_served_in_turn(tmp_path: Path, sandbox: Path) -> None:
    """A start beyond the limit answers at once with a run that is running, whose devbox is queued."""
    async with _engine(tmp_path, sandbox, 1) as engine:
        scenario = await _scenario(engine)
        first, second, third = [await _start(engine, scenario) for _ in range(3)]
        assert [run.state for run in (first, second, third)] == [RunState.RUNNING] * 3
        assert second.x_runloop_mcp is not None
        assert second.x_runloop_mcp.devbox_status == DevboxStatus.QUEUED
        assert await _place(engine, first) is None
        assert await _place(engine, second) == QueuePlace(place=1, length=2)
        assert await _place(engine, third) == QueuePlace(place=2, length=2)
        await _solved(engine, first)
        assert await _status(engine, second, DevboxStatus.RUNNING) == DevboxStatus.RUNNING
        assert await _place(engine, second) is None
        assert await _place(engine, third) == QueuePlace(place=1, length=1)


async def test_a_queued_run_that_is_canceled_leaves_the_queue(tmp_path: Path, sandbox: Path) -> None:
    """Whoever waited behind it moves up, and its place is never given to it."""
    async with _engine(tmp_path, sandbox, 1) as engine:
        scenario = await _scenario(engine)
        first, second, third = [await _start(engine, scenario) for _ in range(3)]
        canceled = await engine.runs.cancel(second.id)
        assert (canceled.state, canceled.duration_ms) == (RunState.CANCELED, None)
        assert (await engine.devboxes.retrieve(second.devbox_id)).status == DevboxStatus.SHUTDOWN
        assert await _place(engine, third) == QueuePlace(place=1, length=1)
        await engine.runs.cancel(first.id)
        assert await _status(engine, third, DevboxStatus.RUNNING) == DevboxStatus.RUNNING


async def test_the_time_of_a_run_begins_when_it_leaves_the_queue(tmp_path: Path, sandbox: Path) -> None:
    """While it waits it has all of its time left, and its expiry counts from the end of the wait."""

    def expiry(run: ScenarioRunView) -> int | None:
        with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
            found = connection.execute("SELECT expires_ms FROM runs WHERE id = ?", (run.id,)).fetchone()[0]
            return None if found is None else int(found)

    async with _engine(tmp_path, sandbox, 1) as engine:
        scenario = await _scenario(engine)
        first, second = [await _start(engine, scenario) for _ in range(2)]
        waiting = await engine.runs.retrieve(second.id)
        assert waiting.x_runloop_mcp is not None
        assert waiting.x_runloop_mcp.budget.time_left_seconds == _KEEP_ALIVE
        assert expiry(second) is None
        await engine.runs.cancel(first.id)
        await _status(engine, second, DevboxStatus.RUNNING)
        left_queue = next(
            transition["transition_time_ms"]
            for transition in (await engine.devboxes.retrieve(second.devbox_id)).state_transitions
            if transition["status"] == DevboxStatus.PROVISIONING
        )
        assert isinstance(left_queue, int)
        assert expiry(second) == left_queue + _KEEP_ALIVE * 1000


async def test_a_command_on_a_queued_devbox_waits_for_its_turn(tmp_path: Path, sandbox: Path) -> None:
    """It runs when the devbox has come up."""
    async with _engine(tmp_path, sandbox, 1) as engine:
        scenario = await _scenario(engine)
        first, second = [await _start(engine, scenario) for _ in range(2)]
        said: list[str | None] = []

        async def execute() -> None:
            said.append((await engine.devboxes.execute(second.devbox_id, ExecuteParams(command="echo here"))).stdout)

        async with anyio.create_task_group() as group:
            group.start_soon(execute)
            await engine.runs.cancel(first.id)
        assert said == ["here\n"]


@pytest.mark.proof
async def test_a_command_that_has_waited_long_is_told_the_place(
    tmp_path: Path, sandbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then nothing was done, and the same call can succeed later."""
    monkeypatch.setattr(usable, "_BOOT_SECONDS", 0.1)
    async with _engine(tmp_path, sandbox, 1) as engine:
        scenario = await _scenario(engine)
        await _start(engine, scenario)
        second = await _start(engine, scenario)
        with pytest.raises(Conflict, match=r"queued: place 1 of 1 in the queue") as refused:
            await engine.devboxes.execute(second.devbox_id, ExecuteParams(command="true"))
        assert refused.value.retryable


async def test_servers_on_one_state_share_the_limit_and_the_queue(tmp_path: Path, sandbox: Path) -> None:
    """What one server holds, another waits for; and it is told when its turn has come."""
    async with _engine(tmp_path, sandbox, 1) as first, _engine(tmp_path, sandbox, 1) as second:
        scenario = await _scenario(first)
        one, two = await _start(first, scenario), await _start(second, scenario)
        three = await _start(first, scenario)
        assert await _place(first, two) == await _place(second, two) == QueuePlace(place=1, length=2)
        await first.runs.cancel(one.id)
        assert await _status(second, two, DevboxStatus.RUNNING) == DevboxStatus.RUNNING
        await second.runs.cancel(two.id)
        assert await _status(first, three, DevboxStatus.RUNNING) == DevboxStatus.RUNNING


async def test_a_server_that_ends_makes_room_and_keeps_its_runs(tmp_path: Path, sandbox: Path) -> None:
    """Its devbox is down, so that others come up; taken up again, its run waits before those that came later."""
    async with _engine(tmp_path, sandbox, 1) as second:
        scenario = await _scenario(second)
        async with _engine(tmp_path, sandbox, 1) as first:
            one = await _start(first, scenario)
            await _status(first, one, DevboxStatus.RUNNING)
            await first.devboxes.execute(one.devbox_id, ExecuteParams(command="touch greeting"))
            two, three = [await _start(second, scenario) for _ in range(2)]
        assert await _status(second, two, DevboxStatus.RUNNING) == DevboxStatus.RUNNING
        async with anyio.create_task_group() as group:
            group.start_soon(_expect_score, second, one)
            while await _place(second, one) is None:  # noqa: ASYNC110 - the place is what there is to see
                await anyio.sleep(0.01)
            assert await _place(second, three) == QueuePlace(place=2, length=2)
            await second.runs.cancel(two.id)


async def _expect_score(engine: EmbeddedEngine, run: ScenarioRunView) -> None:
    assert (await engine.runs.score(run.id)).score == 1.0


_VICTIM = """
import sys, anyio
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_queue import _engine, _start, _status
from runloop_mcp.api.models.devbox import DevboxStatus

async def main():
    async with _engine(Path(sys.argv[1]), Path(sys.argv[4]), 2) as engine:
        runs = [await _start(engine, sys.argv[3]) for _ in range(4)]
        await _status(engine, runs[1], DevboxStatus.RUNNING)
        print("up", flush=True)
        await anyio.sleep(60)

anyio.run(main)
"""


async def test_places_and_queue_of_a_killed_server_go_on(tmp_path: Path, sandbox: Path) -> None:
    """After `kill -9` its places are free, and another server boots what it had queued."""
    async with _engine(tmp_path, sandbox, 2) as engine:
        scenario = await _scenario(engine)
        arguments = [str(tmp_path), str(Path(__file__).parent), scenario, str(sandbox)]
        victim = ForkedProcess(["-c", _VICTIM, *arguments], stdout=subprocess.PIPE)
        assert victim.stdout is not None
        assert victim.stdout.readline() == b"up\n"
        mine = await _start(engine, scenario)
        assert await _place(engine, mine) == QueuePlace(place=3, length=3)
        victim.kill()
        victim.wait()
        victim.stdout.close()
    async with _engine(tmp_path, sandbox, 2) as engine:
        runs = (await engine.runs.list(RunListParams())).items
        assert len(runs) == 5
        async with anyio.create_task_group() as group:
            for run in runs[:3]:  # newest first: those that were queued
                group.start_soon(_solved, engine, run)
        states = [run.state for run in (await engine.runs.list(RunListParams())).items]
        assert states == [RunState.COMPLETED] * 3 + [RunState.RUNNING] * 2


@pytest.mark.timeout(600)
async def test_many_runs_behind_the_limit_are_all_scored(tmp_path: Path, sandbox: Path, full_size: bool) -> None:
    """All start at once, never more are up than may be, they are served in turn, and every one gets its score."""
    limit, many = (20, 200) if full_size else (2, 6)
    driver = _Driver(sandbox)
    async with _engine(tmp_path, driver, limit) as engine:
        scenario = await _scenario(engine)
        runs = [await _start(engine, scenario) for _ in range(many)]
        async with anyio.create_task_group() as group:
            for run in runs:
                group.start_soon(_solved, engine, run)
        done = (await engine.runs.list(RunListParams(limit=many))).items
        assert [(run.state, run.score) for run in done] == [(RunState.COMPLETED, 1.0)] * many
        devboxes = [await engine.devboxes.retrieve(run.devbox_id) for run in runs]
    ids = {run.devbox_id for run in runs}
    assert max(len(up & ids) for up in driver.together) == limit
    begun = [
        transition["transition_time_ms"]
        for devbox in devboxes
        for transition in devbox.state_transitions
        if transition["status"] == DevboxStatus.PROVISIONING
    ]
    assert begun == sorted(begun, key=int.__index__)  # type: ignore[arg-type]  # times are integers on the wire


@pytest.mark.proof
@pytest.mark.timeout(600)
async def test_fifty_runs_at_once(tmp_path: Path, sandbox: Path) -> None:
    """Fifty devboxes are up together, and every run is scored and completed."""
    driver = _Driver(sandbox)
    async with _engine(tmp_path, driver, 50) as engine:
        scenario = await _scenario(engine)
        runs = [await _start(engine, scenario) for _ in range(50)]
        for run in runs:
            assert await _status(engine, run, DevboxStatus.RUNNING) == DevboxStatus.RUNNING
        async with anyio.create_task_group() as group:
            for run in runs:
                group.start_soon(_solved, engine, run)
        done = (await engine.runs.list(RunListParams(limit=50))).items
        assert [(run.state, run.score) for run in done] == [(RunState.COMPLETED, 1.0)] * 50
    assert max(len(up & {run.devbox_id for run in runs}) for up in driver.together) == 50
