"""Creates devboxes on a disk that is full: `full_disk.py DRIVER FOLDER TOOLS`, in a mount namespace of its own.

With no page left, then one, and so on until it succeeds; prints how often it failed. Fails where that left something.
"""

import shutil
import sys
from pathlib import Path

import anyio
from boxes import Workshop, succeed
from driver_cases import case_named
from left_behind import gained, left_behind

from runloop_mcp.api.errors import ApiError
from runloop_mcp.devbox.port import Files
from runloop_mcp.devbox.sandbox.inside import kernel

PAGE = 4096


async def main(driver_name: str, folder: Path, tools: Path) -> None:
    """Mounts the disk, and fills it but for some pages each time."""
    disk, source = folder / "disk", folder / "source"
    disk.mkdir()
    source.mkdir()
    (source / "file").write_bytes(b"x" * 3 * PAGE)
    kernel.mount("tmpfs", str(disk), "tmpfs", options="size=64m,mode=700")
    shutil.copytree(tools, disk / "sandbox" / "tools", symlinks=True)
    async with case_named(driver_name).open(disk) as driver:
        workshop = Workshop(driver)
        await workshop.create()
        failures = 0
        while True:
            before = left_behind(disk)
            _fill(disk / "fill", leave=failures)
            try:
                devbox = await workshop.create(files=Files(f"key{failures}", source))
            except ApiError:
                failures += 1
            else:
                (disk / "fill").unlink()
                assert await succeed(devbox, "stat -c %s file") == str(3 * PAGE)
                break
            with anyio.move_on_after(3):
                while more := gained(before, left_behind(disk)):  # noqa: ASYNC110 - nobody tells
                    await anyio.sleep(0.01)
            assert not more, f"{failures} pages: {more}"
        await workshop.clear()
    print(failures)  # noqa: T201 - the test that started this reads it


def _fill(path: Path, *, leave: int) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(256 * PAGE))  # as much of it as there is room for
        except OSError:
            file.truncate(max(file.tell() - leave * PAGE, 0))


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], *map(Path, sys.argv[2:]))
