"""Attempts on the real engine, with agents of a few words: what is begun, taken up again, counted and made anew."""

import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest
from lent_tools import LentTools
from probed_driver import ProbedDriver

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.models.run import RunListParams, RunState, ScenarioRunView
from runloop_mcp.api.models.scenario import (
    InputContext,
    LaunchParameters,
    ScenarioCreateParams,
    ScenarioEnvironment,
    ScenarioView,
)
from runloop_mcp.api.models.scoring import ScoringContract
from runloop_mcp.engine.backend import EmbeddedEngine
from runloop_mcp.engine.settings import EngineSettings
from runloop_mcp.evaluation.attempt import Attempt, Terms
from runloop_mcp.evaluation.evaluation import attempts_left, evaluate
from runloop_mcp.evaluation.results import AttemptResult, ResultsFile


@pytest.fixture(scope="module")
def sandbox(lent_tools: LentTools) -> Iterator[Path]:
    """A folder for devboxes."""
    with lent_tools.folder() as folder:
        yield folder


class _Killed(Exception):
    """Nothing is done any more after this."""


@dataclass
class _Watcher:
    """Remembers what it was told."""

    steps: list[str] = field(default_factory=list)
    agent_at_work: anyio.Event = field(default_factory=anyio.Event)
    on_queued: Callable[[], None] = lambda: None
    killed_at: str = ""
    """The step at which the evaluation ends, as if its process had been killed."""

    def step(self, attempt: Attempt, step: str) -> None:
        self.steps.append(f"{attempt.number}: {step}")
        if step.startswith("queued"):
            self.on_queued()
        if step == self.killed_at:
            raise _Killed
        if step == "agent":
            self.agent_at_work.set()

    def done(self, attempt: Attempt, result: AttemptResult) -> None:
        self.steps.append(f"{attempt.number}: {result.state}")


@dataclass
class _Evaluation:
    """An evaluation of one scenario by one backend."""

    folder: Path
    backend: Backend
    scenario: ScenarioView
    watcher: _Watcher = field(default_factory=_Watcher)

    @property
    def output(self) -> Path:
        return self.folder / "results.jsonl"

    async def make(self, agent: str, *, k: int = 1, at_once: int = 4, seconds: float = 60) -> list[AttemptResult]:
        """Makes the attempts that are left; gives all results, by attempt."""
        terms = Terms(
            eval_id="eval-1",
            agent=agent,
            timeout_seconds=seconds,
            folder=self.folder / "logs",
            server_for=lambda run_id: ["server", run_id],
            problem_of=lambda scenario: scenario.input_context.problem_statement,
        )
        with ResultsFile(self.output) as file:
            left = attempts_left([self.scenario], k, file)
            await evaluate(self.backend, terms, left, file, at_once=at_once, watcher=self.watcher)
            return sorted(file.results.values(), key=lambda result: result.attempt)

    async def runs(self) -> Sequence[ScenarioRunView]:
        """Every run that there is, oldest first."""
        return (await self.backend.runs.list(RunListParams())).items[::-1]


@asynccontextmanager
async def _evaluation(
    folder: Path, sandbox: Path, *, launch: str = "true", max_devboxes: int = 20
) -> AsyncIterator[_Evaluation]:
    function = {"name": "right", "weight": 1, "scorer": {"type": "command_scorer", "command": "test -f right"}}
    settings = EngineSettings(max_devboxes=max_devboxes)
    async with EmbeddedEngine(folder / "state", ProbedDriver(sandbox), settings=settings) as engine:
        scenario = await engine.scenarios.create(
            ScenarioCreateParams(
                name="right",
                input_context=InputContext(problem_statement="Make the file right."),
                scoring_contract=ScoringContract.model_validate({"scoring_function_parameters": [function]}),
                environment_parameters=ScenarioEnvironment(
                    launch_parameters=LaunchParameters(launch_commands=[launch])
                ),
            )
        )
        yield _Evaluation(folder, engine, scenario)


async def test_more_at_once_than_devboxes_may_be_up_wait_in_the_queue(tmp_path: Path, sandbox: Path) -> None:
    """All attempts are made, each with its own run, and whoever watches is told of the wait."""
    async with _evaluation(tmp_path, sandbox, launch="touch right", max_devboxes=1) as evaluation:
        evaluation.watcher.on_queued = (tmp_path / "go-on").touch
        results = await evaluation.make(f"until [ -e {tmp_path}/go-on ]; do sleep 0.01; done", k=3, at_once=3)
        assert [(each.attempt, each.score, each.agent_exit_status) for each in results] == [
            (number, 1.0, 0) for number in (1, 2, 3)
        ]
        assert len({each.run_id for each in results}) == 3
        assert any("queued, place 1 of" in step for step in evaluation.watcher.steps)


async def test_what_could_not_be_made_does_not_count_and_is_made_again(tmp_path: Path, sandbox: Path) -> None:
    """A devbox that can't be set up says nothing of the agent; the reason stands in the result."""
    async with _evaluation(tmp_path, sandbox, launch="echo broken >&2; exit 1") as evaluation:
        (result,) = await evaluation.make("true")
        assert (result.counted, result.state, result.score) == (False, RunState.FAILED, None)
        assert "broken" in (result.error or "")
        await evaluation.make("true")
        assert len(evaluation.output.read_text().splitlines()) == 1
        assert len(await evaluation.runs()) == 2


async def test_a_run_whose_agent_had_ended_is_scored_by_who_goes_on(tmp_path: Path, sandbox: Path) -> None:
    """Its work is not thrown away, and how the agent ended is told as it was; no agent is run again."""
    async with _evaluation(tmp_path, sandbox, launch="touch right") as evaluation:
        evaluation.watcher.killed_at = "scoring"
        with pytest.raises(ExceptionGroup) as ended:
            await evaluation.make("exit 7")
        assert ended.group_contains(_Killed)
        (run,) = await evaluation.runs()
        assert run.state == RunState.RUNNING
        evaluation.watcher = _Watcher()
        (result,) = await evaluation.make("exit 8")
        assert (result.run_id, result.score, result.agent_exit_status) == (run.id, 1.0, 7)
        assert len(await evaluation.runs()) == 1


async def test_a_run_that_was_completed_before_its_result_was_kept_is_not_made_again(
    tmp_path: Path, sandbox: Path
) -> None:
    """Only its line was missing."""
    async with _evaluation(tmp_path, sandbox, launch="touch right") as evaluation:
        (before,) = await evaluation.make("exit 7")
        evaluation.output.unlink()
        assert await evaluation.make("exit 8") == [before]
        assert len(await evaluation.runs()) == 1


async def test_an_agent_that_has_its_run_scored_itself_gets_that_score(tmp_path: Path, sandbox: Path) -> None:
    """What it does afterwards changes nothing."""
    async with _evaluation(tmp_path, sandbox, launch="touch right") as evaluation, anyio.create_task_group() as group:
        results: list[AttemptResult] = []

        async def make() -> None:
            results.extend(await evaluation.make(f"until [ -e {tmp_path}/scored ]; do sleep 0.01; done"))

        group.start_soon(make)
        await evaluation.watcher.agent_at_work.wait()
        (run,) = await evaluation.runs()
        assert (await evaluation.backend.runs.score(run.id)).score == 1.0
        await evaluation.backend.devboxes.write_file(run.devbox_id, "right", b"")
        (tmp_path / "scored").touch()
    assert [(each.score, each.state) for each in results] == [(1.0, RunState.COMPLETED)]


async def test_an_agent_is_ended_when_its_time_is_over_with_all_that_it_started(
    tmp_path: Path, sandbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In sessions of their own and deaf to being asked; what it had reached is scored."""
    monkeypatch.setattr("runloop_mcp.evaluation.agent.GRACE_SECONDS", 0.1)
    mark = f"sleep 5151.{id(tmp_path)}"
    agent = f"(setsid sh -c 'trap \"\" TERM; {mark} & wait' &); echo said; trap '' TERM; {mark}"
    async with _evaluation(tmp_path, sandbox, launch="touch right") as evaluation:
        (result,) = await evaluation.make(agent, seconds=0.3)
    assert (result.agent_timed_out, result.agent_exit_status, result.score) == (True, None, 1.0)
    assert Path(result.logs, "stdout.txt").read_text() == "said\n"
    assert subprocess.run(["pgrep", "-f", mark], check=False, capture_output=True).stdout == b""
