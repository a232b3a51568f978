"""Tools that change a benchmark, take it out of lists and put it back."""

from typing import Annotated

from pydantic import Field

from runloop_mcp.api.errors import InvalidRequest, NotFound
from runloop_mcp.api.models.benchmark import BenchmarkScenariosParams, BenchmarkUpdateParams
from runloop_mcp.server.arguments import Arguments
from runloop_mcp.server.call import Call, Reply
from runloop_mcp.server.handles import find_benchmark
from runloop_mcp.server.rendering.quantities import amount
from runloop_mcp.server.tools.benchmarks import BenchmarkId, scenario_ids
from runloop_mcp.server.tools.tool import Tool


class UpdateBenchmark(Arguments):
    """What to change in which benchmark."""

    benchmark_id: BenchmarkId
    name: Annotated[str | None, Field(min_length=1)] = None
    scenario_ids: Annotated[
        list[str] | None, Field(min_length=1, description="All of it anew: ids or exact names, in order")
    ] = None
    add_scenario_ids: Annotated[list[str] | None, Field(description="Puts these at its end")] = None
    remove_scenario_ids: Annotated[list[str] | None, Field(description="Takes these out")] = None
    description: str | None = None
    metadata: Annotated[dict[str, str] | None, Field(description="An empty value removes its key")] = None


class ArchiveBenchmark(Arguments):
    """Which benchmark to take out of lists, or to put back."""

    benchmark_id: BenchmarkId
    restore: Annotated[bool, Field(description="Puts an archived one back, by its id")] = False


async def update_benchmark(call: Call, arguments: UpdateBenchmark) -> Reply:
    """Replaces parts of a benchmark, and adds or takes out scenarios."""
    added, removed = arguments.add_scenario_ids or [], arguments.remove_scenario_ids or []
    if arguments.scenario_ids is not None and (added or removed):
        raise InvalidRequest(
            "`scenario_ids` is the whole list, so nothing is left to add or remove.", hint="Give the one or the other."
        )
    benchmark = await find_benchmark(call.backend, arguments.benchmark_id)
    # All are found before anything changes.
    whole = arguments.scenario_ids and await scenario_ids(call, "scenario_ids", arguments.scenario_ids)
    parts = BenchmarkScenariosParams(
        scenarios_to_add=await scenario_ids(call, "add_scenario_ids", added) or None,
        scenarios_to_remove=await scenario_ids(call, "remove_scenario_ids", removed) or None,
    )
    leaving = set(parts.scenarios_to_remove or ())
    if leaving and not parts.scenarios_to_add and leaving.issuperset(benchmark.scenario_ids):
        raise InvalidRequest(
            f"Nothing would be left of benchmark {benchmark.id}.",
            hint="Add others with `add_scenario_ids` in the same call, or take it out of lists with archive_benchmark.",
        )
    given = arguments.metadata
    metadata = None if given is None else {key: value for key, value in (benchmark.metadata | given).items() if value}
    params = BenchmarkUpdateParams(
        name=arguments.name, description=arguments.description, scenario_ids=whole, metadata=metadata
    )
    if params.model_dump(exclude_none=True):
        benchmark = await call.backend.benchmarks.update(benchmark.id, params)
    if parts.model_dump(exclude_none=True):
        benchmark = await call.backend.benchmarks.update_scenarios(benchmark.id, parts)
    return Reply(
        f"Benchmark {benchmark.id} ({benchmark.name}) has {amount(len(benchmark.scenario_ids), 'scenario')} now: "
        f"{', '.join(benchmark.scenario_ids)}. Runs of it that have started keep theirs."
    )


async def archive_benchmark(call: Call, arguments: ArchiveBenchmark) -> Reply:
    """Takes a benchmark out of lists, or puts it back."""
    try:
        benchmark = await find_benchmark(call.backend, arguments.benchmark_id)
    except NotFound as error:
        if not arguments.restore:
            raise
        raise NotFound(error.message, hint="One that is archived is in no list: give its id, bmd_….") from error
    if arguments.restore:
        benchmark = await call.backend.benchmarks.unarchive(benchmark.id)
        return Reply(f"Benchmark {benchmark.id} ({benchmark.name}) can be started again.")
    benchmark = await call.backend.benchmarks.archive(benchmark.id)
    return Reply(
        f"Benchmark {benchmark.id} ({benchmark.name}) is archived: it is in no list and can't be started; its runs "
        f'stay. archive_benchmark(benchmark_id="{benchmark.id}", restore=true) puts it back.'
    )


UPDATE_BENCHMARK = Tool(
    name="update_benchmark",
    title="Change a benchmark",
    description="Replaces what is given of a benchmark, and keeps the rest. Runs that have started keep theirs.",
    arguments=UpdateBenchmark,
    run=update_benchmark,
    destroys=True,
    repeatable=True,
)
ARCHIVE_BENCHMARK = Tool(
    name="archive_benchmark",
    title="Archive a benchmark",
    description="Takes a benchmark out of lists, so that nobody starts it; its runs stay. restore puts it back.",
    arguments=ArchiveBenchmark,
    run=archive_benchmark,
    destroys=True,
    repeatable=True,
)
