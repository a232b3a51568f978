"""What holds where the file system keeps project quotas: `quota_checks.py FOLDER`, on such a file system, as root.

Prints the name of each check once it has passed; fails with the first that does not.
"""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio

sys.path.insert(0, str(Path(__file__).parents[1]))

from boxes import Workshop, python, run, succeed

from runloop_mcp.api.errors import Unavailable
from runloop_mcp.devbox.port import DevboxSpec, LimitHit, Limits
from runloop_mcp.devbox.sandbox import project_quotas
from runloop_mcp.devbox.sandbox.driver import SandboxDriver

MEGABYTE = 1 << 20
FOLDER = Path(sys.argv[1])
LIMIT = 24 * MEGABYTE
SPEC = DevboxSpec(limits=Limits(disk_bytes=LIMIT))
LEAVES_ITS_PROJECT = """
import fcntl, os, struct
opened = os.open("mine", os.O_RDWR | os.O_CREAT)
about = bytearray(fcntl.ioctl(opened, 0x801C581F, bytes(28)))
about[12:16] = bytes(4)
fcntl.ioctl(opened, 0x401C5820, bytes(about))
"""


async def a_writer_gets_to_the_limit_and_no_further(workshop: Workshop) -> None:
    """However it is spread over the disk's parts, and the command is told; the disk is in use before and after."""
    devbox = await workshop.create(limits=SPEC.limits)
    spread = "head -c 8M /dev/zero > ~/a && head -c 8M /dev/zero > /tmp/b"
    await succeed(devbox, spread)
    ran = await run(devbox, "head -c 64M /dev/zero > c")
    assert (ran.exit.signal, ran.exit.limits) == (None, {LimitHit.DISK}), ran
    assert ran.status != 0
    size = sum(map(int, (await succeed(devbox, "stat -c %s ~/a /tmp/b c")).split()))
    assert LIMIT - MEGABYTE <= size <= LIMIT, size
    await devbox.stop()
    again = await workshop.driver.resume(devbox.id)
    assert (await run(again, "head -c 4M /dev/zero > d")).exit.limits == {LimitHit.DISK}
    await succeed(again, "rm ~/a d; head -c 4M /dev/zero > d")


async def files_are_as_many_as_fit(workshop: Workshop) -> None:
    """Empty files count too: a file system has only so many."""
    devbox = await workshop.create(limits=SPEC.limits)
    ran = await run(devbox, python("import os\nfor n in range(1 << 30): os.close(os.open(str(n), os.O_CREAT))"))
    assert (ran.status, ran.exit.limits) == (1, {LimitHit.DISK})
    assert int(await succeed(devbox, "ls | wc -l")) <= LIMIT // 4096


async def the_server_writes_no_more_either(workshop: Workshop) -> None:
    """To root the kernel refuses nothing, so the server refuses by itself what goes beyond."""
    devbox = await workshop.create(limits=SPEC.limits)
    await devbox.write_file("kept", bytes(LIMIT - 4 * MEGABYTE))
    try:
        await devbox.write_file("more", bytes(8 * MEGABYTE))
    except Unavailable as error:
        assert "disk is full" in error.message  # noqa: PT017 - a script, run without pytest
    else:
        raise AssertionError("it was written")


async def nobody_leaves_a_project(workshop: Workshop) -> None:
    """What a devbox has made stays counted."""
    devbox = await workshop.create(limits=SPEC.limits)
    ran = await run(devbox, python(LEAVES_ITS_PROJECT))
    assert ran.status == 1, ran
    assert b"Error" in ran.stderr


async def snapshots_and_forks_are_as_ever(workshop: Workshop) -> None:
    """A layer that was sealed counts no more; the devbox goes on above it, and so does a fork, each with its limit."""
    devbox = await workshop.create(limits=SPEC.limits)
    await succeed(devbox, "head -c 16M /dev/zero > a; mkdir below; echo x > below/file")
    await devbox.stop()
    await workshop.driver.snapshot(devbox.id, "sealed")
    again = await workshop.driver.resume(devbox.id)
    fork = await workshop.create(limits=SPEC.limits, home_snapshot="sealed", work_snapshot="sealed")
    for each in (again, fork):
        assert await succeed(each, "echo y >> below/file; head -c 16M /dev/zero > b; ls; cat below/file") == (
            "a\nb\nbelow\nx\ny"
        )
        ran = await run(each, "head -c 64M /dev/zero > c")
        assert LimitHit.DISK in ran.exit.limits, ran


async def no_limits_are_left(workshop: Workshop) -> None:
    """They are lifted with the devbox: the file system would remember them for ever."""
    devbox = await workshop.create(limits=SPEC.limits)
    await succeed(devbox, "echo x > file")
    home = FOLDER / "sandbox" / "devboxes" / devbox.id / "home"
    project = project_quotas.project_of(home)
    assert project_quotas.limit_of(FOLDER, project) == LIMIT
    await devbox.stop()
    assert project_quotas.limit_of(FOLDER, project) == 0
    project_quotas.cap(home.parent, LIMIT)  # as a server leaves it that is killed
    await workshop.driver.remove(devbox.id)
    assert project_quotas.limit_of(FOLDER, project) == 0


async def main() -> None:
    """Makes all checks."""
    checks: tuple[Callable[[Workshop], Awaitable[None]], ...] = (
        a_writer_gets_to_the_limit_and_no_further,
        files_are_as_many_as_fit,
        the_server_writes_no_more_either,
        nobody_leaves_a_project,
        snapshots_and_forks_are_as_ever,
        no_limits_are_left,
    )
    async with SandboxDriver(FOLDER) as driver:
        findings = {finding.name: finding.detail for finding in (await driver.probe()).findings}
        assert "disk by project quotas" in findings["limits"], findings
        for check in checks:
            workshop = Workshop(driver)
            await check(workshop)
            await workshop.clear()
            print(check.__name__, flush=True)  # noqa: T201 - the test that started this reads it


if __name__ == "__main__":
    anyio.run(main)
