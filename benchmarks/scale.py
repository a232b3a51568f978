"""What size costs: lists and starts with thousands of scenarios, and the memory of what is idle."""

import os
import time
from pathlib import Path

from figures import Figure
from product import call, product, start_run
from starts import cold_start_figure
from transport_floor import StdioPeer, bare_server, call_ms, p50

SCENARIOS = 10_000
_DEVBOXES = 8
_DOCUMENT = """\
format: 1
name: one-of-many-{number}
input_context: {{problem_statement: Number {number} of many.}}
scoring_contract:
  scoring_function_parameters:
    - {{name: nothing, weight: 1, scorer: {{type: command_scorer, command: 'true'}}}}
metadata: {{summary: Scenario {number}, tags: 'many,group-{group}'}}
"""


def make_many(folder: Path) -> Path:
    """A pack of as many scenarios as a large collection has."""
    pack = folder / "many"
    for number in range(SCENARIOS):
        (pack / f"scenario-{number:05}").mkdir(parents=True)
        text = _DOCUMENT.format(number=number, group=number % 100)
        (pack / f"scenario-{number:05}" / "scenario.yaml").write_text(text)
    return pack


def scale_figures(folder: Path, rounds: int) -> list[Figure]:
    """Pages of a long list, the start of a server that has one, and memory."""
    command = product(folder / "many-state", make_many(folder))
    with StdioPeer(command) as peer:
        peer.initialize()
        began = time.perf_counter()
        call(peer, "list_scenarios")
        indexed = time.perf_counter() - began
        pages = _pages(peer, rounds)
    return [
        Figure(f"first list of {SCENARIOS} new scenarios", f"{indexed:.1f} s", "", "", "", met=True),
        Figure(f"list_scenarios of {SCENARIOS}, a page, p50", f"{pages:.1f} ms", "", "", "≤ 10 ms", pages <= 10),
        cold_start_figure(f"cold start with {SCENARIOS} scenarios", command, max(rounds // 10, 5)),
        *_memory_figures(folder),
    ]


def _pages(peer: StdioPeer, rounds: int) -> float:
    """Pages from the first on, one after the other, and searches beside them."""
    cursor: str | None = None

    def page() -> None:
        nonlocal cursor
        shown = call(peer, "list_scenarios", **({"cursor": cursor} if cursor else {}))["structuredContent"]
        cursor = shown.get("next_cursor")

    taken = call_ms(page, rounds, 5)
    taken += call_ms(lambda: call(peer, "list_scenarios", query="many", tags=["group-7"]), rounds, 5)
    return p50(taken)


def _memory_figures(folder: Path) -> list[Figure]:
    """Proportional memory: what is shared with other processes is shared out among them."""
    with StdioPeer(bare_server("ours")) as bare:
        bare.initialize()
        floor = memory(bare.pid)
    with StdioPeer(product(folder / "state", folder / "pack")) as peer:
        peer.initialize()
        call(peer, "list_scenarios")
        idle = memory(peer.pid)
        runs = [start_run(peer) for _ in range(_DEVBOXES)]
        boxes = sum(memory(pid) for pid in below(peer.pid))
        grown = memory(peer.pid) - idle
        for run_id in runs:
            call(peer, "cancel_run", run_id=run_id)
    each = (boxes + grown) / _DEVBOXES
    return [
        Figure("memory of an idle server", f"{idle:.0f} MB", f"{floor:.0f} MB", f"{idle / floor:.2f} x", "", met=True),
        Figure("memory of each idle devbox", f"{each:.1f} MB", "", "", "", met=True),
    ]


def memory(pid: int) -> float:
    """Megabytes of a process, of this one where it is 0; 0 for one that ended, or that only root may look into."""
    try:
        lines = Path(f"/proc/{pid or 'self'}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith("Pss:")), 0.0)


def below(pid: int) -> list[int]:
    """The processes that a process, or this one where it is 0, has started, and those that they have."""
    pid = pid or os.getpid()
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*children, *(grandchild for child in children for grandchild in below(child))]
