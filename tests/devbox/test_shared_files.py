"""The sandbox copies the files of a scenario once: however many devboxes are made of them, they share that copy."""

import os
from pathlib import Path

import pytest
from boxes import Workshop, entered, succeed, unique

from runloop_mcp.devbox.port import Files, Kept, KeptKind
from runloop_mcp.devbox.sandbox.driver import SandboxDriver

MEGABYTE = 1_000_000


def inodes(folder: Path) -> set[int]:
    """Every file below a folder, by its number on the disk, which no copy shares."""
    return {entry.inode() for place, _, _ in os.walk(folder) for entry in os.scandir(place)}


@pytest.mark.timeout(300)
async def test_a_devbox_of_files_that_were_laid_out_copies_nothing(
    driver_state: Path, tmp_path: Path, full_size: bool
) -> None:
    """Each sees the very same files on the disk, takes next to nothing of its own, and leaves them as they were."""
    (tmp_path / "source" / "deep").mkdir(parents=True)
    for number in range(5):
        (tmp_path / "source" / "deep" / str(number)).write_bytes(os.urandom(MEGABYTE))
    files = Files(unique("files"), tmp_path / "source")
    layer = driver_state / "sandbox" / "layers" / f"files-{files.key}"
    async with entered(SandboxDriver(driver_state)) as driver:
        workshop = Workshop(driver)
        first = await workshop.create(files=files)
        seen = await succeed(first, "stat -c %i deep/*")
        laid_out, layers = inodes(layer), set(os.listdir(driver_state / "sandbox" / "layers"))  # noqa: PTH208 - names
        assert {int(number) for number in seen.split()} < laid_out
        for _ in range(1000 if full_size else 3):
            devbox = await workshop.create(files=files)
            assert await driver.kept_bytes(Kept(KeptKind.DEVBOX, devbox.id, 0, in_use=True)) < MEGABYTE / 10
            assert await succeed(devbox, "stat -c %i deep/*; echo own >> deep/0") == seen
            await driver.remove(devbox.id)
        copy = await workshop.copy(first)
        assert await succeed(copy, "stat -c %i deep/*") == seen
        assert inodes(layer) == laid_out
        grown = set(os.listdir(driver_state / "sandbox" / "layers")) - layers  # noqa: PTH208 - likewise
        assert all(name.startswith("snapshot-") for name in grown)
        assert sum(len(inodes(driver_state / "sandbox" / "layers" / name)) for name in grown) < 10
        await workshop.clear()
