"""Fades one lamp from a level to another."""

import oldbus


def steps(begin, end, step):
    """The levels on the way; the last is `end` itself."""
    sign = 1 if end >= begin else -1
    return [*range(begin, end, sign * step), end]


def run(arguments):
    address, begin, end, step = map(int, arguments)
    skipped = 0
    for level in steps(begin, end, step):
        # One try is enough on the way: the next step comes at once. The last one has to arrive.
        code = oldbus.poke(address, level, tries=1) if level != end else oldbus.poke(address, level)
        if code == 1 and level != end:
            skipped += 1
            continue
        if code:
            print(f"lamp {address}: stopped before {level}")
            return code
    print(f"lamp {address}: at {end}" + (f", {skipped} steps skipped" if skipped else ""))
    return 0
