"""What a call of the REST API costs, beside a bare Starlette route on the same HTTP server; and 200 clients at once.

python benchmarks/rest.py     prints this part of the table alone
"""

import asyncio
import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from figures import Figure, table
from product import make_pack
from rest_peer import BARE, HttpPeer
from transport_floor import bash_ms, call_ms, p50

_ROOT = Path(__file__).resolve().parent.parent
_SDK = _ROOT / ".sdks" / "python-1.32.0" / "bin" / "python"
_CLIENTS, _PROCESSES = 200, 4
_READS_AT_MOST, _START_AT_MOST = 2.0, 3.0
_IN_A_TURN = 20


def rest_figures(folder: Path, rounds: int) -> list[Figure]:
    """The latency of each call, and many SDK clients at once."""
    pack = make_pack(folder / "rest")
    command = [sys.executable, "-m", "runloop_mcp", "serve", "--transport", "http", "--port", "0", "--no-auth"]
    command += ["--state-dir", str(folder / "rest" / "state"), "--scenarios", str(pack), "--max-devboxes", "250"]
    with HttpPeer(command) as peer, HttpPeer(BARE) as bare:
        figures = _Latencies(peer, bare, folder / "rest", rounds).figures()
        return [*figures, _clients_figure(peer)]


class _Latencies:
    """Takes each call in turn with a bare one of its kind, so that a machine that slows down slows both."""

    def __init__(self, peer: HttpPeer, bare: HttpPeer, folder: Path, rounds: int) -> None:
        self._folder = folder
        self._peer = peer
        self._bare = bare
        self._turns = max(rounds // _IN_A_TURN, 3)
        found = peer.get("/v1/scenarios?limit=100")["scenarios"]
        self._scenario = next(each["id"] for each in found if each["name"] == "bench")
        self._start = json.dumps({"scenario_id": self._scenario}).encode()

    def figures(self) -> list[Figure]:
        """All of them."""
        run = self._started()
        reads = {
            "retrieve a scenario": f"/v1/scenarios/{self._scenario}",
            "list scenarios": "/v1/scenarios",
            "retrieve a run": f"/v1/scenarios/runs/{run['id']}",
            "list runs": "/v1/scenarios/runs",
            "retrieve a devbox": f"/v1/devboxes/{run['devbox_id']}",
            "list devboxes": "/v1/devboxes",
            "list benchmarks": "/v1/benchmarks",
            "list secrets": "/v1/secrets",
            "who am I": "/v1/accounts/me",
        }
        figures = [self._read(name, path) for name, path in reads.items()]
        figures.append(self._execution(run["devbox_id"]))
        self._peer.post(f"/v1/scenarios/runs/{run['id']}/cancel")
        return [*figures, *self._lifecycle()]

    def _read(self, name: str, path: str) -> Figure:
        """A read, against a bare route that answers the same from memory."""
        self._bare.send("POST", "/v1/bare/same", self._peer.send("GET", path))
        return self._against(
            name,
            lambda: self._peer.send("GET", path),
            lambda: self._bare.send("GET", "/v1/bare/same"),
            _READS_AT_MOST,
        )

    def _bare_write(self) -> object:
        return self._bare.send("POST", "/v1/bare/one", self._start)

    def _against(self, name: str, ours: Callable[[], object], bare: Callable[[], object], most: float) -> Figure:
        floors, taken, ratios = [], [], []
        for _ in range(self._turns):
            floors.append(p50(call_ms(bare, _IN_A_TURN, 3)))
            taken.append(p50(call_ms(ours, _IN_A_TURN, 3)))
            ratios.append(taken[-1] / floors[-1])
        return _figure(name, p50(taken), f"{p50(floors):.2f} ms", p50(ratios), most)

    def _execution(self, devbox: str) -> Figure:
        body = json.dumps({"command": "true"}).encode()
        floors, taken, ratios = [], [], []
        for _ in range(self._turns):
            bare, bash = p50(call_ms(self._bare_write, _IN_A_TURN, 3)), p50(asyncio.run(bash_ms(_IN_A_TURN)))
            floors.append((bare, bash))
            taken.append(p50(call_ms(lambda: self._execute(devbox, body), _IN_A_TURN, 3)))
            ratios.append(taken[-1] / (bare + bash))
        floor = f"{p50([bare for bare, _ in floors]):.2f} + {p50([bash for _, bash in floors]):.2f} ms"
        return _figure("execute `true`", p50(taken), floor, p50(ratios), _READS_AT_MOST)

    def _execute(self, devbox: str, body: bytes) -> object:
        return self._peer.send("POST", f"/v1/devboxes/{devbox}/execute", body, f"x-request-id: {uuid.uuid4()}")

    def _started(self) -> dict[str, Any]:
        run = self._peer.post("/v1/scenarios/start_run", scenario_id=self._scenario)
        self._peer.post(f"/v1/devboxes/{run['devbox_id']}/wait_for_status", statuses=["running"], timeout_seconds=30)
        return run

    def _lifecycle(self) -> list[Figure]:
        """Start of a run, which is answered before its devbox boots; score and end, which wait for what they do."""
        starts, scores, ends = list[float](), list[float](), list[float]()
        bare, commits, ratios = list[float](), list[float](), list[float]()
        with _commits(self._folder) as commit:
            for _ in range(max(self._turns, 10)):
                # Once, after the same wait as the start, which comes alone: what processors forget meanwhile costs all.
                bare += call_ms(self._bare_write, 1, 0)
                commits += call_ms(commit, 1, 0)
                run = json.loads(_timed(starts, lambda: self._post("/v1/scenarios/start_run", self._start)))
                ratios.append(starts[-1] / (bare[-1] + commits[-1]))
                devbox, one = run["devbox_id"], f"/v1/scenarios/runs/{run['id']}"
                self._peer.post(f"/v1/devboxes/{devbox}/wait_for_status", statuses=["running"], timeout_seconds=30)
                _timed(scores, lambda one=one: self._post(f"{one}/score"))
                _timed(ends, lambda one=one: self._post(f"{one}/complete"))
        floor = f"{p50(bare):.2f} + {p50(commits):.2f} ms"
        return [
            _figure("start a run (and a bare flushed commit)", p50(starts), floor, p50(ratios), _START_AT_MOST),
            *(
                Figure(f"REST: {name}, p50", f"{p50(taken):.0f} ms", "", "", "≤ 80 ms", p50(taken) <= 80)
                for name, taken in (("score a run", scores), ("complete a run", ends))
            ),
        ]

    def _post(self, path: str, body: bytes = b"") -> bytes:
        return self._peer.send("POST", path, body, f"x-request-id: {uuid.uuid4()}")


@contextlib.contextmanager
def _commits(folder: Path) -> Iterator[Callable[[], object]]:
    """Makes commits that outlast a power cut, as the start of a run does: one row each, on an open connection."""
    with contextlib.closing(sqlite3.connect(folder / "floor.db", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE IF NOT EXISTS kept (value TEXT)")
        yield lambda: database.execute("INSERT INTO kept VALUES (?)", ("x" * 1000,))


def _timed(into: list[float], call: Callable[[], bytes]) -> bytes:
    began = time.perf_counter()
    answer = call()
    into.append((time.perf_counter() - began) * 1000)
    return answer


def _figure(name: str, taken: float, floor: str, ratio: float, most: float) -> Figure:
    return Figure(f"REST: {name}, p50", f"{taken:.2f} ms", floor, f"{ratio:.2f} x", f"≤ {most:g} x", ratio <= most)


def _clients_figure(peer: HttpPeer) -> Figure:
    """Many of the official SDK's clients at once, each with a run of its own from start to end."""
    program = str(Path(__file__).resolve().parent / "sdk_clients.py")
    each = _CLIENTS // _PROCESSES
    command = [str(_SDK), program, f"http://127.0.0.1:{peer.port}", str(each)]
    began = time.perf_counter()
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(_PROCESSES)]
    told = [json.loads(child.communicate()[0] or "{}") for child in children]
    took = time.perf_counter() - began
    done = sum(each.get("done", 0) for each in told)
    for failure in [failure for each in told for failure in each.get("failures", ["It ended without a word."])][:5]:
        print(failure, file=sys.stderr)
    name = f"{_CLIENTS} SDK clients at once, each with a run from start to end"
    return Figure(name, f"{done} done in {took:.0f} s", "", "", "none fails", done == _CLIENTS)


def main() -> int:
    """Measures and prints this part."""
    folder = Path(tempfile.mkdtemp(prefix="runloop-mcp-bench-"))
    try:
        figures = rest_figures(folder, 200)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(table(figures))
    return 0 if all(figure.met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
