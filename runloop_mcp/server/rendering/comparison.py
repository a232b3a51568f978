"""Runs of one scenario side by side. Takes only what `runloop_mcp.api.disclosure` has passed."""

from collections.abc import Sequence

from runloop_mcp.api.models.run import ScenarioRunView
from runloop_mcp.server.rendering.quantities import amount, score_text, span


def comparison_text(runs: Sequence[ScenarioRunView]) -> str:
    """A table of the runs, with the score of each scoring function that may be seen, and what they come to together."""
    functions = list(dict.fromkeys(name for run in runs for name in function_scores(run)))
    header = ["run", "attempt", "state", "score", *functions, "time"]
    rows = [header, ["---"] * len(header), *(_row(run, functions) for run in runs)]
    return "\n".join([*(f"| {' | '.join(row)} |" for row in rows), "", summary(runs)])


def function_scores(run: ScenarioRunView) -> dict[str, float]:
    """The score of each scoring function, by its name."""
    result = run.scoring_contract_result
    return {each.scoring_function_name: each.score for each in result.scoring_function_results} if result else {}


def summary(runs: Sequence[ScenarioRunView]) -> str:
    """What the scores come to: "3 runs, 2 with a score: mean 0.5, best 0.75, worst 0.25."."""
    scores = [run.score for run in runs if run.score is not None]
    if not scores:
        return f"{amount(len(runs), 'run')}, none with a score that may be seen."
    return (
        f"{amount(len(runs), 'run')}, {len(scores)} with a score: mean {score_text(sum(scores) / len(scores))}, best"
        f" {score_text(max(scores))}, worst {score_text(min(scores))}."
    )


def _row(run: ScenarioRunView, functions: Sequence[str]) -> list[str]:
    scores = function_scores(run)
    return [
        run.id,
        str(run.x_runloop_mcp.attempt) if run.x_runloop_mcp else "",
        str(run.state),
        "none" if run.score is None else score_text(run.score),
        *(score_text(scores[name]) if name in scores else "" for name in functions),
        "" if run.duration_ms is None else span(run.duration_ms / 1000),
    ]
