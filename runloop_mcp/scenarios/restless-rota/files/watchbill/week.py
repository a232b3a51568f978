"""Reads a week: people, who shares a car with whom, and watches."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path


class BadWeek(Exception):
    """A week that can't be read; the message names the line."""


@dataclass(frozen=True)
class Person:
    name: str
    limit: float
    """Hours that the person stands in a week at most."""
    skills: frozenset[str]


@dataclass(frozen=True)
class Watch:
    name: str
    hours: float
    roles: tuple[str, ...]


@dataclass
class Week:
    title: str = ""
    people: dict[str, Person] = field(default_factory=dict)
    watches: dict[str, Watch] = field(default_factory=dict)
    parties: list[set[str]] = field(default_factory=list)
    """Those who come in one car when they stand the same watch; nobody is in two."""


def read(path: Path) -> Week:
    """The week in a file."""
    week = Week()
    shared = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        match line.partition("#")[0].split():
            case []:
                continue
            case ["week", *words]:
                week.title = " ".join(words)
            case ["person", name, limit, *skills] if name not in week.people:
                week.people[name] = Person(name, _hours(limit, number), frozenset(skills))
            case ["watch", name, hours, *roles] if name not in week.watches and len(set(roles)) == len(roles):
                week.watches[name] = Watch(name, _hours(hours, number), tuple(roles))
            case ["car", *names] if set(names) <= set(week.people):
                shared.append(set(names))
            case _:
                raise BadWeek(f"line {number}: not understood: {line.strip()}")
    week.parties = parties(shared)
    return week


def parties(shared: Iterable[set[str]]) -> list[set[str]]:
    """Joins what has somebody in common: Ada with Bo and Bo with Cy are one party of three."""
    joined: list[set[str]] = []
    for names in shared:
        apart = [party for party in joined if not party & names]
        joined = [*apart, names.union(*(party for party in joined if party & names))]
    return joined


def _hours(word: str, number: int) -> float:
    whole, _, decimals = word.partition(".")
    if not (whole.isdecimal() and whole.isascii()) or len(decimals) > 2 or not ("0" + decimals).isdecimal():
        raise BadWeek(f"line {number}: no hours: {word}")
    return float(word)
