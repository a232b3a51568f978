"""Completion of what names a scenario, a run or an execution."""

from pathlib import Path

from mcp_agent import Agent, Serve, scenario_folder
from mcp_types import PromptReference, ResourceTemplateReference

from runloop_mcp.api.access import Principal, Role
from runloop_mcp.api.models.benchmark import BenchmarkCreateParams, BenchmarkStartRunParams
from runloop_mcp.api.models.run import RunState
from runloop_mcp.api.models.scorer import ScorerCreateParams
from runloop_mcp.api.models.secret import SecretCreateParams
from runloop_mcp.api.models.snapshot import SnapshotParams
from runloop_mcp.server.surface import surface

OUTPUT = ResourceTemplateReference(
    type="ref/resource", uri="runloop://runs/{run_id}/executions/{execution_id}/{stream}"
)
PROMPT = PromptReference(type="ref/prompt", name="solve_scenario")


async def _offered(agent: Agent, reference: PromptReference | ResourceTemplateReference, **typed: str) -> list[str]:
    """What is offered for the first argument, where the others are given."""
    (name, value), *given = typed.items()
    answer = await agent.client.complete(reference, {"name": name, "value": value}, dict(given) or None)
    return list(answer.completion.values)


async def test_executions_are_completed_for_the_run_that_is_given(tmp_path: Path, serve: Serve) -> None:
    """Newest first, of that run alone; without a run there is nothing to choose from."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    async with serve(pack) as agent:
        run_id, other = await agent.run_of("answer"), await agent.run_of("answer")
        made = [(await agent.call("exec_on_devbox", run_id=run_id, command="true")).found(r"exe_\w+") for _ in range(2)]
        await agent.call("exec_on_devbox", run_id=other, command="true")
        assert await _offered(agent, OUTPUT, execution_id="", run_id=run_id) == made[::-1]
        assert await _offered(agent, OUTPUT, execution_id=made[0], run_id=run_id) == [made[0]]
        assert await _offered(agent, OUTPUT, execution_id="") == []
        assert set(await _offered(agent, OUTPUT, run_id="scr_")) == {run_id, other}
    async with serve(pack, principal=Principal("solver", Role.SOLVER)) as solver:
        assert await _offered(solver, OUTPUT, execution_id="", run_id=run_id) == []


async def test_scenarios_are_completed_by_name_and_id(tmp_path: Path, serve: Serve) -> None:
    """What was typed may become a name, or the id of what has it in its name; enumerations are offered whole."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    scenario_folder(tmp_path / "pack", "answer-again")
    async with serve(pack) as agent:
        offered = await _offered(agent, PROMPT, scenario_id="answer-a")
        assert offered[0] == "answer-again"
        assert offered[1].startswith("scn_")
        assert await _offered(agent, OUTPUT, stream="std") == ["stdout", "stderr"]
        run_id, _ = await agent.run_of("answer-again"), await agent.run_of("answer")
        assert await _offered(agent, OUTPUT, run_id="", scenario_id=offered[1]) == [run_id]


AUTHOR = PromptReference(type="ref/prompt", name="author_scenario")
COMPARE = PromptReference(type="ref/prompt", name="compare_runs")
BENCHMARK_RUN = ResourceTemplateReference(type="ref/resource", uri="runloop://benchmark-runs/{benchmark_run_id}")


async def test_runs_are_completed_in_the_state_and_list_that_is_typed(tmp_path: Path, serve: Serve) -> None:
    """The last of several, without those that are there; only in the state that is given; also by their name."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    async with serve(pack) as agent:
        first, second = await agent.run_of("answer"), await agent.run_of("answer", run_name="The second try")
        await agent.call("cancel_run", run_id=first)
        assert await _offered(agent, COMPARE, run_ids="", scenario_id="answer") == [second, first]
        assert await _offered(agent, COMPARE, run_ids="", scenario_id="answer", state="canceled") == [first]
        assert await _offered(agent, COMPARE, run_ids=f"{second}, ", scenario_id="answer") == [f"{second}, {first}"]
        assert await _offered(agent, COMPARE, run_ids=first[6:], scenario_id="answer") == [first]
        assert await _offered(agent, COMPARE, run_ids="second try") == [second]
        assert await _offered(agent, COMPARE, state="co") == ["completed", "scoring", "scored"]
        assert set(await _offered(agent, COMPARE, state="")) == set(RunState)
        assert await _offered(agent, COMPARE, run_ids="", scenario_id="no-such-scenario") == []


async def test_operators_are_offered_all_that_has_a_name(tmp_path: Path, serve: Serve) -> None:
    """Tags, languages, scorers, benchmarks and their runs, snapshots, secrets by name; a solver nothing of that.

    Without a tool that is for operators alone, nobody learns what only such tools tell.
    """
    pack = scenario_folder(tmp_path / "pack", "answer", metadata={"tags": "parsing, dates", "language": "python"})
    async with serve(pack, surface=surface(["core", "author"])) as agent:
        scenario_id = (await agent.call("list_scenarios", query="answer")).found(r"scn_\w+")
        benchmark = await agent.backend.benchmarks.create(
            BenchmarkCreateParams(name="Numbers", scenario_ids=[scenario_id])
        )
        run = await agent.backend.benchmarks.start_run(BenchmarkStartRunParams(benchmark_id=benchmark.id))
        await agent.backend.scorers.create(ScorerCreateParams(type="fair_judge", bash_script="echo score=1"))
        await agent.backend.secrets.create(SecretCreateParams(name="API_TOKEN", value="hush-hush-hush"))
        run_id = await agent.run_of("answer")
        devbox_id = (await agent.backend.runs.retrieve(run_id)).devbox_id
        snapshot = await agent.backend.snapshots.create(devbox_id, SnapshotParams(name="with-tools"), wait_seconds=20)
        expected = {
            ("tags", "dat"): ["dates"],
            ("tags", "dates, pars"): ["dates, parsing"],
            ("language", "pyt"): ["python"],
            ("scorer_type", "judge"): ["fair_judge"],
            ("scorer_type", "test_"): ["test_based_scorer"],
            ("environment", "snp_"): [snapshot.id],
            ("environment", "TOOLS"): [snapshot.id],
            ("secrets", "token"): ["API_TOKEN"],
        }
        for (argument, begun), values in expected.items():
            assert await _offered(agent, AUTHOR, **{argument: begun}) == values
        assert await _offered(agent, BENCHMARK_RUN, benchmark_run_id="") == [run.id]
        assert await _offered(agent, BENCHMARK_RUN, benchmark_id="numb") == [benchmark.id]
    async with serve(pack) as agent:
        for argument in ("scorer_type", "environment", "secrets"):
            assert await _offered(agent, AUTHOR, **{argument: ""}) == []
    async with serve(pack, principal=Principal("solver", Role.SOLVER)) as solver:
        for argument, begun in expected:
            assert await _offered(solver, AUTHOR, **{argument: begun}) == []
        for argument in ("benchmark_run_id", "benchmark_id"):
            assert await _offered(solver, BENCHMARK_RUN, **{argument: ""}) == []
