"""Tools that make benchmarks and run them."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from runloop_mcp.api.errors import InvalidRequest, NotFound
from runloop_mcp.api.ids import IdPrefix
from runloop_mcp.api.models.benchmark import (
    BenchmarkCreateParams,
    BenchmarkListParams,
    BenchmarkRunListParams,
    BenchmarkRunState,
    BenchmarkRunView,
    BenchmarkStartRunParams,
)
from runloop_mcp.api.models.run import RunProfile
from runloop_mcp.server.arguments import Arguments, Ask, Cursor, IdempotencyKey, Limit
from runloop_mcp.server.benchmark_progress import progress_with
from runloop_mcp.server.call import Call, Reply
from runloop_mcp.server.handles import bare_id, find_benchmark, find_scenario, found_by
from runloop_mcp.server.listings import (
    BenchmarkLine,
    BenchmarkList,
    BenchmarkProgress,
    BenchmarkRunLine,
    BenchmarkRunList,
)
from runloop_mcp.server.rendering.benchmark import group_of, progress_text
from runloop_mcp.server.rendering.listing import facts, next_cursor, page_text
from runloop_mcp.server.rendering.quantities import amount, moment
from runloop_mcp.server.tools.consent import ask_to_give_up_benchmark
from runloop_mcp.server.tools.scenarios import refuse_other_secrets
from runloop_mcp.server.tools.tool import Tool

BenchmarkId = Annotated[str, Field(description="The benchmark's id, bmd_…, or its exact name")]
BenchmarkRunId = Annotated[str, Field(description="The benchmark run's id, bmr_…")]


class ListBenchmarks(Arguments):
    """Which benchmarks to list."""

    query: Annotated[str | None, Field(description="Part of the name, description or id")] = None
    cursor: Cursor = None
    limit: Limit = 20


class CreateBenchmark(Arguments):
    """What a new benchmark is made of."""

    name: Annotated[str, Field(min_length=1)]
    scenario_ids: Annotated[list[str], Field(min_length=1, description="Ids or exact names, in order")]
    description: str | None = None
    metadata: dict[str, str] | None = None
    idempotency_key: Annotated[str | None, Field(description="The same key makes one benchmark only")] = None


class StartBenchmarkRun(Arguments):
    """Which benchmark to start, and with what."""

    benchmark_id: BenchmarkId
    run_name: str | None = None
    environment_variables: Annotated[dict[str, str] | None, Field(description="Set in every devbox of its runs")] = None
    secrets: Annotated[dict[str, str] | None, Field(description="Environment variable: name of a stored secret")] = None
    metadata: dict[str, str] | None = None
    idempotency_key: IdempotencyKey = None


class GetBenchmarkRun(Arguments):
    """Which benchmark run to show."""

    benchmark_run_id: BenchmarkRunId
    only: Annotated[
        Literal["all", "not_started", "under_way", "scored", "without_score"], Field(description="Scenarios to list")
    ] = "all"
    cursor: Cursor = None
    limit: Limit = 50


class ListBenchmarkRuns(Arguments):
    """Which benchmark runs to list."""

    benchmark_id: Annotated[str | None, Field(description="Only runs of this benchmark")] = None
    state: Literal["running", "completed", "canceled", "failed"] | None = None
    cursor: Cursor = None
    limit: Limit = 20


class EndBenchmarkRun(Arguments):
    """Which benchmark run to end."""

    benchmark_run_id: BenchmarkRunId


class CancelBenchmarkRun(EndBenchmarkRun):
    """Which benchmark run to give up."""

    ask: Ask = True


async def list_benchmarks(call: Call, arguments: ListBenchmarks) -> Reply:
    """One page of benchmarks."""
    page = await call.backend.benchmarks.list(
        BenchmarkListParams(search=arguments.query, starting_after=arguments.cursor, limit=arguments.limit)
    )
    listed = BenchmarkList(
        benchmarks=[
            BenchmarkLine(
                benchmark_id=each.id,
                name=each.name,
                description=each.description,
                scenarios=len(each.scenario_ids),
            )
            for each in page.items
        ],
        total=page.total_count,
        next_cursor=next_cursor(page),
    )
    lines = [
        facts(each.benchmark_id, each.name, amount(each.scenarios, "scenario"), each.description)
        for each in listed.benchmarks
    ]
    none = "No benchmark matches. create_benchmark makes one."
    return Reply(page_text("list_benchmarks", "benchmark", lines, listed.total, listed.next_cursor, none=none), listed)


async def create_benchmark(call: Call, arguments: CreateBenchmark) -> Reply:
    """Keeps a new benchmark."""
    params = BenchmarkCreateParams(
        name=arguments.name,
        scenario_ids=await scenario_ids(call, "scenario_ids", arguments.scenario_ids),
        description=arguments.description,
        metadata=arguments.metadata,
    )
    key = call.idempotency_key(arguments.idempotency_key)
    made = await call.backend.benchmarks.create(params, idempotency_key=key)
    return Reply(
        f"Benchmark {made.id} ({made.name}) is there, with {amount(len(made.scenario_ids), 'scenario')}. "
        f'Next: start_benchmark_run(benchmark_id="{made.id}").'
    )


async def scenario_ids(call: Call, argument: str, named: Sequence[str]) -> list[str]:
    """The ids of the scenarios that an argument lists.

    Raises:
        NotFound: There is no such scenario; the message says at which place of the list.
        InvalidRequest: It is the id of something else, likewise.
    """
    found: list[str] = []
    for place, each in enumerate(named):
        try:
            found.append((await find_scenario(call.backend, call.principal, each)).id)
        except InvalidRequest as error:
            raise InvalidRequest(f"`{argument}[{place}]`: {error.message}", hint=error.hint) from error
        except NotFound as error:
            raise NotFound(f"`{argument}[{place}]`: {error.message}", hint=error.hint) from error
    return found


async def start_benchmark_run(call: Call, arguments: StartBenchmarkRun) -> Reply:
    """Starts a run of a benchmark."""
    benchmark = await find_benchmark(call.backend, arguments.benchmark_id)
    if not call.operates:
        refuse_other_secrets("benchmark", benchmark.required_secret_names or [], arguments.secrets or {})
    params = BenchmarkStartRunParams(
        benchmark_id=benchmark.id,
        run_name=arguments.run_name,
        metadata=arguments.metadata,
        run_profile=RunProfile(env_vars=arguments.environment_variables, secrets=arguments.secrets),
    )
    run = await call.backend.benchmarks.start_run(
        params, principal=call.principal, idempotency_key=call.idempotency_key(arguments.idempotency_key)
    )
    progress = await _progress(call, run, GetBenchmarkRun(benchmark_run_id=run.id))
    return Reply(f"Benchmark run {run.id} of {benchmark.name} has started.\n{progress_text(progress)}")


async def get_benchmark_run(call: Call, arguments: GetBenchmarkRun) -> Reply:
    """How far a benchmark run is."""
    progress = await _progress(call, await _found_run(call, arguments.benchmark_run_id), arguments)
    return Reply(progress_text(progress), progress)


async def list_benchmark_runs(call: Call, arguments: ListBenchmarkRuns) -> Reply:
    """One page of benchmark runs."""
    benchmark = await find_benchmark(call.backend, arguments.benchmark_id) if arguments.benchmark_id else None
    page = await call.backend.benchmark_runs.list(
        BenchmarkRunListParams(
            benchmark_id=benchmark and benchmark.id,
            state=arguments.state,
            starting_after=arguments.cursor,
            limit=arguments.limit,
        )
    )
    listed = BenchmarkRunList(
        benchmark_runs=[
            BenchmarkRunLine(
                benchmark_run_id=each.id,
                state=each.state,
                benchmark_id=each.benchmark_id,
                name=each.name,
                started=moment(each.start_time_ms),
            )
            for each in page.items
        ],
        total=page.total_count,
        next_cursor=next_cursor(page),
    )
    lines = [
        facts(each.benchmark_run_id, each.name, each.state, each.benchmark_id, each.started)
        for each in listed.benchmark_runs
    ]
    none = "No benchmark run matches. start_benchmark_run begins one."
    text = page_text("list_benchmark_runs", "benchmark run", lines, listed.total, listed.next_cursor, none=none)
    return Reply(text, listed)


async def complete_benchmark_run(call: Call, arguments: EndBenchmarkRun) -> Reply:
    """Ends a benchmark run with its score."""
    run = await _found_run(call, arguments.benchmark_run_id)
    run = await call.backend.benchmark_runs.complete(run.id)
    progress = await _progress(call, run, GetBenchmarkRun(benchmark_run_id=run.id))
    return Reply(progress_text(progress), progress)


async def cancel_benchmark_run(call: Call, arguments: CancelBenchmarkRun) -> Reply:
    """Ends a benchmark run without a score."""
    run = await _found_run(call, arguments.benchmark_run_id)
    if arguments.ask and run.state == BenchmarkRunState.RUNNING:
        await ask_to_give_up_benchmark(call, run)
    run = await call.backend.benchmark_runs.cancel(run.id)
    progress = await _progress(call, run, GetBenchmarkRun(benchmark_run_id=run.id))
    return Reply(progress_text(progress))


async def _progress(call: Call, run: BenchmarkRunView, arguments: GetBenchmarkRun) -> BenchmarkProgress:
    progress = await progress_with(call.backend, run, call.shown, sealed=not call.operates)
    lines = progress.scenarios
    if arguments.cursor is not None:
        ids = [each.scenario_id for each in lines]
        if arguments.cursor not in ids:
            raise InvalidRequest("`cursor` names no scenario of this list.", hint="Give next_cursor as it was.")
        lines = lines[ids.index(arguments.cursor) + 1 :]
    # Chosen after the cursor: the scenario that it names may have gone on to another state since.
    lines = [each for each in lines if arguments.only in ("all", group_of(each.state))]
    shown = lines[: arguments.limit]
    more = arguments.limit < len(lines)
    return progress.model_copy(
        update={"scenarios": shown, "next_cursor": shown[-1].scenario_id if more and shown else None}
    )


async def _found_run(call: Call, named: str) -> BenchmarkRunView:
    with found_by(IdPrefix.BENCHMARK_RUN):
        return await call.backend.benchmark_runs.retrieve(bare_id(named, IdPrefix.BENCHMARK_RUN, "benchmark_run_id"))


LIST_BENCHMARKS = Tool(
    name="list_benchmarks",
    title="List benchmarks",
    description="Lists benchmarks, which are sets of scenarios, newest first.",
    arguments=ListBenchmarks,
    run=list_benchmarks,
    result=BenchmarkList,
    reads_only=True,
)
CREATE_BENCHMARK = Tool(
    name="create_benchmark",
    title="Create a benchmark",
    description="Makes a benchmark of scenarios that there are.",
    arguments=CreateBenchmark,
    run=create_benchmark,
)
START_BENCHMARK_RUN = Tool(
    name="start_benchmark_run",
    title="Start a benchmark run",
    description=(
        "Starts a run of a benchmark and lists its scenarios. Each is then started by start_run with its "
        "benchmark_run_id, solved and scored like any run."
    ),
    arguments=StartBenchmarkRun,
    run=start_benchmark_run,
)
GET_BENCHMARK_RUN = Tool(
    name="get_benchmark_run",
    title="Show a benchmark run",
    description=(
        "Shows how far a benchmark run is: each scenario with its newest run and score, counts, the mean so far, and "
        "what comes next."
    ),
    arguments=GetBenchmarkRun,
    run=get_benchmark_run,
    result=BenchmarkProgress,
    reads_only=True,
)
LIST_BENCHMARK_RUNS = Tool(
    name="list_benchmark_runs",
    title="List benchmark runs",
    description="Lists benchmark runs, newest first. Finds a benchmark_run_id again.",
    arguments=ListBenchmarkRuns,
    run=list_benchmark_runs,
    result=BenchmarkRunList,
    reads_only=True,
)
COMPLETE_BENCHMARK_RUN = Tool(
    name="complete_benchmark_run",
    title="Complete a benchmark run",
    description=(
        "Ends a benchmark run with its score: the mean over all runs in it. A run without a score counts 0, a scenario "
        "that was not started not at all. Refused while a run of it is neither scored nor ended."
    ),
    arguments=EndBenchmarkRun,
    run=complete_benchmark_run,
    result=BenchmarkProgress,
    destroys=True,
    repeatable=True,
)
CANCEL_BENCHMARK_RUN = Tool(
    name="cancel_benchmark_run",
    title="Cancel a benchmark run",
    description="Ends a benchmark run without a score, and cancels its runs that are under way.",
    arguments=CancelBenchmarkRun,
    run=cancel_benchmark_run,
    destroys=True,
    repeatable=True,
)
