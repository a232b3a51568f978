"""A server that is killed in the middle of a job: the next one carries it on, and nothing happens twice."""

import subprocess
from pathlib import Path

import anyio
import pytest
from forked_python import ForkedProcess
from probed_driver import ProbedDriver

from runloop_mcp.api.models.base import PageParams
from runloop_mcp.api.models.benchmark_job import BenchmarkJobCreateParams
from runloop_mcp.api.models.run import RunListParams
from runloop_mcp.api.models.scenario import InputContext, ScenarioCreateParams
from runloop_mcp.api.models.scoring import ScoringContract
from runloop_mcp.engine.backend import EmbeddedEngine

ATTEMPTS = 6
_SCORER = {"type": "command_scorer", "command": "sleep 0.3; grep -q hello greeting.txt"}

_SERVER = """
import sys, anyio
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_killed_jobs import begin, engine_on, reached

async def main():
    async with engine_on(Path(sys.argv[1])) as engine:
        job = sys.argv[3] or await begin(engine)
        await reached(engine, job, int(sys.argv[4]))
        print(job, flush=True)
        await anyio.sleep(60)

anyio.run(main)
"""


def engine_on(state: Path) -> EmbeddedEngine:
    """A server on a state directory."""
    return EmbeddedEngine(state, ProbedDriver(state / "sandbox"))


async def begin(engine: EmbeddedEngine) -> str:
    """A job of one scenario; gives its id."""
    function = {"name": "greets", "weight": 1, "scorer": _SCORER}
    scenario = await engine.scenarios.create(
        ScenarioCreateParams(
            name="greeting",
            input_context=InputContext(problem_statement="Write hello into greeting.txt."),
            scoring_contract=ScoringContract.model_validate({"scoring_function_parameters": [function]}),
        )
    )
    agent = {"type": "job_agent", "name": "agent", "kwargs": {"command": "sleep 0.5; echo hello > greeting.txt"}}
    spec = {
        "type": "scenarios",
        "scenario_ids": [scenario.id],
        "agent_configs": [agent],
        "orchestrator_config": {"n_attempts": ATTEMPTS, "n_concurrent_trials": 3},
    }
    return (await engine.benchmark_jobs.create(BenchmarkJobCreateParams.model_validate({"spec": spec}))).id


async def reached(engine: EmbeddedEngine, job_id: str, number: int) -> None:
    """Waits until so many runs of a job are completed, and another one is at work."""
    job = await engine.benchmark_jobs.retrieve(job_id)
    (at_work,) = job.in_progress_runs or []
    runs, page = engine.benchmark_runs, PageParams(limit=100)
    while True:
        completed = await runs.scenario_runs(at_work.benchmark_run_id, page, state="completed")
        running = await runs.scenario_runs(at_work.benchmark_run_id, page, state="running")
        if completed.total_count >= number and running.total_count:
            return
        await anyio.sleep(0.02)


def killed(state: Path, job: str, number: int) -> str:
    """A server that begins or carries on a job and is killed once so many of its runs are completed."""
    arguments = ["-c", _SERVER, str(state), str(Path(__file__).parent), job, str(number)]
    with ForkedProcess(arguments, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        job = server.stdout.readline().strip()
        server.kill()
    return job


@pytest.mark.proof
async def test_a_job_outlives_servers_that_are_killed(state: Path) -> None:
    """Each attempt is one run with its score, whenever they were killed."""
    job_id = ""
    for number in (0, 1, 2):
        job_id = killed(state, job_id, number)
        assert job_id.startswith("bmj_")
    async with engine_on(state) as engine:
        with anyio.fail_after(60):
            while (job := await engine.benchmark_jobs.retrieve(job_id)).in_progress_runs:  # noqa: ASYNC110 - jobs have no wait
                await anyio.sleep(0.05)
        (outcome,) = job.benchmark_outcomes or []
        assert (outcome.n_completed, outcome.average_score) == (ATTEMPTS, 1.0)
        runs = await engine.runs.list(RunListParams(benchmark_run_id=outcome.benchmark_run_id, limit=100))
        assert {run.id for run in runs.items} == {each.scenario_run_id for each in outcome.scenario_outcomes}
        assert [run.state for run in runs.items] == ["completed"] * ATTEMPTS
