"""What attempts say: pass@k, and intervals that hold what they claim to."""

import math
import statistics
from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runloop_mcp.evaluation.statistics import (
    Interval,
    mean_interval,
    pass_at_k,
    t_cumulative,
    t_quantile,
    wilson_interval,
)

counts = st.integers(1, 60).flatmap(lambda attempts: st.tuples(st.just(attempts), st.integers(0, attempts)))
"""Attempts, and how many of them passed."""
scores = st.lists(st.floats(0, 1), min_size=2, max_size=40)


@given(st.integers(1, 9).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_pass_at_k_counts_the_choices_that_hold_a_pass(case: tuple[int, int, int]) -> None:
    """It is the part of all choices of k attempts in which at least one passes."""
    attempts, passes, k = case
    chosen = list(combinations(range(attempts), k))
    with_pass = sum(any(each < passes for each in choice) for choice in chosen)
    assert pass_at_k(attempts, passes, k) == pytest.approx(with_pass / len(chosen))


@given(st.integers(1, 12).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n))), st.fractions(0, 1))
def test_pass_at_k_is_unbiased(case: tuple[int, int], rate: Fraction) -> None:
    """Averaged over what n attempts can give, it is the true probability that one of k passes."""
    attempts, k = case
    average = sum(
        math.comb(attempts, passes)
        * rate**passes
        * (1 - rate) ** (attempts - passes)
        * Fraction(pass_at_k(attempts, passes, k) or 0)
        for passes in range(attempts + 1)
    )
    assert float(average) == pytest.approx(float(1 - (1 - rate) ** k), abs=1e-9)


@given(counts)
def test_pass_at_1_is_the_rate_of_passes_and_more_attempts_never_do_worse(case: tuple[int, int]) -> None:
    """It grows with k, up to whether any attempt passed, and is not told for more attempts than there were."""
    attempts, passes = case
    estimates = [pass_at_k(attempts, passes, k) or 0.0 for k in range(1, attempts + 1)]
    assert estimates[0] == pytest.approx(passes / attempts)
    assert estimates == sorted(estimates)
    assert estimates[-1] == (1.0 if passes else 0.0)
    assert pass_at_k(attempts, passes, attempts + 1) is None


@pytest.mark.parametrize("case", [(3, 4, 1), (3, -1, 1), (3, 1, 0)])
def test_impossible_counts_are_refused(case: tuple[int, int, int]) -> None:
    """More passes than attempts, or no attempt to choose."""
    with pytest.raises(ValueError, match="attempts"):
        pass_at_k(*case)


@given(counts)
def test_wilsons_ends_are_the_rates_that_the_trials_just_allow(case: tuple[int, int]) -> None:
    """At each end inside 0..1 the observed rate is z standard errors away; and the interval holds the rate."""
    attempts, passes = case
    low, high = wilson_interval(attempts, passes) or Interval(math.nan, math.nan)
    rate, z = passes / attempts, statistics.NormalDist().inv_cdf(0.975)
    assert 0 <= low <= rate <= high <= 1
    for end in (low, high):
        if 0 < end < 1:
            assert abs(rate - end) == pytest.approx(z * math.sqrt(end * (1 - end) / attempts), abs=1e-9)
    assert high - low > 0


@given(counts)
def test_wilson_is_the_same_for_failures_and_narrower_for_more_trials(case: tuple[int, int]) -> None:
    """Counting failures mirrors it; four times the trials at the same rate make it smaller."""
    attempts, passes = case
    low, high = wilson_interval(attempts, passes) or Interval(math.nan, math.nan)
    assert wilson_interval(attempts, attempts - passes) == pytest.approx((1 - high, 1 - low))
    more = wilson_interval(4 * attempts, 4 * passes) or Interval(math.nan, math.nan)
    assert more.high - more.low < high - low
    assert wilson_interval(0, 0) is None


@given(scores)
def test_the_interval_of_a_mean_holds_the_mean(values: list[float]) -> None:
    """Within 0..1, never of width 0, and told only where there are two scenarios at least."""
    low, high = mean_interval(values) or Interval(math.nan, math.nan)
    mean = statistics.fmean(values)
    assert 0 <= low <= mean + 1e-12
    assert mean - 1e-12 <= high <= 1
    if max(values) - min(values) > 1e-6 or min(values) == max(values):
        assert high > low
    assert mean_interval(values[:1]) is None


@given(st.floats(0.01, 0.99), st.integers(1, 300))
def test_the_quantile_of_t_undoes_its_distribution(probability: float, degrees: int) -> None:
    """And is mirrored at 0, and wider than the normal distribution's."""
    quantile = t_quantile(probability, degrees)
    assert t_cumulative(quantile, degrees) == pytest.approx(probability, abs=1e-9)
    assert t_quantile(1 - probability, degrees) == pytest.approx(-quantile, abs=1e-6)
    normal = statistics.NormalDist().inv_cdf(probability)
    assert abs(quantile) >= abs(normal) - 1e-9


@pytest.mark.parametrize(
    ("degrees", "quantile"), [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (30, 2.042), (100, 1.984)]
)
def test_the_quantile_of_t_is_that_of_the_tables(degrees: int, quantile: float) -> None:
    """The 97.5 % points that statistics books print."""
    assert t_quantile(0.975, degrees) == pytest.approx(quantile, abs=5e-4)


def test_the_interval_of_a_mean_by_hand() -> None:
    """Mean 0.5, standard deviation 0.5 of 5 scenarios, t = 2.776: 0.5 ± 0.621, cut off; likewise of 17."""
    assert mean_interval([0, 0, 0.5, 1, 1]) == Interval(0.0, 1.0)
    values = [0.25] * 8 + [0.5] + [0.75] * 8
    half = 2.1199 * statistics.stdev(values) / math.sqrt(17)
    assert mean_interval(values) == pytest.approx((0.5 - half, 0.5 + half), abs=1e-5)
    assert mean_interval([1.0] * 10) == wilson_interval(10, 10)
