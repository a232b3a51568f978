"""Sets several lamps to one level."""

import oldbus as bus


def run(arguments):
    level, *addresses = map(int, arguments)
    codes = bus.poke_all((address, level) for address in addresses)
    for address, code in zip(addresses, codes):
        if code:
            print(f"lamp {address}: {('busy', 'dead', 'nonsense')[code - 1]}")
    print(f"{codes.count(0)} of {len(addresses)} set, {len(addresses) - len(codes)} not tried")
    return max(codes, default=0)
