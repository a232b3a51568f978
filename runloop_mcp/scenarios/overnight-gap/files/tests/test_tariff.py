from datetime import datetime
from pathlib import Path

import pytest

from quaypower.tariff import BadTariff, Tariff, load

TARIFFS = Path(__file__).parent.parent / "tariffs"


@pytest.fixture
def standard() -> Tariff:
    return load(TARIFFS / "standard.json")


@pytest.mark.parametrize(
    ("moment", "band"),
    [
        ("2026-03-04T05:59", "night"),
        ("2026-03-04T06:00", "day"),
        ("2026-03-04T20:59", "day"),
        ("2026-03-04T21:00", "night"),
        ("2026-03-07T05:00", "night"),
        ("2026-03-07T08:00", "weekend"),
        ("2026-03-09T05:59", "night"),
    ],
)
def test_the_band_is_the_one_that_began_last(standard: Tariff, moment: str, band: str):
    assert standard.band_at(datetime.fromisoformat(moment)) == band


def test_switches_between_two_moments_of_a_day(standard: Tariff):
    found = standard.switches_between(datetime(2026, 3, 4, 5), datetime(2026, 3, 4, 23))
    assert list(found) == [datetime(2026, 3, 4, 6), datetime(2026, 3, 4, 21)]


def test_switches_between_two_moments_of_different_days(standard: Tariff):
    found = standard.switches_between(datetime(2026, 3, 4, 5), datetime(2026, 3, 6, 7))
    assert [f"{moment:%d %H}" for moment in found] == ["04 06", "04 21", "05 06", "05 21", "06 06"]


def test_a_switch_at_either_end_is_not_between(standard: Tariff):
    assert list(standard.switches_between(datetime(2026, 3, 4, 6), datetime(2026, 3, 4, 21))) == []


def test_a_band_without_a_price_is_refused(tmp_path: Path):
    path = tmp_path / "tariff.json"
    path.write_text('{"name": "x", "cents_per_kwh": {}, "weekday": {"00:00": "a"}, "weekend": {"00:00": "a"}}')
    with pytest.raises(BadTariff, match="band a has no price"):
        load(path)
