"""Carries out a plan for the night: a line for each step, such as `poke 7 120`, `peek 9`, `pokeoff 7 8 9`, `dusk 1 2 3`."""

import pathlib
from functools import partial

import oldbus

NAMED = {"dusk": partial(oldbus.poke, level=90), "dawn": partial(oldbus.poke, level=0, tries=1)}


def _step(word, numbers):
    if word == "pokeoff":
        return oldbus.poke_all([(number, 0) for number in numbers])
    if word in NAMED:
        return [NAMED[word](number) for number in numbers]
    return [getattr(oldbus, word)(*numbers)]


def run(arguments):
    failed = 0
    for number, line in enumerate(pathlib.Path(arguments[0]).read_text().splitlines(), start=1):
        word, *rest = line.split("#")[0].split() or [""]
        if not word:
            continue
        if word not in ("poke", "peek", "pokeoff", *NAMED):
            print(f"{number}: {word}?")
            failed += 1
            continue
        given = _step(word, list(map(int, rest)))
        print(f"{number}: {word} {' '.join(map(str, given))}")
        failed += sum(code > 0 for code in given) if word != "peek" else given[0] < 0
    return min(failed, 9)
