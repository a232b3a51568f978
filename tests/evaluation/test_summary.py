"""From attempts to figures."""

import pytest
from test_results import result

from runloop_mcp.evaluation.statistics import mean_interval, wilson_interval
from runloop_mcp.evaluation.summary import summarize


def test_scenarios_weigh_the_same_however_many_of_their_attempts_count() -> None:
    """Attempts that could not be made are counted apart, and tell nothing; pass@k needs k attempts that count."""
    results = [
        *(result(number, score) for number, score in enumerate((1.0, 0.0, 1.0, 0.5), start=1)),
        result(1, 0.0, scenario="two"),
        *(result(number, None, scenario="two", counted=False) for number in (2, 3, 4)),
    ]
    summary = summarize(results, k=2, pass_mark=1.0)
    one, two = summary.scenarios
    assert (one.scenario, one.attempts, one.errors, one.passes, one.mean_score) == ("one", 4, 0, 2, 0.625)
    assert (one.pass_at_1.value, one.pass_at_1.interval) == (0.5, wilson_interval(4, 2))
    assert one.pass_at_k == pytest.approx(1 - 1 / 6)
    assert (two.attempts, two.errors, two.pass_at_1.value, two.pass_at_k) == (1, 3, 0.0, None)
    assert (summary.mean_score.value, summary.mean_score.interval) == (0.3125, mean_interval([0.625, 0.0]))
    assert (summary.pass_at_1.value, summary.pass_at_1.interval) == (0.25, mean_interval([0.5, 0.0]))
    assert (summary.pass_at_k.value, summary.pass_at_k.interval, summary.of_k) == (one.pass_at_k, None, 1)


def test_the_pass_mark_says_what_passes() -> None:
    """By default that is exactly 1.0."""
    results = [result(1, 1.0), result(2, 1 - 1e-9), result(3, 0.5)]
    assert summarize(results, k=1, pass_mark=1.0).scenarios[0].passes == 1
    assert summarize(results, k=1, pass_mark=0.5).scenarios[0].passes == 3


def test_an_agent_that_failed_is_told_apart_from_what_could_not_be_made() -> None:
    """An exit status or a time that ran out is the agent's; a run without a score that it gave up counts as 0."""
    gave_up = result(1, None).model_copy(update={"state": "canceled"})
    failed = result(2, 0.5).model_copy(update={"agent_exit_status": 1})
    late = result(3, 1.0).model_copy(update={"agent_timed_out": True})
    (scenario,) = summarize([gave_up, failed, late], k=3, pass_mark=1.0).scenarios
    assert (scenario.agent_failures, scenario.errors, scenario.mean_score, scenario.passes) == (2, 0, 0.5, 1)


def test_without_attempts_nothing_is_told() -> None:
    """No figure is made up."""
    summary = summarize([], k=3, pass_mark=1.0)
    assert (summary.mean_score.value, summary.pass_at_1.value, summary.pass_at_k.value) == (None, None, None)
    (scenario,) = summarize([result(1, None, counted=False)], k=1, pass_mark=1.0).scenarios
    assert (scenario.mean_score, scenario.pass_at_1.value, scenario.pass_at_1.interval) == (None, None, None)
