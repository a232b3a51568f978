"""Score cards, as typed values and as text. Takes only what `runloop_mcp.api.disclosure` has passed."""

from collections.abc import Sequence

from runloop_mcp.api.models.run import RunState, ScenarioRunView
from runloop_mcp.api.models.scoring import Disclosure, ScoringFunctionResult, ScoringFunctionState
from runloop_mcp.server.printable import printable, shortened
from runloop_mcp.server.rendering.quantities import budget_line, score_text, span
from runloop_mcp.server.rendering.run import next_calls
from runloop_mcp.server.results import AttemptScore, FunctionScore, ScoreCard

_OUTPUT = 4000
"""Characters of one scorer's output."""
_ALL_OUTPUT = 24_000
"""Characters of all scorers' output together."""
_FULL_SCORE = 1.0


def score_card(run: ScenarioRunView, earlier: Sequence[ScenarioRunView] = ()) -> ScoreCard:
    """The score card of a run, scored or not yet, with what the attempts before it came to."""
    details, result = run.x_runloop_mcp, run.scoring_contract_result
    results = result.scoring_function_results if result else []
    output_limit = min(_OUTPUT, _ALL_OUTPUT // max(1, len(results)))
    return ScoreCard(
        run_id=run.id,
        state=run.state,
        message=_message(run),
        disclosure=details.disclosure if details else Disclosure.NAMED,
        score=result.score if result else None,
        complete=result.x_complete if result else None,
        functions=[_function_score(each, output_limit) for each in results],
        attempt=details.attempt if details else None,
        earlier_attempts=[_attempt(each) for each in earlier],
        seconds=_seconds(run.duration_ms) if result else None,
        scoring_mode=details.scoring_mode if details else None,
        restored_files=details.restored_files if details else [],
        notes=[shortened(printable(note), _OUTPUT) for note in details.notes] if details else [],
        next=" ".join([next_calls(run), *_what_is_left(run)]),
    )


def _what_is_left(run: ScenarioRunView) -> list[str]:
    """The budget of a run that is still worked on."""
    line = budget_line(run.x_runloop_mcp.budget) if run.x_runloop_mcp and run.state == RunState.RUNNING else ""
    return [line] if line else []


def _function_score(result: ScoringFunctionResult, output_limit: int) -> FunctionScore:
    return FunctionScore(
        name=result.scoring_function_name,
        score=result.score,
        weight=result.x_weight,
        state=result.state,
        seconds=_seconds(result.x_duration_ms),
        output=shortened(printable(result.output), output_limit) or None,
    )


def _attempt(run: ScenarioRunView) -> AttemptScore:
    attempt = run.x_runloop_mcp.attempt if run.x_runloop_mcp else 1
    return AttemptScore(attempt=attempt, state=run.state, score=run.score)


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else round(milliseconds / 1000, 2)


def score_card_text(card: ScoreCard) -> str:
    """A score card as text: the total, each function with those that fail first named, and what comes next."""
    lines = [card.message]
    for function in card.functions:
        weight = f" of weight {score_text(function.weight)}" if function.weight is not None else ""
        mark = "✓" if function.score >= _FULL_SCORE else "✗"
        error = " (the scorer broke or timed out)" if function.state == ScoringFunctionState.ERROR else ""
        took = f", in {span(function.seconds)}" if function.seconds is not None else ""
        lines.append(f"{mark} {function.name}: {score_text(function.score)}{weight}{took}{error}")
        if function.output:
            lines += [f"    {line}" for line in function.output.splitlines()]
    if card.complete is False:
        lines.append("The score is incomplete: at least one scorer broke, and counts as 0.")
    if card.seconds is not None:
        lines.append(f"The run has taken {span(card.seconds)}.")
    if card.scoring_mode is not None:
        lines.append(f"Scored in the mode {card.scoring_mode}.")
    if card.earlier_attempts:
        lines.append(f"Earlier attempts: {'; '.join(_attempt_text(each) for each in card.earlier_attempts)}.")
    if card.restored_files:
        lines.append(f"Protected files that were put back before scoring: {', '.join(card.restored_files)}.")
    lines += [f"Note: {note}" for note in card.notes]
    lines.append(card.next)
    return "\n".join(lines)


def _attempt_text(each: AttemptScore) -> str:
    return f"{each.attempt}: " + (score_text(each.score) if each.score is not None else f"no score, {each.state}")


def _message(run: ScenarioRunView) -> str:
    """The result in a sentence."""
    attempt = f" (attempt {run.x_runloop_mcp.attempt})" if run.x_runloop_mcp else ""
    if (result := run.scoring_contract_result) is not None:
        failing = [
            function.scoring_function_name
            for function in result.scoring_function_results
            if function.score < _FULL_SCORE
        ]
        short = f" Short of full score: {', '.join(failing)}." if failing else ""
        return f"Score {score_text(result.score)}{attempt}.{short}"
    if run.state in {RunState.SCORED, RunState.COMPLETED}:
        return f"Scored{attempt}. The score is kept sealed."
    return f"No score{' yet' if run.state in {RunState.RUNNING, RunState.SCORING} else ''}{attempt}."
