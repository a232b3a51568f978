"""What goes on in a box, for a report: strings, each ended by NUL. Names can be anything, so they stay bytes."""

from __future__ import annotations

import os

from . import processes

TYPE_CHECKING = False  # importing typing to say so would cost the start 3 ms
if TYPE_CHECKING:
    from collections.abc import Iterable

_MAX_NAMES = 1000


def write(descriptor: int, items: Iterable[bytes]) -> None:
    """Writes a list."""
    data = b"".join(item + b"\0" for item in items)
    while data:
        data = data[os.write(descriptor, data) :]


def going_on() -> list[bytes]:
    """How often there was no way to an address, how many packets nobody took, and the names of the processes."""
    counts = {**_counts("snmp"), **_counts6()}
    unreachable = counts.get(b"Ip OutNoRoutes", 0) + counts.get(b"Ip6OutNoRoutes", 0)
    lookups = counts.get(b"Udp NoPorts", 0) + counts.get(b"Udp6NoPorts", 0)
    return [b"%d" % unreachable, b"%d" % lookups, *processes.names()[:_MAX_NAMES]]


def _counts(name: str) -> dict[bytes, int]:
    """The kernel's counters of this network namespace: a line of names, then one of numbers, for each protocol."""
    found = {}
    lines = _read_net(name).split(b"\n")
    for names, numbers in zip(lines[::2], lines[1::2]):  # noqa: B905 - `strict` is younger than a box's Python may be
        protocol, _, rest = names.partition(b": ")
        for field, number in zip(rest.split(), numbers.split()[1:]):  # noqa: B905 - likewise
            found[protocol + b" " + field] = int(number)
    return found


def _counts6() -> dict[bytes, int]:
    pairs = [line.split() for line in _read_net("snmp6").split(b"\n")]
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2}


def _read_net(name: str) -> bytes:
    try:
        opened = os.open(f"/proc/self/net/{name}", os.O_RDONLY)
    except OSError:  # a kernel without it
        return b""
    try:
        return os.read(opened, 1 << 18)
    finally:
        os.close(opened)
