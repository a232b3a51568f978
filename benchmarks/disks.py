"""What devboxes and their disks cost: boots, forks and snapshots of a large environment, and hundreds at once.

python benchmarks/disks.py             prints the table; exit status 1 when a target is missed
python benchmarks/disks.py --copying   likewise with disks that are copied, which meet few of these targets
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from figures import Figure, table
from scale import below, memory
from transport_floor import p50

from runloop_mcp.devbox.port import Command, Devbox, DevboxSpec, Kept, KeptKind
from runloop_mcp.devbox.sandbox.driver import DiskKind, SandboxDriver

FILES, FILE_BYTES = 100_000, 12_000
_AT_ONCE = 500
_BUILD = f"""
import os
body = os.urandom({FILE_BYTES})
for folder in range({FILES // 100}):
    os.mkdir(f"d{{folder}}")
    for number in range(100):
        with open(f"d{{folder}}/f{{number}}", "wb") as file:
            file.write(body)
"""
_CHANGE = """
import os
for number in range({count}):
    with open(f"d{{number}}/f7", "r+b") as file:
        file.write(b"changed")
"""


async def _nowhere(_: bytes) -> None:
    return


async def _run(box: Devbox, source: str) -> None:
    process = await box.start(Command(("python3", "-I", "-S", "-c", source)), stdout=_nowhere, stderr=_nowhere)
    exit_ = await process.wait()
    if exit_.status != 0:
        raise RuntimeError(f"a program in the devbox ended with {exit_}")


async def _timed(work: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await work()
    return (time.perf_counter() - began) * 1000


class _Names:
    """Ids that nothing else has."""

    def __init__(self) -> None:
        self._last = 0

    def new(self, prefix: str) -> str:
        """The next one."""
        self._last += 1
        return f"{prefix}_bench{self._last}"


async def _boots(driver: SandboxDriver, names: _Names, rounds: int) -> float:
    """How long an empty devbox takes to boot, in milliseconds: what a fork is compared with."""
    taken = []
    for number in range(rounds + 3):
        name = names.new("dbx")
        elapsed = await _timed(partial(driver.create, name, DevboxSpec()))
        await driver.remove(name)
        if number >= 3:
            taken.append(elapsed)
    return p50(taken)


async def _environment(driver: SandboxDriver, names: _Names) -> tuple[str, list[Figure]]:
    """A snapshot with the large environment, which was built in a devbox."""
    box = await driver.create(names.new("dbx"), DevboxSpec())
    built = await _timed(lambda: _run(box, _BUILD))
    await box.stop()
    base = names.new("snp")
    taken = await _timed(lambda: driver.snapshot(box.id, base))
    await driver.remove(box.id)
    size = await driver.kept_bytes(Kept(KeptKind.SNAPSHOT, base, 0, in_use=False))
    about = f"{FILES} files, {size / 1e9:.1f} GB"
    return base, [
        Figure(f"environment of {about}, written", f"{built / 1000:.0f} s", "", "", "", met=True),
        _milliseconds(f"snapshot of it, stopped ({about})", taken, 10),
    ]


async def _forks(driver: SandboxDriver, names: _Names, base: str, boot: float, rounds: int) -> list[Figure]:
    taken, largest = [], 0
    for _ in range(rounds):
        name = names.new("dbx")
        spec = DevboxSpec(home_snapshot=base, work_snapshot=base)
        taken.append(await _timed(partial(driver.create, name, spec)))
        largest = max(largest, await driver.kept_bytes(Kept(KeptKind.DEVBOX, name, 0, in_use=True)))
        await driver.remove(name)
    return [
        _milliseconds("fork of that environment to ready, p50", p50(taken), 50, floor=boot),
        Figure("data that a fork copies", f"{largest / 1000:.0f} kB", "", "", "≤ 100 kB", largest <= 100_000),
    ]


async def _snapshots(driver: SandboxDriver, names: _Names, base: str, rounds: int) -> list[Figure]:
    stopped, few, many = [], [], []
    for _ in range(rounds):
        box = await driver.create(names.new("dbx"), DevboxSpec(home_snapshot=base, work_snapshot=base))
        for count, taken in ((5, few), (FILES // 100, many)):
            await _run(box, _CHANGE.format(count=count))
            kept = names.new("snp")
            taken.append(await _timed(partial(driver.snapshot, box.id, kept)))
            await driver.remove_snapshot(kept)
        await box.stop()
        kept = names.new("snp")
        stopped.append(await _timed(partial(driver.snapshot, box.id, kept)))
        await driver.remove(box.id)
        await driver.remove_snapshot(kept)
    return [
        _milliseconds("snapshot, stopped, 1 % changed, p50", p50(stopped), 10),
        _milliseconds("snapshot, live, 5 files changed, p50", p50(few), 10),
        _milliseconds("snapshot, live, 1 % changed, p50", p50(many), 700),
    ]


async def _many(driver: SandboxDriver, names: _Names) -> list[Figure]:
    before = memory(0)
    boxes: list[str] = []
    began = time.perf_counter()

    async def boot() -> None:
        while len(boxes) < _AT_ONCE:
            boxes.append(names.new("dbx"))
            await driver.create(boxes[-1], DevboxSpec())

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(boot())
    each = (time.perf_counter() - began) * 1000 / len(boxes)
    megabytes = (sum(memory(pid) for pid in below(0)) + memory(0) - before) / len(boxes)
    for name in boxes:
        await driver.remove(name)
    return [
        Figure(f"{_AT_ONCE} devboxes at once, memory of each", f"{megabytes:.1f} MB", "", "", "≤ 8 MB", megabytes <= 8),
        Figure(f"{_AT_ONCE} devboxes at once, boot of each", f"{each:.0f} ms", "", "", "", met=True),
    ]


def _milliseconds(name: str, taken: float, target: float, *, floor: float | None = None) -> Figure:
    beside = ("", "") if floor is None else (f"{floor:.1f} ms", f"{taken / floor:.2f} x")
    return Figure(name, f"{taken:.1f} ms", *beside, f"≤ {target:g} ms", taken <= target)


async def _measure(folder: Path, rounds: int, disks: DiskKind) -> list[Figure]:
    names = _Names()
    async with SandboxDriver(folder, disks=disks) as driver:
        await driver.probe()
        boot = await _boots(driver, names, rounds)
        figures = [_milliseconds("boot of a devbox, p50", boot, 35)]
        base, built = await _environment(driver, names)
        figures += built
        figures += await _forks(driver, names, base, boot, max(rounds // 2, 3))
        figures += await _snapshots(driver, names, base, max(rounds // 4, 3))
        figures += await _many(driver, names)
        await driver.remove_snapshot(base)
    return figures


def disk_figures(folder: Path, rounds: int, disks: DiskKind = "auto") -> list[Figure]:
    """All of them.

    Args:
        folder: Where there is room for the environment, twice.
        rounds: How many boots are timed.
        disks: How disks are made.
    """
    return asyncio.run(_measure(folder / "disks", rounds, disks))


def main() -> int:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description="What devboxes and their disks cost.")
    parser.add_argument("--rounds", type=int, default=40, help="how many boots are timed (default 40)")
    parser.add_argument("--copying", action="store_true", help="copy disks rather than mount overlays")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="runloop-mcp-bench-"))
    try:
        figures = disk_figures(folder, arguments.rounds, "copy" if arguments.copying else "auto")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(table(figures))
    return 0 if all(figure.met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
