"""What calls over streamable HTTP cost, for one client and for many at once, beside a bare `MCPServer`.

python benchmarks/mcp_http.py     prints this part of the table alone

The bare server is the SDK's on the product's HTTP server, and has one tool that answers the same from memory.
"""

import asyncio
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path

from figures import Figure, table
from http_clients import Load, answer_to, call_of, drop, load
from product import make_pack
from rest_peer import HttpPeer
from transport_floor import p50

_BARE = [sys.executable, str(Path(__file__).resolve().with_name("bare_mcp.py"))]
_CLIENTS = (1, 16, 64, 256)
_BY_MANY = ("list_scenarios", "get_run")
"""The reads of many clients: one that leaves nothing, and one that its run's record tells of."""
_AT_MOST = 1.3
_MEMORY_AT_MOST = 1.10
_CALLS, _DROPPED = 10_000, 1_000
_SETTLE_SECONDS = 2.0


def http_figures(folder: Path, rounds: int) -> list[Figure]:
    """The latency of reads for more and more clients, and what memory the server keeps after many."""
    pack = make_pack(folder / "http")
    command = [sys.executable, "-m", "runloop_mcp", "serve", "--transport", "http", "--port", "0", "--no-auth"]
    command += ["--state-dir", str(folder / "http" / "state"), "--scenarios", str(pack)]
    with HttpPeer(command) as peer, HttpPeer(_BARE) as bare:
        return asyncio.run(_figures(peer, bare, rounds))


async def _figures(peer: HttpPeer, bare: HttpPeer, rounds: int) -> list[Figure]:
    reads = await _reads(peer)
    asked = [(name, clients) for name in _BY_MANY for clients in _CLIENTS]
    asked += [(name, 1) for name in reads if name not in _BY_MANY]
    figures = [await _against(peer, bare, name, reads[name], clients, rounds) for name, clients in asked]
    return [*figures, await _memory(peer, reads["get_run"])]


async def _reads(peer: HttpPeer) -> dict[str, bytes]:
    """The calls that are measured, by name."""
    listed = (await answer_to(peer.port, call_of("list_scenarios", {"query": "bench"})))["structuredContent"]
    scenario = next(each["scenario_id"] for each in listed["scenarios"] if each["name"] == "bench")
    started = await answer_to(peer.port, call_of("start_run", {"scenario_id": scenario}))
    found = re.search(r"scr_\w+", json.dumps(started))
    assert found
    return {
        "get_run": call_of("get_run", {"run_id": found[0]}),
        "get_scenario": call_of("get_scenario", {"scenario_id": scenario}),
        "list_scenarios": call_of("list_scenarios", {"query": "bench"}),
        "list_runs": call_of("list_runs", {}),
    }


async def _against(peer: HttpPeer, bare: HttpPeer, tool: str, request: bytes, clients: int, rounds: int) -> Figure:
    """Both in short turns, so that a machine that slows down slows both."""
    await answer_to(bare.port, call_of("keep", {"name": "one", "result": await answer_to(peer.port, request)}))
    same = call_of("same", {"name": "one"})
    calls = max(rounds // 2, 2 * clients)
    ours, floor, ratios = list[Load](), list[Load](), list[float]()
    for _ in range(5):
        floor.append(await load(bare.port, same, clients=clients, calls=calls))
        ours.append(await load(peer.port, request, clients=clients, calls=calls))
        ratios.append(ours[-1].p50_ms / floor[-1].p50_ms)
    ratio = p50(ratios)
    return Figure(
        f"HTTP: {tool}, {clients} at once",
        _told(ours),
        _told(floor),
        f"{ratio:.2f} x",
        f"p50 ≤ {_AT_MOST:g} x",
        ratio <= _AT_MOST,
    )


def _told(loads: list[Load]) -> str:
    """Such as `0.51 ms, p99 0.80, 1900/s`."""
    middle, late = p50([each.p50_ms for each in loads]), p50([each.p99_ms for each in loads])
    return f"{middle:.2f} ms, p99 {late:.2f}, {p50([each.per_second for each in loads]):.0f}/s"


async def _memory(peer: HttpPeer, request: bytes) -> Figure:
    """What the server keeps after many calls and clients that vanished, beside what it had when it was warm."""
    await load(peer.port, request, clients=16, calls=_CALLS // 10)
    before = _resident_mb(peer.pid)
    await load(peer.port, request, clients=16, calls=_CALLS)
    await drop(peer.port, request, connections=_DROPPED)
    await asyncio.sleep(_SETTLE_SECONDS)
    after = _resident_mb(peer.pid)
    name = f"HTTP: memory after {_CALLS:,} calls and {_DROPPED:,} dropped connections"
    ratio = after / before
    target = f"≤ {_MEMORY_AT_MOST:.2f} x"
    return Figure(name, f"{after:.0f} MB", f"{before:.0f} MB", f"{ratio:.2f} x", target, ratio <= _MEMORY_AT_MOST)


def _resident_mb(pid: int) -> float:
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) / 1024


def main() -> int:
    """Measures and prints this part."""
    folder = Path(tempfile.mkdtemp(prefix="runloop-mcp-bench-"))
    try:
        figures = http_figures(folder, 500)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(table(figures))
    return 0 if all(figure.met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
