"""The logger's CSV: counter readings, and the intervals between them."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

COUNTER_SPAN = 10_000_000
"""Watt-hours after which a counter starts again at 0."""


class BadReadings(ValueError):
    """The readings cannot be billed; the message names the line."""


@dataclass(frozen=True)
class Reading:
    at: datetime
    counter_wh: int


@dataclass(frozen=True)
class Interval:
    """The time between two readings that follow each other, and the energy used in it."""

    start: datetime
    end: datetime
    wh: int


def read(lines: Iterable[str]) -> list[Reading]:
    """Readings in order of time. A reading that was sent twice counts once."""
    found: dict[datetime, Reading] = {}
    for number, row in enumerate(csv.DictReader(lines), start=2):
        try:
            at = datetime.strptime(row["time"].strip(), "%Y-%m-%dT%H:%M")
            counter_wh = int(row["counter_wh"])
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise BadReadings(f"line {number}: not a reading") from error
        if not 0 <= counter_wh < COUNTER_SPAN:
            raise BadReadings(f"line {number}: a counter shows 0 to {COUNTER_SPAN - 1}")
        earlier = found.setdefault(at, Reading(at, counter_wh))
        if earlier.counter_wh != counter_wh:
            raise BadReadings(f"line {number}: another value for {at:%Y-%m-%dT%H:%M}")
    return [found[at] for at in sorted(found)]


def intervals(readings: list[Reading]) -> Iterator[Interval]:
    """What was used from each reading to the next."""
    for before, after in zip(readings, readings[1:]):
        yield Interval(before.at, after.at, (after.counter_wh - before.counter_wh) % COUNTER_SPAN)
