import pytest

from quaypower.readings import BadReadings, intervals, read

HEAD = "time,counter_wh"


def energy(*rows: str) -> list[int]:
    return [interval.wh for interval in intervals(read([HEAD, *rows]))]


def test_energy_is_the_difference_of_two_readings():
    assert energy("2026-03-03T10:00,500", "2026-03-03T10:15,620", "2026-03-03T10:30,620") == [120, 0]


def test_a_counter_that_starts_again_goes_on_counting():
    assert energy("2026-03-03T10:00,9999900", "2026-03-03T10:15,40") == [140]


def test_readings_may_come_late_and_twice():
    assert energy("2026-03-03T10:30,700", "2026-03-03T10:00,500", "2026-03-03T10:30,700") == [200]


@pytest.mark.parametrize(
    "row", ["2026-03-03 10:00,5", "2026-03-03T10:00,", "2026-03-03T10:00", "2026-03-03T10:00,10000000", "2026-03-03T10:00,-1"]
)
def test_what_is_no_reading_is_refused_with_its_line(row: str):
    with pytest.raises(BadReadings, match="line 3"):
        read([HEAD, "2026-03-03T09:45,4", row])


def test_two_values_for_one_minute_are_refused():
    with pytest.raises(BadReadings, match="another value"):
        read([HEAD, "2026-03-03T10:00,5", "2026-03-03T10:00,6"])
