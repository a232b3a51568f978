"""Fills the watches of a week."""

from dataclasses import dataclass, field

from watchbill.week import Watch, Week


@dataclass(frozen=True)
class Car:
    """More than one person on the way to a watch."""

    driver: str
    passengers: tuple[str, ...]


@dataclass
class Stand:
    """A watch with those who stand it."""

    watch: Watch
    crew: dict[str, str] = field(default_factory=dict)
    """The name by the role."""
    vacant: set[str] = field(default_factory=set)
    cars: list[Car] = field(default_factory=list)


@dataclass
class Plan:
    week: Week
    stands: list[Stand]
    stood: dict[str, set[str]]
    """The watches that each person stands."""

    def hours(self, name: str) -> float:
        total = 0.0
        for watch in self.stood[name]:
            total += self.week.watches[watch].hours
        return total


def plan(week: Week) -> Plan:
    """Who stands which watch."""
    return _Planner(week).plan()


class _Planner:
    def __init__(self, week: Week) -> None:
        self._week = week
        self._plan = Plan(week, [], {name: set() for name in week.people})
        self._last: dict[str, int] = {}
        self._driven = dict.fromkeys(week.people, 0)

    def plan(self) -> Plan:
        resting: set[str] = set()
        for number, watch in enumerate(self._week.watches.values()):
            stand = self._fill(watch, set(self._week.people) - resting)
            for name in stand.crew.values():
                self._plan.stood[name].add(watch.name)
                self._last[name] = number
            stand.cars = self._cars(set(stand.crew.values()))
            self._plan.stands.append(stand)
            resting = set(stand.crew.values())
        return self._plan

    def _fill(self, watch: Watch, free: set[str]) -> Stand:
        stand = Stand(watch)
        for role in watch.roles:
            able = {name for name in free if role in self._week.people[name].skills and self._has_hours(name, watch)}
            if able:
                stand.crew[role] = min(able, key=self._burden)
                free = free - {stand.crew[role]}
            else:
                stand.vacant.add(role)
        return stand

    def _has_hours(self, name: str, watch: Watch) -> bool:
        return self._plan.hours(name) + watch.hours <= self._week.people[name].limit

    def _burden(self, name: str) -> tuple[float, int, int]:
        """The lower, the sooner it is this person's turn."""
        return self._plan.hours(name), self._last.get(name, -1), len(self._week.people[name].skills)

    def _cars(self, crew: set[str]) -> list[Car]:
        cars = []
        for party in self._week.parties:
            together = party & crew
            if len(together) > 1:
                driver = min(together, key=self._driven.__getitem__)
                self._driven[driver] += 1
                cars.append(Car(driver, tuple(together - {driver})))
        return sorted(cars, key=lambda car: car.driver)
