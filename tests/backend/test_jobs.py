"""The contract of benchmark jobs: agents are set to solve scenarios, and what came of each is told."""

from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any, TypeVar

import anyio
import pytest
from backend_cases import OpenBackend
from greeting_scenario import greeting, keep_secret
from test_benchmarks import benchmark, scenarios

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import InvalidRequest, NotFound
from runloop_mcp.api.models.base import PageParams
from runloop_mcp.api.models.benchmark_job import (
    BenchmarkJobCreateParams,
    BenchmarkJobListParams,
    BenchmarkJobView,
    BenchmarkOutcome,
    InProgressRun,
)
from runloop_mcp.api.models.run import RunListParams, RunState, ScenarioRunView

T = TypeVar("T")

SOLVES = "echo hello > greeting.txt"


def agent(command: str, name: str = "solver", **fields: object) -> dict[str, object]:
    """An agent that is a command."""
    return {"type": "job_agent", "name": name, "kwargs": {"command": command}, **fields}


async def begun(backend: Backend, *agents: dict[str, object], name: str | None = None, **spec: Any) -> BenchmarkJobView:
    """A job over scenarios or a benchmark."""
    spec = {"type": "scenarios", "agent_configs": list(agents), **spec}
    return await backend.benchmark_jobs.create(BenchmarkJobCreateParams.model_validate({"name": name, "spec": spec}))


async def until(look: Callable[[], Awaitable[T | None]]) -> T:
    """What is looked for, once it is there."""
    with anyio.fail_after(30):
        while (found := await look()) is None:  # noqa: ASYNC110 - the port of jobs has no wait
            await anyio.sleep(0.02)
    return found


async def first_run(backend: Backend, at_work: InProgressRun) -> ScenarioRunView | None:
    """The run that a job has begun, if it has."""
    page = await backend.benchmark_runs.scenario_runs(at_work.benchmark_run_id, PageParams())
    return page.items[-1] if page.items else None


async def has_begun(backend: Backend, run: ScenarioRunView) -> bool | None:
    """Whether the agent of a run has written the file by which it is seen to work."""
    try:
        await backend.devboxes.read_file(run.devbox_id, "seen")
    except NotFound:
        return None
    return True


async def ended(backend: Backend, job: BenchmarkJobView) -> BenchmarkJobView:
    """The job, once nothing more happens to it."""

    async def look() -> BenchmarkJobView | None:
        now = await backend.benchmark_jobs.retrieve(job.id)
        return None if now.state in {"initializing", "queued", "running"} else now

    return await until(look)


async def one_outcome(backend: Backend, *agents: dict[str, object], **spec: Any) -> BenchmarkOutcome:
    """What came of a job that has one agent."""
    job = await ended(backend, await begun(backend, *agents, **spec))
    assert job.state == "completed"
    assert job.benchmark_outcomes is not None
    (outcome,) = job.benchmark_outcomes
    return outcome


async def runs_of(backend: Backend, outcome: BenchmarkOutcome) -> list[ScenarioRunView]:
    """The runs of scenarios of an agent, the first one first."""
    found = await backend.runs.list(RunListParams(benchmark_run_id=outcome.benchmark_run_id, limit=100))
    return found.items[::-1]


async def test_every_agent_solves_every_scenario_of_a_benchmark(open_backend: OpenBackend) -> None:
    """Each has a benchmark run with a run of each scenario, scored and completed, and an outcome with their mean."""
    async with open_backend() as backend:
        made = await benchmark(backend, *await scenarios(backend, 2), name="greetings")
        agents = (agent(SOLVES, model_name="m-1"), agent("echo wrong >&2; exit 3", name="other"))
        job = await begun(backend, *agents, type="benchmark", benchmark_id=made.id)
        assert (job.id[:4], job.name) == ("bmj_", "greetings")
        assert job.job_source == {"type": "benchmark", "benchmark_id": made.id, "benchmark_name": "greetings"}
        assert job.job_spec is not None
        assert job.job_spec.scenario_ids == made.scenario_ids
        assert [each.agent_config.name for each in job.in_progress_runs or [] if each.agent_config] == [
            "solver",
            "other",
        ]
        job = await ended(backend, job)
        assert (job.state, job.failure_reason, job.in_progress_runs) == ("completed", None, [])
        good, bad = job.benchmark_outcomes or []
        assert (good.agent_name, good.model_name, good.n_completed, good.n_failed, good.average_score) == (
            "solver",
            "m-1",
            2,
            0,
            1.0,
        )
        assert (bad.agent_name, bad.model_name, bad.n_completed, bad.average_score) == ("other", None, 2, 0.0)
        assert [each.scenario_name for each in good.scenario_outcomes] == ["case-0", "case-1"]
        assert {each.failure_reason for each in good.scenario_outcomes} == {None}
        first = bad.scenario_outcomes[0]
        assert (first.state, first.score, first.scenario_definition_id) == ("COMPLETED", 0.0, made.scenario_ids[0])
        assert first.failure_reason is not None
        assert first.failure_reason.exception_message == "The agent ended with exit status 3. wrong"
        benchmark_run = await backend.benchmark_runs.retrieve(good.benchmark_run_id)
        assert (benchmark_run.state, benchmark_run.score, benchmark_run.benchmark_id) == ("completed", 1.0, made.id)
        runs = await runs_of(backend, good)
        assert {each.id: each.scenario_id for each in runs} == {
            each.scenario_run_id: each.scenario_definition_id for each in good.scenario_outcomes
        }
        assert {(each.state, each.metadata["model"], each.metadata["agent"]) for each in runs} == {
            ("completed", "m-1", "solver")
        }


async def test_an_agent_is_told_its_task(open_backend: OpenBackend) -> None:
    """In variables and in a file; beside them it has its model, its arguments, its variables and its secrets."""
    checks = (
        'test "$RL_PROBLEM_STATEMENT" = "Write hello into greeting.txt."',
        'test "$(cat "$RL_PROBLEM_FILE")" = "$RL_PROBLEM_STATEMENT"',
        'test "$RL_MODEL $LEVEL $KEY" = "m-1 high hush-4711-hush"',
        """test "$RL_AGENT_KWARGS" = '{"turns": "9"}'""",
        "test ! -e .problem.md",
        SOLVES,
    )
    async with open_backend() as backend:
        await keep_secret(backend, "DEPLOY_KEY", "hush-4711-hush")
        outcome = await one_outcome(
            backend,
            agent(
                "",
                kwargs={"command": " && ".join(checks), "turns": "9"},
                model_name="m-1",
                agent_environment={"environment_variables": {"LEVEL": "high"}, "secrets": {"KEY": "DEPLOY_KEY"}},
            ),
            scenario_ids=await scenarios(backend, 1),
        )
        assert outcome.average_score == 1.0


async def test_secrets_of_an_agent_are_told_to_nobody(open_backend: OpenBackend) -> None:
    """Not even where it prints one and fails."""
    async with open_backend() as backend:
        await keep_secret(backend, "DEPLOY_KEY", "hush-4711-hush")
        outcome = await one_outcome(
            backend,
            agent("echo it is $KEY >&2; exit 1", agent_environment={"secrets": {"KEY": "DEPLOY_KEY"}}),
            scenario_ids=await scenarios(backend, 1),
        )
        told = outcome.model_dump_json()
        assert "it is [DEPLOY_KEY" in told
        assert "hush-4711-hush" not in told


async def test_a_run_lasts_as_long_as_its_agent_may(open_backend: OpenBackend) -> None:
    """Where runs have less time than the agent is given; a scenario that says how long its runs last keeps that."""
    async with open_backend() as backend:
        (open_end,) = await scenarios(backend, 1)
        limited = (await backend.scenarios.create(greeting(keep_alive_seconds=600))).id
        outcome = await one_outcome(backend, agent(SOLVES, timeout_seconds=7200), scenario_ids=[open_end, limited])
        lasting = {}
        for run in await runs_of(backend, outcome):
            devbox = await backend.devboxes.retrieve(run.devbox_id)
            lasting[run.scenario_id] = devbox.launch_parameters.keep_alive_time_seconds
        assert lasting == {open_end: 7800, limited: 600}


async def test_attempts_are_made_as_many_at_once_as_asked_for(open_backend: OpenBackend) -> None:
    """Each attempt is a run of its own; one at a time means that the next begins when the last has ended."""
    async with open_backend() as backend:
        (one,) = await scenarios(backend, 1)
        outcome = await one_outcome(
            backend,
            agent(SOLVES),
            scenario_ids=[one, one],
            orchestrator_config={"n_attempts": 2, "n_concurrent_trials": 1},
        )
        assert [each.scenario_definition_id for each in outcome.scenario_outcomes] == [one, one]
        runs = await runs_of(backend, outcome)
        assert len(runs) == 2
        for before, after in pairwise(runs):
            assert before.x_runloop_mcp is not None
            assert before.x_runloop_mcp.end_time_ms is not None
            assert after.start_time_ms is not None
            assert before.x_runloop_mcp.end_time_ms <= after.start_time_ms


async def test_an_agent_whose_time_is_out_is_ended_and_scored(open_backend: OpenBackend) -> None:
    """What was there by then counts; the time is that of the agent times the job's factor."""
    async with open_backend() as backend:
        outcome = await one_outcome(
            backend,
            agent(f"{SOLVES}; sleep 600", timeout_seconds=600),
            scenario_ids=await scenarios(backend, 1),
            orchestrator_config={"timeout_multiplier": 0.001},
        )
        assert (outcome.n_timeout, outcome.n_completed) == (1, 0)
        (trial,) = outcome.scenario_outcomes
        assert (trial.state, trial.score) == ("TIMEOUT", 1.0)
        assert trial.failure_reason is not None
        assert "0.6 s" in trial.failure_reason.exception_message


async def test_what_can_not_be_started_is_told_and_the_rest_goes_on(open_backend: OpenBackend) -> None:
    """A scenario that lacks something, and one whose devbox can't be set up, have failed, with the reason."""
    async with open_backend() as backend:
        lacking = (await backend.scenarios.create(greeting(required_environment_variables=["LEVEL"]))).id
        broken = (await backend.scenarios.create(greeting(launch_commands=["echo broken; exit 4"]))).id
        (good,) = await scenarios(backend, 1)
        outcome = await one_outcome(backend, agent(SOLVES), scenario_ids=[lacking, broken, good])
        assert (outcome.n_failed, outcome.n_completed, outcome.average_score) == (2, 1, pytest.approx(1 / 3))
        told = [each.failure_reason and each.failure_reason.exception_message for each in outcome.scenario_outcomes]
        assert "LEVEL" in str(told[0])
        assert "exit status 4" in str(told[1])
        assert told[2] is None


async def test_a_job_ends_with_its_benchmark_runs(open_backend: OpenBackend) -> None:
    """Canceling a benchmark run cancels what runs in it and starts nothing more; with the last one the job is, too."""
    async with open_backend() as backend:
        job = await begun(
            backend,
            agent("sleep 600"),
            scenario_ids=await scenarios(backend, 2),
            orchestrator_config={"n_concurrent_trials": 1},
        )
        (at_work,) = job.in_progress_runs or []
        await until(lambda: first_run(backend, at_work))
        await backend.benchmark_runs.cancel(at_work.benchmark_run_id)
        job = await ended(backend, job)
        assert job.state == "cancelled"
        (outcome,) = job.benchmark_outcomes or []
        assert [each.state for each in outcome.scenario_outcomes] == ["CANCELED", "CANCELED"]
        assert (await backend.benchmark_runs.scenario_runs(at_work.benchmark_run_id, PageParams())).total_count == 1


async def test_another_server_carries_a_job_on(open_backend: OpenBackend) -> None:
    """The run that the agent was at goes on with its disk, the agent is started again, and nothing is started twice."""
    command = "if [ -f seen ]; then echo hello > greeting.txt; else touch seen; sleep 600; fi"
    async with open_backend() as backend:
        job = await begun(
            backend,
            agent(command),
            scenario_ids=await scenarios(backend, 2),
            orchestrator_config={"n_concurrent_trials": 1},
        )
        (at_work,) = job.in_progress_runs or []
        run = await until(lambda: first_run(backend, at_work))
        await until(lambda: has_begun(backend, run))
    async with open_backend() as backend:
        done = await backend.runs.wait(run.id, leaving={RunState.RUNNING, RunState.SCORING}, wait_seconds=30)
        assert done.score == 1.0
        # The second one would sleep.
        await backend.benchmark_runs.cancel(at_work.benchmark_run_id)
        (outcome,) = (await ended(backend, job)).benchmark_outcomes or []
        first, second = outcome.scenario_outcomes
        assert (first.scenario_run_id, first.state, first.score) == (run.id, "COMPLETED", 1.0)
        assert second.state == "CANCELED"


async def test_jobs_are_kept_and_listed(open_backend: OpenBackend) -> None:
    """Newest first, in pages, by name; the same key makes one job."""
    async with open_backend() as backend:
        # What it lacks keeps it from being started, which is quick.
        ids = [(await backend.scenarios.create(greeting(required_environment_variables=["LEVEL"]))).id]
        jobs = [await begun(backend, agent(SOLVES), name=name, scenario_ids=ids) for name in ("a", "b")]
        for job in jobs:
            await ended(backend, job)
        page = await backend.benchmark_jobs.list(BenchmarkJobListParams(limit=1))
        assert ([each.name for each in page.items], page.has_more, page.total_count) == (["b"], True, 2)
        page = await backend.benchmark_jobs.list(BenchmarkJobListParams(starting_after=jobs[1].id))
        assert [each.name for each in page.items] == ["a"]
        assert (await backend.benchmark_jobs.list(BenchmarkJobListParams(name="a"))).total_count == 1
        spec = {"type": "scenarios", "agent_configs": [agent("true")], "scenario_ids": ids}
        params = BenchmarkJobCreateParams.model_validate({"spec": spec})
        first = await backend.benchmark_jobs.create(params, idempotency_key="key")
        assert first.name == "1 scenario"
        assert (await backend.benchmark_jobs.create(params, idempotency_key="key")).id == first.id
        with pytest.raises(NotFound, match="bmj_missing"):
            await backend.benchmark_jobs.retrieve("bmj_missing")
        await ended(backend, first)


REFUSED: tuple[tuple[dict[str, object] | None, str], ...] = (
    (None, "spec"),
    ({"type": "harbor", "inline_yaml": "x: 1"}, "harbor"),
    ({"agent_configs": []}, "agent_configs"),
    ({"scenario_ids": []}, "no scenarios"),
    ({"scenario_ids": ["scn_missing"]}, "scn_missing"),
    ({"type": "benchmark", "benchmark_id": "bmd_missing"}, "bmd_missing"),
    ({"agent_configs": [agent("true", agent_id="agt_missing")]}, "agt_missing"),
    ({"agent_configs": [agent("", name=" ")]}, "command"),
    (
        {"agent_configs": [agent("true", agent_environment={"secrets": {"KEY": "DEPLOY_KEY"}})]},
        r"solver.*DEPLOY_KEY",
    ),
    ({"orchestrator_config": {"n_attempts": 20_000}}, "20000 trials"),
)


async def test_a_job_that_can_not_be_carried_out_is_refused(open_backend: OpenBackend) -> None:
    """The message names what is wrong, and nothing is begun."""
    async with open_backend() as backend:
        valid = {
            "type": "scenarios",
            "scenario_ids": await scenarios(backend, 1),
            "agent_configs": [agent("true")],
        }
        for changes, named in REFUSED:
            spec = None if changes is None else {**valid, **changes}
            with pytest.raises(InvalidRequest, match=named):
                await backend.benchmark_jobs.create(BenchmarkJobCreateParams.model_validate({"spec": spec}))
        assert (await backend.benchmark_jobs.list(BenchmarkJobListParams())).items == []


@pytest.mark.parametrize("attempts", [10_001, 10**12])
async def test_a_job_of_more_trials_than_can_be_is_refused(open_backend: OpenBackend, attempts: int) -> None:
    """By their number, before any of them is made: so many could not even be counted one by one."""
    async with open_backend() as backend:
        ids = await scenarios(backend, 1)
        with pytest.raises(InvalidRequest, match=f"would have {attempts} trials"):
            await begun(backend, agent(SOLVES), scenario_ids=ids, orchestrator_config={"n_attempts": attempts})
