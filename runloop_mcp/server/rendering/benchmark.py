"""Benchmark runs: how far they are, as typed values and as text. Takes only runs as they may be shown."""

from collections import Counter
from collections.abc import Mapping, Sequence

from runloop_mcp.api.models.benchmark import BenchmarkRunState, BenchmarkRunView
from runloop_mcp.api.models.run import RunState, ScenarioRunView
from runloop_mcp.server.listings import BenchmarkProgress, BenchmarkScenarioLine
from runloop_mcp.server.rendering.quantities import amount, score_text

NOT_STARTED = "not started"
_SCORED = (RunState.SCORED, RunState.COMPLETED)
_UNDER_WAY = (RunState.RUNNING, RunState.SCORING)


def progress_of(
    run: BenchmarkRunView, names: Mapping[str, str | None], runs: Sequence[ScenarioRunView], *, sealed: bool
) -> BenchmarkProgress:
    """How far a benchmark run is.

    Args:
        run: The benchmark run.
        names: The names of its scenarios by id, in their order.
        runs: The runs of its scenarios, newest first, as they may be shown.
        sealed: Whether the total is withheld where the score of a run is.
    """
    newest: dict[str, ScenarioRunView] = {}
    for each in runs:
        newest.setdefault(each.scenario_id, each)
    lines = [
        BenchmarkScenarioLine(
            scenario_id=scenario_id,
            name=names.get(scenario_id),
            run_id=newest[scenario_id].id if scenario_id in newest else None,
            state=newest[scenario_id].state if scenario_id in newest else NOT_STARTED,
            score=newest[scenario_id].score if scenario_id in newest else None,
        )
        for scenario_id in dict.fromkeys([*names, *newest])
    ]
    count = Counter(group_of(each.state) for each in lines)
    scored = [each for each in lines if each.state in _SCORED]
    # The total counts earlier runs of a scenario too.
    hidden = sealed and any(each.score is None for each in runs if each.state in _SCORED)
    scores = [each.score for each in scored if each.score is not None]
    return BenchmarkProgress(
        benchmark_run_id=run.id,
        state=run.state,
        benchmark_id=run.benchmark_id,
        name=run.name,
        score=None if hidden else run.score,
        scenarios_total=len(lines),
        not_started=count["not_started"],
        under_way=count["under_way"],
        scored=count["scored"],
        without_score=count["without_score"],
        mean_so_far=sum(scores) / len(scores) if scores and not hidden else None,
        scenarios=lines,
        next=_next(run, lines),
    )


def group_of(state: str) -> str:
    """What a scenario is counted as, whose newest run is in a state: the names are those of the counts."""
    if state == NOT_STARTED:
        return "not_started"
    if state in _UNDER_WAY:
        return "under_way"
    return "scored" if state in _SCORED else "without_score"


def _next(run: BenchmarkRunView, lines: Sequence[BenchmarkScenarioLine]) -> str:
    if run.state != BenchmarkRunState.RUNNING:
        return f"The benchmark run is {run.state}; get_score shows the score of each run."
    waiting = next((each for each in lines if each.state == NOT_STARTED), None)
    if waiting is not None:
        return f'start_run(scenario_id="{waiting.scenario_id}", benchmark_run_id="{run.id}") starts the next scenario.'
    open_run = next((each for each in lines if each.state in _UNDER_WAY), None)
    if open_run is not None:
        return f'Go on with run {open_run.run_id}: work, then score_run(run_id="{open_run.run_id}").'
    return f'complete_benchmark_run(benchmark_run_id="{run.id}") gives the total.'


def progress_text(progress: BenchmarkProgress) -> str:
    """How far a benchmark run is, as text."""
    named = f" ({progress.name})" if progress.name else ""
    lines = [
        f"Benchmark run {progress.benchmark_run_id}{named}: {progress.state}.",
        (
            f"Of {amount(progress.scenarios_total, 'scenario')} {progress.scored} are scored, {progress.under_way} "
            f"under way, {progress.not_started} not started, {progress.without_score} ended without a score."
        ),
    ]
    if progress.score is not None:
        lines.append(f"Score: {score_text(progress.score)}, the mean over all runs in it.")
    elif progress.mean_so_far is not None:
        lines.append(f"Mean of the scores so far: {score_text(progress.mean_so_far)}.")
    for each in progress.scenarios:
        parts = [each.state, each.run_id or "", f"score {score_text(each.score)}" if each.score is not None else ""]
        name = f" ({each.name})" if each.name else ""
        lines.append(f"- {each.scenario_id}{name}: {', '.join(part for part in parts if part)}")
    if progress.next_cursor:
        more = f'benchmark_run_id="{progress.benchmark_run_id}", cursor="{progress.next_cursor}"'
        lines.append(f"More: get_benchmark_run({more}, …)")
    lines.append(f"Next: {progress.next}")
    return "\n".join(lines)
