from datetime import datetime
from pathlib import Path

import pytest

from quaypower.billing import apportion, bill, shares
from quaypower.readings import Interval
from quaypower.tariff import Tariff, load


@pytest.fixture
def standard() -> Tariff:
    return load(Path(__file__).parent.parent / "tariffs" / "standard.json")


def test_an_interval_within_a_band_is_whole(standard: Tariff):
    assert shares(Interval(datetime(2026, 3, 4, 10), datetime(2026, 3, 4, 11), 900), standard) == [("day", 900)]


def test_an_interval_over_a_change_is_cut_there(standard: Tariff):
    interval = Interval(datetime(2026, 3, 4, 20, 45), datetime(2026, 3, 4, 21, 30), 900)
    assert shares(interval, standard) == [("day", 300), ("night", 600)]


def test_a_gap_during_the_day_is_shared_evenly(standard: Tariff):
    interval = Interval(datetime(2026, 3, 4, 4), datetime(2026, 3, 4, 22), 18_000)
    assert shares(interval, standard) == [("night", 2_000), ("day", 15_000), ("night", 1_000)]


@pytest.mark.parametrize(
    ("total", "weights", "expected"),
    [(10, [1, 1, 1], [4, 3, 3]), (7, [2, 3], [3, 4]), (0, [5, 5], [0, 0]), (11, [0, 4], [0, 11])],
)
def test_shares_are_whole_and_add_up(total: int, weights: list[int], expected: list[int]):
    assert apportion(total, weights) == expected


def test_a_bill_adds_up_lines_rounded_to_the_cent(standard: Tariff):
    found = bill([Interval(datetime(2026, 3, 4, 20, 45), datetime(2026, 3, 4, 21, 30), 900)], standard)
    assert found is not None
    assert [(line.band, line.cents) for line in found.lines] == [("day", 9), ("night", 11)]
    assert (found.wh, found.cents) == (900, 20)


def test_no_interval_no_bill(standard: Tariff):
    assert bill([], standard) is None
