"""From the results of attempts to figures: for each scenario, and over all of them."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runloop_mcp.evaluation.results import AttemptResult
from runloop_mcp.evaluation.statistics import Interval, mean_interval, pass_at_k, wilson_interval


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure, and the interval that holds its true value 95 times of 100; None where nothing can be told."""

    value: float | None
    interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class ScenarioSummary:
    """How the attempts at one scenario went."""

    scenario_id: str
    scenario: str
    attempts: int
    """Those that count."""
    errors: int
    """Those that do not, because something broke that is not the agent's."""
    agent_failures: int
    """Of those that count: the agent ended with another exit status than 0, or its time ran out."""
    passes: int
    mean_score: float | None
    pass_at_1: Estimate
    pass_at_k: float | None
    """None where fewer than k attempts count."""


@dataclass(frozen=True, slots=True)
class Summary:
    """How an agent did."""

    k: int
    pass_mark: float
    scenarios: Sequence[ScenarioSummary]
    mean_score: Estimate
    pass_at_1: Estimate
    pass_at_k: Estimate
    of_k: int
    """How many scenarios `pass_at_k` is over: those with k attempts that count."""


def summarize(results: Iterable[AttemptResult], *, k: int, pass_mark: float) -> Summary:
    """The figures of an evaluation, with scenarios by name.

    Args:
        results: One for each attempt.
        k: For pass@k.
        pass_mark: The score from which on an attempt passes.
    """
    by_scenario: dict[str, list[AttemptResult]] = {}
    for result in results:
        by_scenario.setdefault(result.scenario_id, []).append(result)
    scenarios = sorted(
        (_scenario(each, k=k, pass_mark=pass_mark) for each in by_scenario.values()),
        key=lambda each: (each.scenario, each.scenario_id),
    )
    of_k = [each.pass_at_k for each in scenarios if each.pass_at_k is not None]
    return Summary(
        k=k,
        pass_mark=pass_mark,
        scenarios=scenarios,
        mean_score=_over(each.mean_score for each in scenarios),
        pass_at_1=_over(each.pass_at_1.value for each in scenarios),
        pass_at_k=_over(of_k),
        of_k=len(of_k),
    )


def _scenario(results: Sequence[AttemptResult], *, k: int, pass_mark: float) -> ScenarioSummary:
    counted = [result for result in results if result.counted]
    passes = sum(result.value >= pass_mark for result in counted)
    number = len(counted)
    return ScenarioSummary(
        scenario_id=results[0].scenario_id,
        scenario=results[0].scenario,
        attempts=number,
        errors=len(results) - number,
        agent_failures=sum(result.agent_timed_out or result.agent_exit_status not in (0, None) for result in counted),
        passes=passes,
        mean_score=statistics.fmean(result.value for result in counted) if counted else None,
        pass_at_1=Estimate(pass_at_k(number, passes, 1), wilson_interval(number, passes)),
        pass_at_k=pass_at_k(number, passes, k),
    )


def _over(values: Iterable[float | None]) -> Estimate:
    """The mean over scenarios, each of which weighs the same, however many of its attempts count."""
    known = [value for value in values if value is not None]
    if not known:
        return Estimate(None)
    return Estimate(statistics.fmean(known), mean_interval(known))
