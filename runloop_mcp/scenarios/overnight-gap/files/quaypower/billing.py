"""Shares energy among bands and prices it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from quaypower.readings import Interval
from quaypower.tariff import Tariff

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Line:
    """What one band costs."""

    band: str
    wh: int
    cents: int


@dataclass(frozen=True)
class Bill:
    start: datetime
    end: datetime
    lines: tuple[Line, ...]

    @property
    def wh(self) -> int:
        return sum(line.wh for line in self.lines)

    @property
    def cents(self) -> int:
        return sum(line.cents for line in self.lines)


def bill(intervals: Iterable[Interval], tariff: Tariff) -> Bill | None:
    """The bill for intervals that follow each other; None where there are none. Bands stand in the tariff's order."""
    used: dict[str, int] = {}
    start = end = None
    for interval in intervals:
        start = start or interval.start
        end = interval.end
        for band, wh in shares(interval, tariff):
            used[band] = used.get(band, 0) + wh
    if start is None or end is None:
        return None
    lines = tuple(Line(band, used[band], _cents(used[band], price)) for band, price in tariff.prices.items() if band in used)
    return Bill(start, end, lines)


def shares(interval: Interval, tariff: Tariff) -> list[tuple[str, int]]:
    """The energy of an interval, cut at every change of band."""
    edges = [interval.start, *tariff.switches_between(interval.start, interval.end), interval.end]
    pieces = list(zip(edges, edges[1:]))
    energy = apportion(interval.wh, [(end - start) // MINUTE for start, end in pieces])
    return [(tariff.band_at(start), wh) for (start, _), wh in zip(pieces, energy)]


def apportion(total: int, weights: Sequence[int]) -> list[int]:
    """Whole shares of `total` in proportion to `weights`, that add up to it.

    What rounding down leaves goes to the largest remainders, one each, the earlier first where they are equal.
    """
    whole = sum(weights)
    parts = [divmod(total * weight, whole) for weight in weights]
    result = [quotient for quotient, _ in parts]
    by_remainder = sorted(range(len(parts)), key=lambda index: -parts[index][1])
    for index in by_remainder[: total - sum(result)]:
        result[index] += 1
    return result


def _cents(wh: int, cents_per_kwh: Decimal) -> int:
    return int((wh * cents_per_kwh / 1000).quantize(Decimal(1), rounding=ROUND_HALF_UP))
