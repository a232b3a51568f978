"""How long a start takes: from a new process to its first answer."""

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from figures import Figure
from transport_floor import StdioPeer, bare_server, p50


def cold_start_figure(name: str, command: Sequence[str], rounds: int) -> Figure:
    """From the start of the process to the answer to `initialize`, in pairs with the bare server."""
    bare, ours = [], []
    for number in range(rounds + 1):
        for server, taken in ((bare_server("ours"), bare), (list(command), ours)):
            started = time.perf_counter()
            with StdioPeer(server) as peer:
                peer.initialize()
                elapsed = (time.perf_counter() - started) * 1000
            if number > 0:  # the first pair brings files into memory
                taken.append(elapsed)
    ratio = statistics.median(mine / floor for mine, floor in zip(ours, bare, strict=True))
    return Figure(
        f"{name}, p50",
        f"{p50(ours):.0f} ms",
        f"{p50(bare):.0f} ms",
        f"{ratio:.2f} x",
        "≤ 1.15 x",
        ratio <= 1.15,
    )


def help_figure(rounds: int) -> Figure:
    """`runloop-mcp --help` against an interpreter that does nothing."""
    taken, floor = [], []
    for _ in range(rounds):
        for command, into in (
            ([sys.executable, "-m", "runloop_mcp", "--help"], taken),
            ([sys.executable, "-c", ""], floor),
        ):
            began = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            into.append((time.perf_counter() - began) * 1000)
    return Figure(
        "--help, p50",
        f"{p50(taken):.0f} ms",
        f"{p50(floor):.0f} ms",
        f"{p50(taken) / p50(floor):.1f} x",
        "≤ 300 ms",
        p50(taken) <= 300,
    )
