"""The product's figures, each as a ratio to a floor measured in the same run, beside its target. `make bench` runs it.

    python benchmarks/run.py              prints the table; exit status 1 when a target is missed
    python benchmarks/run.py --rounds 50  fewer rounds, for a quick look

Floors: a bare `MCPServer` with one echo tool on the same stdio transport, a bare Starlette route on the same HTTP
server, and plain asyncio subprocesses.
"""

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

from containers import container_figures
from disks import disk_figures
from figures import Figure, table
from hold import hold_figures
from mcp_http import http_figures
from product import SEVERAL, SEVERAL_MS, call, make_pack, product, start_run
from rest import rest_figures
from scale import scale_figures
from starts import cold_start_figure, help_figure
from transport_floor import StdioPeer, bare_server, bash_ms, call_ms, p50

_ROOT = Path(__file__).resolve().parent.parent


def exec_figure(peer: StdioPeer, rounds: int) -> Figure:
    """A command over MCP against the bare echo plus a bare subprocess.

    Taken in many short turns, with a ratio for each: a machine whose speed changes within the run, as shared ones do,
    then changes both sides of most ratios alike. The table shows the medians.

    The two bare ones come one after the other, as the two halves of a command do: a server that has just waited for a
    process finds its caches cold, and an echo among echos takes half of what one between processes takes.
    """
    run_id = start_run(peer)
    turns = max(rounds // 20, 5)
    ours, echo, bash, ratios = [], [], [], []
    with StdioPeer(bare_server("ours")) as bare:
        bare.initialize()
        for _ in range(turns):
            echos, bashes = asyncio.run(_echo_and_bash_ms(bare, 25))
            echo.append(p50(echos[5:]))
            bash.append(p50(bashes[5:]))
            ours.append(p50(call_ms(lambda: call(peer, "exec_on_devbox", run_id=run_id, command="true"), 20, 5)))
            ratios.append(ours[-1] / (echo[-1] + bash[-1]))
    ratio = p50(ratios)
    call(peer, "cancel_run", run_id=run_id)
    return Figure(
        "exec_on_devbox `true` over stdio, p50",
        f"{p50(ours):.2f} ms",
        f"{p50(echo):.2f} + {p50(bash):.2f} ms",
        f"{ratio:.2f} x",
        "≤ 1.3 x",
        ratio <= 1.3,
    )


async def _echo_and_bash_ms(bare: StdioPeer, rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds of so many echos and of as many `bash -c true`, in turn."""
    echos, bashes = [], []
    for _ in range(rounds):
        echos += call_ms(lambda: bare.call_tool("echo", {"text": "hello"}), 1, 0)
        bashes += await bash_ms(1)
    return echos, bashes


def lifecycle_figures(peer: StdioPeer, rounds: int) -> list[Figure]:
    """`start_run` to ready, and scoring beyond the scorers' own time."""
    starts, overheads = _lifecycles(peer, rounds, "bench", own_ms=0)
    _, of_several = _lifecycles(peer, max(rounds // 2, 5), SEVERAL, own_ms=SEVERAL_MS)
    return [
        Figure(
            "start_run to ready, p50 (with list_scenarios)",
            f"{p50(starts):.0f} ms",
            "",
            "",
            "≤ 60 ms",
            p50(starts) <= 60,
        ),
        Figure(
            "scoring beyond the scorers' own time, p50",
            f"{p50(overheads):.0f} ms",
            "",
            "",
            "≤ 80 ms",
            p50(overheads) <= 80,
        ),
        Figure(
            "the same for a contract of three functions, p50",
            f"{p50(of_several):.0f} ms",
            "",
            "",
            "≤ 80 ms",
            p50(of_several) <= 80,
        ),
    ]


def _lifecycles(peer: StdioPeer, rounds: int, scenario: str, *, own_ms: float) -> tuple[list[float], list[float]]:
    """What it takes to start runs of a scenario, and to score them beyond what its scorers sleep; in milliseconds."""
    starts, overheads = [], []
    for number in range(rounds + 3):
        began = time.perf_counter()
        run_id = start_run(peer, scenario)
        started = (time.perf_counter() - began) * 1000
        began = time.perf_counter()
        call(peer, "score_run", run_id=run_id)
        elapsed = (time.perf_counter() - began) * 1000
        call(peer, "complete_run", run_id=run_id)
        if number < 3:  # the first build what later ones share
            continue
        starts.append(started)
        overheads.append(elapsed - own_ms)
    return starts, overheads


def tool_list_figure(peer: StdioPeer) -> Figure:
    """The size of the tool list as it is on the wire."""
    tools = peer.request("tools/list", {})["tools"]
    size = len(json.dumps(tools, separators=(",", ":"), ensure_ascii=False).encode())
    return Figure(f"tool list, {len(tools)} tools", f"{size} bytes", "", "", "≤ 14000 bytes", size <= 14_000)


def installed_size_figure(folder: Path) -> Figure:
    """What a user's disk holds after installing the wheel without extras, pip itself aside."""
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder / "wheel", _ROOT], check=True)
    venv.create(folder / "venv", with_pip=True)
    (wheel,) = (folder / "wheel").glob("*.whl")
    install = [folder / "venv" / "bin" / "pip", "install", "-q", "-c", _ROOT / "constraints.txt", wheel]
    subprocess.run(install, check=True)
    site = next((folder / "venv" / "lib").glob("python*/site-packages"))
    size = sum(
        path.stat().st_size
        for path in site.rglob("*")
        if path.is_file()
        and path.relative_to(site).parts[0].split("-")[0] not in {"pip", "setuptools", "pkg_resources"}
    )
    return Figure("installed with its dependencies", f"{size / 1e6:.0f} MB", "", "", "≤ 100 MB", size <= 100e6)


def main() -> int:
    """Measures everything and prints the table."""
    parser = argparse.ArgumentParser(description="The product's figures beside their targets.")
    parser.add_argument("--rounds", type=int, default=500, help="how many commands are timed (default 500)")
    parser.add_argument("--no-install", action="store_true", help="leave out the installed size, which takes a minute")
    parser.add_argument("--no-disks", action="store_true", help="leave out a large environment, which takes a minute")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="runloop-mcp-bench-"))
    try:
        pack = make_pack(folder)
        command = product(folder / "state", pack)
        with StdioPeer(command) as peer:
            peer.initialize()
            figures = [tool_list_figure(peer), exec_figure(peer, arguments.rounds)]
            figures += lifecycle_figures(peer, max(arguments.rounds // 10, 5))
        figures.append(
            cold_start_figure("cold start to the answer to initialize", command, max(arguments.rounds // 25, 5))
        )
        figures.append(help_figure(10))
        figures += rest_figures(folder, arguments.rounds)
        figures += http_figures(folder, arguments.rounds)
        figures += scale_figures(folder, max(arguments.rounds // 5, 10))
        figures += hold_figures(folder, max(arguments.rounds // 25, 5))
        if not arguments.no_disks:
            figures += disk_figures(folder, max(arguments.rounds // 12, 5))
        figures += container_figures(folder / "containers", max(arguments.rounds // 10, 10))
        if not arguments.no_install:
            figures.append(installed_size_figure(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(table(figures))
    return 0 if all(figure.met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
