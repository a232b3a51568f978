"""The old bus. Gives numbers: 0 is good, 1 is busy, 2 is dead, 3 is nonsense."""

import os

from lamps.line import Busy, Dead, Line

TRIES = 3


def _line():
    return Line(os.environ.get("LAMPS_LINE", "line.json"))


def poke(address, level, tries=None):
    """Sets a lamp; gives 0, 1, 2 or 3."""
    try:
        _line().set(address, level, attempts=TRIES if tries is None else tries)
    except Busy:
        return 1
    except Dead:
        return 2
    except ValueError:
        return 3
    return 0


def peek(address):
    """The level of a lamp, -1 where it is busy, -2 where it is dead, -3 where there is none."""
    try:
        return _line().get(address, attempts=2)
    except Busy:
        return -1
    except Dead:
        return -2
    except ValueError:
        return -3


def poke_all(pairs):
    """Sets lamps in order; gives the numbers of those that were tried. After a dead one no other is tried."""
    given = []
    for address, level in pairs:
        given.append(poke(address, level))
        if given[-1] == 2:
            break
    return given
