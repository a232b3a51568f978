"""The contract of benchmarks and their runs: sets of scenarios, and one score for the runs of them."""

import zipfile
from pathlib import Path

import pytest
from backend_cases import OpenBackend
from greeting_scenario import contract, greeting, keep_secret, run_command

from runloop_mcp.api.access import LOCAL_OPERATOR
from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import InvalidRequest, InvalidState, NotFound
from runloop_mcp.api.models.base import PageParams
from runloop_mcp.api.models.benchmark import (
    BenchmarkCreateParams,
    BenchmarkListParams,
    BenchmarkRunListParams,
    BenchmarkRunView,
    BenchmarkScenariosParams,
    BenchmarkStartRunParams,
    BenchmarkUpdateParams,
    BenchmarkView,
)
from runloop_mcp.api.models.devbox import DevboxStatus
from runloop_mcp.api.models.run import ScenarioRunView, StartRunParams
from runloop_mcp.api.models.scenario import ScenarioListParams, ScenarioUpdateParams


async def scenarios(backend: Backend, number: int) -> list[str]:
    """Some scenarios, by id."""
    return [(await backend.scenarios.create(greeting(name=f"case-{n}"))).id for n in range(number)]


async def benchmark(backend: Backend, *scenario_ids: str, **fields: object) -> BenchmarkView:
    """A benchmark of these scenarios."""
    params = {"name": "greetings", "scenario_ids": list(scenario_ids), **fields}
    return await backend.benchmarks.create(BenchmarkCreateParams.model_validate(params))


async def run_of(backend: Backend, made: BenchmarkView, **params: object) -> BenchmarkRunView:
    """A run of a benchmark."""
    return await backend.benchmarks.start_run(
        BenchmarkStartRunParams.model_validate({"benchmark_id": made.id, **params})
    )


async def begun(backend: Backend, run: BenchmarkRunView, scenario_id: str, **profile: object) -> ScenarioRunView:
    """A run of a scenario in a run of a benchmark, ready."""
    params = {"scenario_id": scenario_id, "benchmark_run_id": run.id, "runProfile": profile or None}
    started = await backend.scenarios.start_run(StartRunParams.model_validate(params))
    await backend.devboxes.wait(started.devbox_id, until={DevboxStatus.RUNNING}, wait_seconds=20)
    return started


async def test_a_benchmark_is_kept_and_changed(open_backend: OpenBackend) -> None:
    """Absent keeps, given replaces whole, empty clears; each scenario is in it once, in order."""
    async with open_backend() as backend:
        one, two, three = await scenarios(backend, 3)
        made = await benchmark(backend, two, one, two, metadata={"of": "tests"}, description="All of them")
        assert (made.id[:4], made.status, made.scenario_ids, made.is_public) == ("bmd_", "active", [two, one], False)
    async with open_backend() as backend:
        assert await backend.benchmarks.retrieve(made.id) == made
        kept = await backend.benchmarks.update(made.id, BenchmarkUpdateParams(attribution="us"))
        assert kept == made.model_copy(update={"attribution": "us"})
        changed = await backend.benchmarks.update(
            made.id, BenchmarkUpdateParams(name="new", scenario_ids=[three], metadata={}, description="")
        )
        assert (changed.name, changed.scenario_ids, changed.metadata) == ("new", [three], {})
        assert (changed.description, changed.attribution) == (None, "us")
        moved = await backend.benchmarks.update_scenarios(
            made.id,
            BenchmarkScenariosParams(scenarios_to_add=[one, three], scenarios_to_remove=[two]),
        )
        assert moved.scenario_ids == [three, one]
        moved = await backend.benchmarks.update_scenarios(
            made.id, BenchmarkScenariosParams(scenarios_to_remove=[three])
        )
        assert moved.scenario_ids == [one] == (await backend.benchmarks.retrieve(made.id)).scenario_ids


async def test_a_benchmark_has_only_scenarios_that_are_there(open_backend: OpenBackend) -> None:
    """Whoever names another is told which; a blank name is refused too."""
    async with open_backend() as backend:
        (one,) = await scenarios(backend, 1)
        made = await benchmark(backend, one)
        for call in (
            benchmark(backend, one, "scn_missing"),
            backend.benchmarks.update(made.id, BenchmarkUpdateParams(scenario_ids=["scn_missing"])),
            backend.benchmarks.update_scenarios(made.id, BenchmarkScenariosParams(scenarios_to_add=["scn_missing"])),
        ):
            with pytest.raises(InvalidRequest, match="scn_missing"):
                await call
        for call in (
            benchmark(backend, name=" "),
            backend.benchmarks.update(made.id, BenchmarkUpdateParams(name="")),
        ):
            with pytest.raises(InvalidRequest, match="name"):
                await call
        assert await backend.benchmarks.retrieve(made.id) == made
        with pytest.raises(NotFound, match="bmd_missing"):
            await backend.benchmarks.retrieve("bmd_missing")


async def test_benchmarks_are_listed_and_their_scenarios_too(open_backend: OpenBackend) -> None:
    """Benchmarks come newest first; the scenarios of one in its order, and a list of scenarios can be its alone."""
    async with open_backend() as backend:
        one, two, three = await scenarios(backend, 3)
        first = await benchmark(backend, three, one, name="first", description="Of Greetings")
        second = await benchmark(backend, name="second")
        page = await backend.benchmarks.list(BenchmarkListParams(limit=1))
        assert ([each.id for each in page.items], page.has_more, page.total_count) == ([second.id], True, 2)
        page = await backend.benchmarks.list(BenchmarkListParams(starting_after=second.id))
        assert ([each.id for each in page.items], page.has_more) == ([first.id], False)
        for params, ids in (
            (BenchmarkListParams(search="of greet"), [first.id]),
            (BenchmarkListParams(name="second"), [second.id]),
            (BenchmarkListParams(is_public=True), []),
        ):
            assert [each.id for each in (await backend.benchmarks.list(params)).items] == ids
        definitions = await backend.benchmarks.definitions(first.id, PageParams(limit=1))
        assert ([each.id for each in definitions.items], definitions.has_more, definitions.total_count) == (
            [three],
            True,
            2,
        )
        rest = await backend.benchmarks.definitions(first.id, PageParams(starting_after=three))
        assert ([each.id for each in rest.items], rest.has_more) == ([one], False)
        with pytest.raises(InvalidRequest, match="start after"):
            await backend.benchmarks.definitions(first.id, PageParams(starting_after=two))
        own = await backend.scenarios.list(ScenarioListParams(benchmark_id=first.id))
        assert {each.id for each in own.items} == {one, three}


async def test_an_archived_benchmark_is_not_started(open_backend: OpenBackend) -> None:
    """It leaves the list, its run goes on, and it can be brought back."""
    async with open_backend() as backend:
        made = await benchmark(backend, *await scenarios(backend, 1))
        run = await run_of(backend, made)
        assert (await backend.benchmarks.archive(made.id)).status == "archived"
        assert (await backend.benchmarks.list(BenchmarkListParams())).items == []
        assert (await backend.benchmarks.list(BenchmarkListParams(status=None))).total_count == 1
        with pytest.raises(InvalidState, match="archived"):
            await run_of(backend, made)
        assert (await backend.benchmark_runs.retrieve(run.id)).state == "running"
        assert await backend.benchmarks.unarchive(made.id) == made
        assert (await run_of(backend, made)).id != run.id


async def test_the_same_key_makes_one_benchmark_and_one_run(open_backend: OpenBackend) -> None:
    """A request that comes again gets what it made; with other arguments it is refused."""
    async with open_backend() as backend:
        params = BenchmarkCreateParams(name="greetings", scenario_ids=await scenarios(backend, 1))
        made = await backend.benchmarks.create(params, idempotency_key="key")
        assert await backend.benchmarks.create(params, idempotency_key="key") == made
        start = BenchmarkStartRunParams(benchmark_id=made.id)
        run = await backend.benchmarks.start_run(start, principal=LOCAL_OPERATOR, idempotency_key="key")
        await backend.benchmarks.archive(made.id)
        again = await backend.benchmarks.start_run(start, principal=LOCAL_OPERATOR, idempotency_key="key")
        assert again.id == run.id
        with pytest.raises(InvalidRequest, match="key"):
            await backend.benchmarks.start_run(start.model_copy(update={"run_name": "x"}), idempotency_key="key")
        assert (await backend.benchmark_runs.list(BenchmarkRunListParams())).total_count == 1


async def test_the_score_is_the_mean_of_the_scores_of_its_runs(open_backend: OpenBackend) -> None:
    """Every run counts, also two of one scenario; one without a score counts 0, and other runs do not count."""
    half = contract(
        ("first", 0.5, {"type": "command_scorer", "command": "true"}),
        ("second", 0.5, {"type": "command_scorer", "command": "test -f greeting.txt"}),
    )
    async with open_backend() as backend:
        easy = (await backend.scenarios.create(greeting(scoring_contract=half))).id
        (hard,) = await scenarios(backend, 1)
        made = await benchmark(backend, easy, hard)
        run = await run_of(backend, made, run_name="tonight", metadata={"model": "m"})
        assert (run.id[:4], run.state, run.score, run.name, run.metadata) == (
            "bmr_",
            "running",
            None,
            "tonight",
            {"model": "m"},
        )
        first, second = await begun(backend, run, easy), await begun(backend, run, hard)
        await run_command(backend, second, "echo hello > greeting.txt")
        await backend.runs.score(first.id)
        with pytest.raises(InvalidState, match=r"1 of its .* neither scored nor ended"):
            await backend.benchmark_runs.complete(run.id)
        await backend.runs.score(second.id)
        third = await begun(backend, run, hard)
        await backend.runs.cancel(third.id)
        other = await run_of(backend, made)
        fourth = await begun(backend, other, hard)
        await backend.runs.cancel(fourth.id)
        done = await backend.benchmark_runs.complete(run.id)
        assert (done.state, done.score) == ("completed", pytest.approx((0.5 + 1 + 0) / 3))
        assert await backend.benchmark_runs.complete(run.id) == done == await backend.benchmark_runs.retrieve(run.id)
        assert done.duration_ms is not None
        with pytest.raises(InvalidState, match="completed"):
            await begun(backend, run, easy)
        with pytest.raises(InvalidState, match="completed"):
            await backend.benchmark_runs.cancel(run.id)
        assert (await backend.benchmark_runs.complete(other.id)).score == 0.0


async def test_a_benchmark_run_without_runs_has_no_score(open_backend: OpenBackend) -> None:
    """There is no mean of nothing."""
    async with open_backend() as backend:
        run = await run_of(backend, await benchmark(backend, *await scenarios(backend, 1)))
        assert (await backend.benchmark_runs.complete(run.id)).score is None


async def test_a_benchmark_run_is_canceled_with_what_runs_in_it(open_backend: OpenBackend) -> None:
    """Runs that are at it end, what was scored keeps its score, and nothing is started any more."""
    async with open_backend() as backend:
        (one,) = await scenarios(backend, 1)
        made = await benchmark(backend, one)
        run = await run_of(backend, made)
        scored, running = await begun(backend, run, one), await begun(backend, run, one)
        outside = await backend.scenarios.start_run(StartRunParams(scenario_id=one))
        await backend.runs.score(scored.id)
        canceled = await backend.benchmark_runs.cancel(run.id)
        assert (canceled.state, canceled.score) == ("canceled", None)
        assert [(await backend.runs.retrieve(each.id)).state for each in (scored, running, outside)] == [
            "scored",
            "canceled",
            "running",
        ]
        assert (await backend.benchmark_runs.cancel(run.id)).id == run.id
        with pytest.raises(InvalidState, match="canceled"):
            await begun(backend, run, one)
        with pytest.raises(InvalidState, match="canceled"):
            await backend.benchmark_runs.complete(run.id)


async def test_runs_of_benchmarks_and_of_their_scenarios_are_listed(open_backend: OpenBackend) -> None:
    """Newest first, in pages, by benchmark, name and state."""
    async with open_backend() as backend:
        one, two = await scenarios(backend, 2)
        made, other = await benchmark(backend, one, two), await benchmark(backend, one)
        first, second = await run_of(backend, made, run_name="a"), await run_of(backend, other, run_name="b")
        started = [await begun(backend, first, each) for each in (one, two)]
        await begun(backend, second, one)
        await backend.benchmark_runs.cancel(second.id)
        for params, ids in (
            (BenchmarkRunListParams(), [second.id, first.id]),
            (BenchmarkRunListParams(benchmark_id=made.id), [first.id]),
            (BenchmarkRunListParams(name="b"), [second.id]),
            (BenchmarkRunListParams(state="running"), [first.id]),
            (BenchmarkRunListParams(starting_after=second.id), [first.id]),
        ):
            assert [each.id for each in (await backend.benchmark_runs.list(params)).items] == ids
        with pytest.raises(InvalidRequest, match="done"):
            await backend.benchmark_runs.list(BenchmarkRunListParams(state="done"))
        page = await backend.benchmark_runs.scenario_runs(first.id, PageParams(limit=1))
        assert ([each.id for each in page.items], page.has_more, page.total_count) == ([started[1].id], True, 2)
        page = await backend.benchmark_runs.scenario_runs(first.id, PageParams(), state="scored")
        assert page.items == []
        with pytest.raises(NotFound, match="bmr_missing"):
            await backend.benchmark_runs.scenario_runs("bmr_missing", PageParams())


async def test_what_a_benchmark_requires_is_asked_for_at_its_start(open_backend: OpenBackend) -> None:
    """Everything that is missing is named at once, and nothing is started."""
    async with open_backend() as backend:
        made = await benchmark(
            backend,
            *await scenarios(backend, 1),
            required_environment_variables=["MODEL"],
            required_secret_names=["DEPLOY_KEY"],
        )
        with pytest.raises(InvalidRequest, match=r"MODEL.*DEPLOY_KEY"):
            await run_of(backend, made)
        await keep_secret(backend, "DEPLOY_KEY", "hush-4711-hush")
        with pytest.raises(InvalidRequest, match="names of environment variables"):
            await run_of(backend, made, runProfile={"envVars": {"MODEL": "m", "A=B": ""}})
        assert (await backend.benchmark_runs.list(BenchmarkRunListParams())).items == []
        run = await run_of(backend, made, runProfile={"envVars": {"MODEL": "m"}, "secrets": {"KEY": "DEPLOY_KEY"}})
        assert (run.environment_variables, run.secrets_provided) == ({"MODEL": "m"}, {"KEY": "DEPLOY_KEY"})


async def test_runs_of_scenarios_take_over_what_the_benchmark_run_says(open_backend: OpenBackend) -> None:
    """Variables, secrets and purpose, where they say nothing else; what the scenario requires may come that way."""
    async with open_backend() as backend:
        await keep_secret(backend, "DEPLOY_KEY", "hush-4711-hush")
        scenario = await backend.scenarios.create(
            greeting(required_environment_variables=["MODEL"], required_secret_names=["DEPLOY_KEY"])
        )
        made = await benchmark(backend, scenario.id)
        profile = {
            "envVars": {"MODEL": "m", "LEVEL": "1"},
            "secrets": {"KEY": "DEPLOY_KEY"},
            "purpose": "a trial",
        }
        run = await run_of(backend, made, runProfile=profile)
        assert run.purpose == "a trial"
        taken = await begun(backend, run, scenario.id)
        own = await begun(backend, run, scenario.id, envVars={"LEVEL": "2"}, purpose="another")
        assert (taken.purpose, taken.benchmark_run_id) == ("a trial", run.id)
        assert own.purpose == "another"
        shown = "echo $MODEL $LEVEL ${#KEY}"
        assert (await run_command(backend, taken, shown)).stdout == "m 1 14\n"
        assert (await run_command(backend, own, shown)).stdout == "m 2 14\n"


async def test_only_scenarios_of_the_benchmark_run_in_it(open_backend: OpenBackend) -> None:
    """A benchmark run has the scenarios that its benchmark had when it started, whatever becomes of that."""
    async with open_backend() as backend:
        one, two = await scenarios(backend, 2)
        made = await benchmark(backend, one)
        run = await run_of(backend, made)
        await backend.benchmarks.update(made.id, BenchmarkUpdateParams(scenario_ids=[two]))
        assert (await begun(backend, run, one)).benchmark_run_id == run.id
        with pytest.raises(InvalidRequest, match=two):
            await begun(backend, run, two)
        with pytest.raises(NotFound, match="bmr_missing"):
            await backend.scenarios.start_run(StartRunParams(scenario_id=one, benchmark_run_id="bmr_missing"))


async def test_the_logs_of_a_benchmark_run_are_those_of_its_runs(open_backend: OpenBackend, tmp_path: Path) -> None:
    """One archive, with a folder for each run."""
    async with open_backend() as backend:
        (one,) = await scenarios(backend, 1)
        await backend.scenarios.update(one, ScenarioUpdateParams(name="renamed"))
        run = await run_of(backend, await benchmark(backend, one))
        started = [await begun(backend, run, one) for _ in range(2)]
        await run_command(backend, started[0], "echo written")
        target = tmp_path / "logs.zip"
        size = await backend.benchmark_runs.download_logs(run.id, target)
        assert size == target.stat().st_size
        with zipfile.ZipFile(target) as archive:
            names = archive.namelist()
            output = next(name for name in names if name.endswith(".stdout"))
            assert archive.read(output) == b"written\n"
        assert {name.split("/")[0] for name in names} == {each.id for each in started}
        assert output.startswith(f"{started[0].id}/outputs/")
        with pytest.raises(NotFound):
            await backend.benchmark_runs.download_logs("bmr_missing", target)
