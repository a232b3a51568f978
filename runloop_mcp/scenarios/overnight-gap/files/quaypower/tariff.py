"""Price bands and when they are in force."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

SATURDAY = 5


class BadTariff(ValueError):
    """The tariff file does not describe a tariff."""


@dataclass(frozen=True)
class Switch:
    """From this time of day on, this band."""

    at: time
    band: str


@dataclass(frozen=True)
class Tariff:
    name: str
    weekday: tuple[Switch, ...]
    weekend: tuple[Switch, ...]
    prices: dict[str, Decimal]
    """Cents for a kilowatt-hour, by band."""

    def schedule(self, day: date) -> tuple[Switch, ...]:
        """The switches of a day, in order."""
        return self.weekend if day.weekday() >= SATURDAY else self.weekday

    def band_at(self, moment: datetime) -> str:
        """The band in force: the one that began last, today or the day before."""
        begun = [switch for switch in self.schedule(moment.date()) if switch.at <= moment.time()]
        if not begun:
            begun = list(self.schedule(moment.date() - timedelta(days=1)))
        return begun[-1].band

    def switches_between(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """The moments after `start` and before `end` at which a band begins, in order."""
        days = (end - start).days + 1
        for offset in range(days):
            day = start.date() + timedelta(days=offset)
            for switch in self.schedule(day):
                moment = datetime.combine(day, switch.at)
                if start < moment < end:
                    yield moment


def load(path: Path) -> Tariff:
    """Reads a tariff from its JSON file."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        tariff = Tariff(
            name=document["name"],
            weekday=_schedule(document["weekday"]),
            weekend=_schedule(document["weekend"]),
            prices={band: Decimal(price) for band, price in document["cents_per_kwh"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise BadTariff(f"{path}: not a tariff") from error
    for switch in tariff.weekday + tariff.weekend:
        if switch.band not in tariff.prices:
            raise BadTariff(f"{path}: band {switch.band} has no price")
    return tariff


def _schedule(document: dict[str, str]) -> tuple[Switch, ...]:
    switches = sorted((Switch(time.fromisoformat(at), band) for at, band in document.items()), key=lambda s: s.at)
    if not switches:
        raise ValueError("a day needs a band")
    return tuple(switches)
