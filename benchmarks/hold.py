"""How far a devbox gets beyond its disk before it is stopped, in time of writing at full speed."""

import os
import subprocess
import time
from pathlib import Path

import anyio
from figures import Figure
from transport_floor import p50

from runloop_mcp.devbox.port import Command, Devbox, DevboxSpec, Driver, Limits
from runloop_mcp.devbox.sandbox.driver import SandboxDriver

_LIMIT = 256 << 20
_FILES = 20_000
_MOST_MS = 250
"""As far as anyone gets in a quarter of a second: less than a dirty page waits for the disk."""
_MANY = f"import os\nfor n in range({_FILES}): os.close(os.open('f%d' % n, os.O_CREAT))"
_ONE, _FOUR = "exec cat /dev/zero > ~/file", "for n in 1 2 3 4; do cat /dev/zero > ~/file$n & done; wait"


def hold_figures(folder: Path, rounds: int) -> list[Figure]:
    """One writer, four at once, and one beside many files, which take long to count."""
    return anyio.run(_figures, folder / "hold", rounds)


async def _figures(folder: Path, rounds: int) -> list[Figure]:
    async with SandboxDriver(folder) as driver:
        cases = (("one writer", "", _ONE), ("four writers", "", _FOUR), (f"one, of {_FILES} files", _MANY, _ONE))
        return [
            await _figure(driver, folder / "sandbox" / "devboxes", name, prepare, attack, rounds)
            for name, prepare, attack in cases
        ]


async def _figure(driver: Driver, disks: Path, name: str, prepare: str, attack: str, rounds: int) -> Figure:
    beyond, times, speeds = [], [], []
    for _ in range(rounds):
        speeds.append(_speed(disks, attack))
        devbox = await driver.create(f"dbx_{os.urandom(8).hex()}", DevboxSpec(limits=Limits(disk_bytes=_LIMIT)))
        if prepare:
            await _run(devbox, "python3", "-c", prepare)
        await _run(devbox, "bash", "-c", attack)
        beyond.append(max(_taken(disks / devbox.id) - _LIMIT, 0) / 1e6)
        times.append(beyond[-1] / speeds[-1] * 1000)
        await driver.remove(devbox.id)
    return Figure(
        f"disk beyond its limit, {name}, p50 (most)",
        f"{p50(beyond):.0f} ({max(beyond):.0f}) MB",
        f"{p50(speeds):.0f} MB/s",
        f"{p50(times):.0f} ms of it",
        f"≤ {_MOST_MS} ms",
        p50(times) <= _MOST_MS,
    )


async def _run(devbox: Devbox, *argv: str) -> None:
    async def nowhere(_: bytes) -> None:
        pass

    process = await devbox.start(Command(argv, timeout_seconds=60), stdout=nowhere, stderr=nowhere)
    await process.wait()


def _speed(disks: Path, attack: str) -> float:
    """Megabytes in a second that the same writers write outside of a devbox."""
    place = disks.parent.parent / "speed"
    place.mkdir(parents=True)
    began = time.perf_counter()
    writers = f"HOME={place}; {attack}"
    subprocess.run(["timeout", "0.3", "bash", "-c", writers], check=False)  # signals all writers: it leads their group
    speed = _taken(place) / (time.perf_counter() - began) / 1e6
    subprocess.run(["rm", "-r", "--", place], check=True)
    return speed


def _taken(folder: Path) -> int:
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))
