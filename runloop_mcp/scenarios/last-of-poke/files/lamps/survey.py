"""Reads lamps."""

import oldbus

_read = oldbus.peek


def run(arguments):
    levels = list(map(_read, map(int, arguments)))
    for address, level in zip(arguments, levels):
        print(f"{address:>3} {level if level >= 0 else '-' if level == -1 else 'dead' if level == -2 else '?'}")
    lit = [level for level in levels if level > 0]
    print(f"{len(lit)} lit" + (f", mean level {sum(lit) / len(lit):.1f}" if lit else ""))
    return 0 if min(levels, default=0) >= 0 else 1
