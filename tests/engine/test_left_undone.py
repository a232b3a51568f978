"""What was begun is brought to its end: callers go away, servers die, and what they were at is not left half done."""

import gc
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import anyio
import pytest
from probed_driver import ProbedDriver

from runloop_mcp.api.errors import InvalidRequest, NotFound
from runloop_mcp.api.models.devbox import DevboxStatus, ExecuteParams
from runloop_mcp.api.models.run import RunListParams, RunProfile, RunState, ScenarioRunView, StartRunParams
from runloop_mcp.api.models.scenario import (
    InputContext,
    LaunchParameters,
    ScenarioCreateParams,
    ScenarioEnvironment,
)
from runloop_mcp.api.models.scoring import ScoringContract
from runloop_mcp.engine.backend import EmbeddedEngine
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.runs.states import Move
from runloop_mcp.engine.store import runs

_VALUE = "s3cr3t-value"


def _driver(state: Path) -> ProbedDriver:
    return ProbedDriver(state / "sandbox")


def _engine(state: Path, driver: ProbedDriver | None = None) -> EmbeddedEngine:
    return EmbeddedEngine(state, driver or _driver(state), environment={"RUNLOOP_MCP_SECRET_DEPLOY_KEY": _VALUE})


async def _scenario(engine: EmbeddedEngine, *launch_commands: str) -> str:
    function = {"name": "passes", "weight": 1, "scorer": {"type": "command_scorer", "command": "true"}}
    scenario = await engine.scenarios.create(
        ScenarioCreateParams(
            name="left undone",
            input_context=InputContext(problem_statement="Nothing to do."),
            scoring_contract=ScoringContract.model_validate({"scoring_function_parameters": [function]}),
            environment_parameters=ScenarioEnvironment(
                launch_parameters=LaunchParameters(launch_commands=list(launch_commands) or None)
            ),
        )
    )
    return scenario.id


async def _booted(engine: EmbeddedEngine) -> ScenarioRunView:
    run = await engine.scenarios.start_run(StartRunParams(scenario_id=await _scenario(engine)))
    await engine.devboxes.wait(run.devbox_id, until={DevboxStatus.RUNNING}, wait_seconds=20)
    return run


async def _status(engine: EmbeddedEngine, run: ScenarioRunView, *until: DevboxStatus) -> str:
    return (await engine.devboxes.wait(run.devbox_id, until=until, wait_seconds=20)).status


@contextmanager
def _refusing_updates(state: Path, table: str) -> Iterator[None]:
    """The store takes no update of a table meanwhile."""
    with closing(sqlite3.connect(state / "store.db", isolation_level=None)) as connection:
        connection.execute(f"CREATE TRIGGER refuse BEFORE UPDATE ON {table} BEGIN SELECT RAISE(FAIL, 'no'); END")
        try:
            yield
        finally:
            connection.execute("DROP TRIGGER refuse")


async def test_a_devbox_whose_boot_was_interrupted_is_booted_by_the_next_server(state: Path) -> None:
    """Those who wait for a devbox do not boot it, so a server that starts does, with its launch commands."""
    async with _engine(state) as engine:
        scenario_id = await _scenario(engine, "sleep 1; echo done > launched")
        run = await engine.scenarios.start_run(StartRunParams(scenario_id=scenario_id))
    async with _engine(state) as engine:
        assert await _status(engine, run, DevboxStatus.RUNNING) == DevboxStatus.RUNNING
        seen = await engine.devboxes.execute(run.devbox_id, ExecuteParams(command="cat launched"))
        assert seen.stdout == "done\n"


async def test_a_run_that_was_ended_by_a_server_that_died_then_has_its_devbox_ended(state: Path) -> None:
    """Killed between the run's end and its devbox's, a server leaves a devbox that the next one ends."""
    async with _engine(state) as engine:
        run = await _booted(engine)
    with closing(sqlite3.connect(state / "store.db")) as connection, connection:
        runs.move(connection, run.id, Move.CANCEL, now_ms=now_ms())
    async with _engine(state) as engine:
        assert await _status(engine, run, DevboxStatus.SHUTDOWN) == DevboxStatus.SHUTDOWN
    async with _driver(state) as driver:
        with pytest.raises(NotFound):
            await driver.resume(run.devbox_id)


async def test_a_caller_who_goes_away_leaves_no_run_half_ended(state: Path) -> None:
    """A cancel whose caller goes away while it is being kept still ends the devbox."""
    async with _engine(state) as engine:
        run = await _booted(engine)
        with closing(sqlite3.connect(state / "store.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            async with anyio.create_task_group() as group:
                group.start_soon(engine.runs.cancel, run.id)
                for _ in range(3):  # the store answers in turn: by then the cancel has read the run, and waits to write
                    await engine.runs.retrieve(run.id)
                group.cancel_scope.cancel()
                other.execute("ROLLBACK")
        assert (await engine.runs.retrieve(run.id)).state == RunState.CANCELED
        assert (await engine.devboxes.retrieve(run.devbox_id)).status == DevboxStatus.SHUTDOWN


async def test_a_run_whose_starter_goes_away_is_booted_and_found_again_by_its_key(state: Path) -> None:
    """A start that is interrupted while it is kept is either not there or whole; the same key never starts two."""
    async with _engine(state) as engine:
        params = StartRunParams(scenario_id=await _scenario(engine))

        async def start() -> None:
            await engine.scenarios.start_run(params, idempotency_key="once")

        with closing(sqlite3.connect(state / "store.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            async with anyio.create_task_group() as group:
                group.start_soon(start)
                with anyio.fail_after(20):
                    while not list((state / "locks").glob("*")):  # noqa: ASYNC110 - a file tells no event
                        await anyio.sleep(0.01)
                group.cancel_scope.cancel()
                other.execute("ROLLBACK")
        run = await engine.scenarios.start_run(params, idempotency_key="once")
        seen = await engine.devboxes.execute(run.devbox_id, ExecuteParams(command="echo here"))
        assert seen.stdout == "here\n"
        assert (await engine.runs.list(RunListParams())).total_count == 1


@pytest.mark.parametrize("ask", ["score", "cancel"])
async def test_what_is_asked_for_twice_at_once_is_answered_twice(state: Path, ask: str) -> None:
    """A call and its repetition side by side both get the run as it then is."""
    async with _engine(state) as engine:
        run = await _booted(engine)
        call: Callable[[str], Awaitable[ScenarioRunView]] = getattr(engine.runs, ask)
        states: list[str] = []

        async def one() -> None:
            states.append((await call(run.id)).state)

        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(one)
        assert states == [{"score": "scored", "cancel": "canceled"}[ask]] * 3


async def test_a_devbox_that_could_not_be_kept_as_booted_is_not_used(state: Path) -> None:
    """Where the store refuses what a boot found out, the devbox is set up again and not taken half known."""
    async with _engine(state) as engine:
        scenario_id = await _scenario(engine, "echo once >> launched")
        with _refusing_updates(state, "devboxes"):
            run = await engine.scenarios.start_run(StartRunParams(scenario_id=scenario_id))
            with pytest.raises(Exception, match="error of ours"):
                await engine.devboxes.execute(run.devbox_id, ExecuteParams(command="true"))
        seen = await engine.devboxes.execute(run.devbox_id, ExecuteParams(command="cat launched"))
        assert seen.stdout == "once\n"
        assert (await engine.devboxes.retrieve(run.devbox_id)).status == DevboxStatus.RUNNING


async def test_a_devbox_that_ends_while_the_store_refuses_notes_does_not_end_the_server(state: Path) -> None:
    """The server lives on, and the next call is answered."""
    driver = _driver(state)
    async with _engine(state, driver) as engine:
        run = await _booted(engine)
        with _refusing_updates(state, "runs"):
            await driver.remove(run.devbox_id)
            for _ in range(3):  # what watches it has looked at the store by then
                await engine.runs.retrieve(run.id)
        assert (await engine.runs.retrieve(run.id)).state == RunState.RUNNING


async def test_a_run_that_cannot_be_looked_after_does_not_end_the_server(state: Path) -> None:
    """Where locks can't be taken, other runs and lists are served all the same."""
    async with _engine(state) as engine:
        run = await engine.scenarios.start_run(StartRunParams(scenario_id=await _scenario(engine, "sleep 999")))
    (state / "locks").rename(state / "locks-away")
    (state / "locks").write_text("")
    async with _engine(state) as engine:
        await engine.devboxes.wait(run.devbox_id, until={DevboxStatus.RUNNING}, wait_seconds=1.5)
        assert (await engine.runs.retrieve(run.id)).state == RunState.RUNNING


@pytest.mark.parametrize("variables", [{"A=B": "x"}, {"": "x"}, {"A\0": "x"}, {"A": "x\0"}])
async def test_variables_that_no_command_could_have_are_refused_before_a_run_starts(
    state: Path, variables: dict[str, str]
) -> None:
    """Such a run could never run a command, and would count as an attempt."""
    async with _engine(state) as engine:
        params = StartRunParams(
            scenario_id=await _scenario(engine), run_profile=RunProfile.model_validate({"envVars": variables})
        )
        with pytest.raises(InvalidRequest, match="environment variables"):
            await engine.scenarios.start_run(params)
        assert (await engine.runs.list(RunListParams())).total_count == 0


async def test_a_failed_launch_tells_neither_secrets_nor_the_command(state: Path) -> None:
    """The output of a launch command is told and kept with values of secrets masked, and without the command."""
    async with _engine(state) as engine:
        scenario_id = await _scenario(engine, 'echo "the key is $KEY"; exit 3 # hidden-words')
        profile = RunProfile(secrets={"KEY": "DEPLOY_KEY"})
        run = await engine.scenarios.start_run(StartRunParams(scenario_id=scenario_id, run_profile=profile))
        box = await engine.devboxes.wait(run.devbox_id, until={DevboxStatus.FAILURE}, wait_seconds=20)
        details = (await engine.runs.retrieve(run.id)).x_runloop_mcp
        assert details is not None
        assert box.x_runloop_mcp is not None
        told = f"{details.notes} {box.x_runloop_mcp.failure_message}"
    assert "the key is [secret DEPLOY_KEY]" in told
    assert _VALUE not in told
    assert "hidden-words" not in told
    assert not any(_VALUE.encode() in path.read_bytes() for path in state.glob("store.db*"))


async def test_waiting_for_what_is_not_there_leaves_nothing_in_memory(state: Path) -> None:
    """Callers may name what they like, as often as they like."""

    def events() -> int:
        gc.collect()
        return sum(isinstance(each, anyio.Event) for each in gc.get_objects())

    async with _engine(state) as engine:
        before = events()
        for number in range(100):
            with pytest.raises(NotFound):
                await engine.runs.wait(f"scr_{number}", leaving=set(), wait_seconds=0)
        assert events() < before + 50
