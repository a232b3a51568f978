"""What the scores of a scenario say about it."""

from runloop_mcp.api.models.scenario import ValidationType
from runloop_mcp.api.models.scoring import ScoringContractResult, ScoringFunctionState
from runloop_mcp.validation.verdicts import Outcome, Unproven, Verdict

_TAIL_CHARACTERS = 400
_ROUNDING = 1e-9


def judge_untouched(kind: str, result: ScoringContractResult) -> None:
    """Raises `Unproven` unless this is what an untouched environment may score."""
    if kind == ValidationType.EVALUATION:
        _judge_scorers("Untouched", result)
    elif kind == ValidationType.REVERSE:
        if result.score != 1.0:
            raise Unproven(Verdict.INVALID, f"Untouched, it holds the solution and must score 1.0; {_scored(result)}")
    elif result.score >= 1.0:
        raise Unproven(Verdict.INVALID, "Untouched, it scores 1.0: there is nothing to solve.")


def judge_reference(kind: str, result: ScoringContractResult) -> None:
    """Raises `Unproven` unless this is what an environment with the reference applied (taken away) has to score."""
    if kind == ValidationType.EVALUATION:
        _judge_scorers("With the reference", result)
    elif kind == ValidationType.REVERSE:
        if result.score >= 1.0:
            raise Unproven(Verdict.INVALID, "With the reference taken away it still scores 1.0.")
    elif result.score != 1.0:
        raise Unproven(Verdict.INVALID, f"With the reference applied it must score 1.0; {_scored(result)}")


def judge_sameness(what: str, scores: list[float]) -> None:
    """Raises `Unproven` unless all scores are the same."""
    if len(set(scores)) > 1:
        listed = ", ".join(f"{score:.6g}" for score in scores)
        raise Unproven(Verdict.INVALID, f"The score is not the same each time: {what} {listed}.")


def judge_cheat(unsolved: ScoringContractResult, cheated: ScoringContractResult) -> tuple[Outcome, list[str]]:
    """What a cheat earned beyond the unsolved environment, and the scoring functions that it won.

    A cheat does none of the work, so whatever it adds was not earned. A function that failed and now gives all is won;
    less is told apart from that, because a program that does nothing can be right about a case or two.
    """
    before = {each.scoring_function_name: each.score for each in unsolved.scoring_function_results}
    won = [
        each.scoring_function_name
        for each in cheated.scoring_function_results
        if each.score >= 1.0 > before.get(each.scoring_function_name, 0.0)
    ]
    if won or cheated.score >= 1.0 > unsolved.score:
        return Outcome.WON, won
    return (Outcome.RAISED if cheated.score > unsolved.score + _ROUNDING else Outcome.HELD), []


def _judge_scorers(when: str, result: ScoringContractResult) -> None:
    if any(each.state == ScoringFunctionState.ERROR for each in result.scoring_function_results):
        raise Unproven(Verdict.INVALID, f"{when}, a scorer gives no score; {_scored(result)}")


def _scored(result: ScoringContractResult) -> str:
    """What it scored, and the functions that did not give all."""
    below = [each for each in result.scoring_function_results if each.score < 1.0]
    parts = []
    for each in below:
        tail = each.output.strip()[-_TAIL_CHARACTERS:]
        said = f": {tail}" if tail else ""
        parts.append(f"{each.scoring_function_name} {each.score:.4g}{said}")
    return f"it scored {result.score:.6g} ({'; '.join(parts)})."
