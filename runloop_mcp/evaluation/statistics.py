"""What scores of several attempts at several scenarios say, and how far they can be trusted. Pure functions.

Attempts at one scenario are independent trials of one probability. Scenarios differ in difficulty and are themselves a
sample of all that could have been asked, so that for figures over all of them a scenario is the unit, not an attempt:
more attempts at the same ten scenarios tell more about these ten, and hardly more about the next ten.
"""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

LEVEL = 0.95
"""How often an interval holds the true value, in the long run."""


class Interval(NamedTuple):
    """The two ends of an interval."""

    low: float
    high: float


def pass_at_k(attempts: int, passes: int, k: int) -> float | None:
    """The probability that of k attempts at a scenario at least one passes; None where there were fewer than k.

    The unbiased estimator: of all ways to choose k of the attempts that there were, the part that holds a pass. The
    obvious one, 1 - (1 - passes / attempts) ** k, is too low on average.

    Raises:
        ValueError: Passes are not among the attempts, or k is not positive.
    """
    if not 0 <= passes <= attempts or k < 1:
        raise ValueError(f"{passes} passes of {attempts} attempts, k = {k}")
    if k > attempts:
        return None
    return 1 - math.comb(attempts - passes, k) / math.comb(attempts, k)


def wilson_interval(trials: int, successes: float, *, level: float = LEVEL) -> Interval | None:
    """Wilson's score interval for a probability, from independent trials; None without trials.

    Unlike the textbook interval it is right for few trials, stays within 0..1, and has a width when all or none
    succeed.
    """
    if trials == 0:
        return None
    z = statistics.NormalDist().inv_cdf((1 + level) / 2)
    rate = successes / trials
    scale = 1 + z * z / trials
    middle = (rate + z * z / (2 * trials)) / scale
    half = z * math.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials)) / scale
    # Rounding must not move an end past the rate that the interval holds.
    return Interval(max(0.0, min(middle - half, rate)), min(1.0, max(middle + half, rate)))


def mean_interval(values: Sequence[float], *, level: float = LEVEL) -> Interval | None:
    """An interval for the mean over all scenarios, from the values (0..1) of at least two; None for fewer.

    Student's t interval with scenarios as the unit, so that it holds both what scenarios differ by and what attempts at
    each differ by; cut off at 0 and 1. Where all values are the same they tell nothing of how scenarios differ, and a
    width of 0 would be a lie: then Wilson's interval for as many trials, which is the widest that values within 0..1
    call for.
    """
    if len(values) < 2:
        return None
    mean = statistics.fmean(values)
    deviation = statistics.stdev(values)
    if min(values) == max(values):
        return wilson_interval(len(values), len(values) * mean, level=level)
    half = t_quantile((1 + level) / 2, len(values) - 1) * deviation / math.sqrt(len(values))
    return Interval(max(0.0, mean - half), min(1.0, mean + half))


def t_quantile(probability: float, degrees: int) -> float:
    """The value that Student's t with so many degrees of freedom stays below with this probability.

    Raises:
        ValueError: The probability is not between 0 and 1, or there is no degree of freedom.
    """
    if not 0 < probability < 1 or degrees < 1:
        raise ValueError(f"probability {probability}, {degrees} degrees of freedom")
    if probability < 0.5:
        return -t_quantile(1 - probability, degrees)
    low, high = 0.0, 1.0
    while t_cumulative(high, degrees) < probability:
        low, high = high, 2 * high
    for _ in range(100):
        middle = (low + high) / 2
        if t_cumulative(middle, degrees) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def t_cumulative(value: float, degrees: int) -> float:
    """The probability that Student's t with so many degrees of freedom stays below a value.

    In closed form, as a finite sum of powers of a cosine: Abramowitz and Stegun 26.7.3 and 26.7.4.
    """
    angle = math.atan(value / math.sqrt(degrees))
    cosine = math.cos(angle)
    odd = degrees % 2
    term = cosine if odd else 1.0
    total = 0.0
    for power in range(1 + odd, degrees, 2):
        total += term
        term *= cosine * cosine * power / (power + 1)
    within = math.sin(angle) * total
    if odd:
        within = (angle + within) * 2 / math.pi
    return (1 + within) / 2
