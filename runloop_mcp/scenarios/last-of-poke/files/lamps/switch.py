"""Switches one lamp."""

from oldbus import poke

SAID = ("done", "busy", "does not answer", "no such lamp")


def run(arguments):
    address, wanted = int(arguments[0]), arguments[1]
    code = poke(address, 255 if wanted == "on" else 0)
    print(f"lamp {address}: {SAID[code]}")
    return code
