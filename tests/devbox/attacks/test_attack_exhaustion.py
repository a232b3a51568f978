"""Attacks that use something up: the disk in ways that no walk through it sees, and what commands print."""

import anyio
import pytest
from boxes import PATIENCE_SECONDS, Workshop, python, run, start, succeed
from driver_cases import DriverCase

from runloop_mcp.devbox.port import Devbox, LimitHit, Limits

MEGABYTE = 2**20

WAYS = {
    "one": "exec cat /dev/zero > file",
    "many": "for n in 1 2 3 4; do cat /dev/zero > file$n & done; wait",
    "home": "exec cat /dev/zero > ~/file",
    "temporary": "exec cat /dev/zero > /var/tmp/file",
    "nameless": "exec 3> file; rm file; exec cat /dev/zero >&3",
    "mapped": """exec python3 -c '
import mmap, os
with open("file", "w+b") as file:
    file.truncate(1 << 40)
    memory = mmap.mmap(file.fileno(), 1 << 36)
os.unlink("file")
for place in range(0, 1 << 36, 4096): memory[place] = 1
'""",
    "moving": """python3 -c '
import os
for number in range(8): os.makedirs(f"a/{number}/deep/er")
os.mkdir("b")
while True:
    for number in range(8): os.rename(f"a/{number}", f"b/{number}")
    for number in range(8): os.rename(f"b/{number}", f"a/{number}")
' & exec cat /dev/zero > file""",
    "empty": """exec python3 -c '
import os
for number in range(1 << 30): os.close(os.open(str(number), os.O_CREAT))
'""",
}


async def test_the_disk_is_not_filled(workshop: Workshop, devbox: Devbox, subtests: pytest.Subtests) -> None:
    """Whatever a devbox writes, and wherever, it loses its processes for it and learns why; others notice nothing."""
    beside = await start(devbox, "echo up; exec sleep 1000")
    await beside.stdout.until(b"up")
    for way, script in WAYS.items():
        with subtests.test(way):
            attacking = await workshop.create(limits=Limits(disk_bytes=4 * MEGABYTE))
            ran = await run(attacking, script, timeout_seconds=25)
            assert (ran.exit.timed_out, ran.exit.limits) == (False, {LimitHit.DISK}), ran.stderr
            assert await succeed(attacking, "cd; rm -rf work/* file /var/tmp/file; echo works") == "works"
            assert await succeed(devbox, "echo unharmed") == "unharmed"
            await workshop.driver.remove(attacking.id)
    await beside.process.kill()


async def test_room_is_not_taken_in_advance(devbox: Devbox) -> None:
    """A call can't take more than anybody could write; programs that ask for it get on without, and holes work."""
    for mode in ("", "-n", "-z", "-i", "-zn"):
        assert (await run(devbox, f"echo x > file; fallocate {mode} -o 0 -l 2G file")).status != 0, mode
    assert int(await succeed(devbox, "stat -c %b file")) <= 8
    falls_back = "import os; os.posix_fallocate(os.open('other', os.O_CREAT | os.O_RDWR), 0, 8192)"
    assert await succeed(devbox, python(falls_back)) == ""
    assert await succeed(devbox, "fallocate -p -o 0 -l 4096 other && stat -c %s other") == "8192"


async def test_memory_is_not_filled_with_files(devbox: Devbox) -> None:
    """What lies in memory is bounded: shared memory, and the places that only look like directories of the system."""
    fill = (
        "for place in /dev/shm / /dev /run /run/shells /etc /var/lib; do cat /dev/zero > $place/fill; done 2>/dev/null"
    )
    await run(devbox, fill, timeout_seconds=PATIENCE_SECONDS)
    left = await succeed(
        devbox, "stat -c %s /dev/shm/fill /fill /dev/fill /run/fill /run/shells/fill 2>/dev/null; true"
    )
    assert sum(map(int, left.split())) <= 65 * MEGABYTE
    assert await succeed(devbox, "rm /dev/shm/fill; echo works") == "works"


OUTSIDE = {
    "files": """
import os, signal
file = os.memfd_create("file")
for _ in range(2000): os.write(file, bytes(1 << 20))
signal.pause()
""",
    "segments": """
import ctypes, signal
libc = ctypes.CDLL(None)
libc.shmat.restype = ctypes.c_void_p
for _ in range(100):
    place = libc.shmat(libc.shmget(0, 20 << 20, 0o1600), None, 0)
    ctypes.memset(place, 1, 20 << 20)
    libc.shmdt(ctypes.c_void_p(place))
signal.pause()
""",
}


@pytest.mark.parametrize("kind", OUTSIDE)
async def test_memory_is_not_held_outside_of_processes(workshop: Workshop, driver_case: DriverCase, kind: str) -> None:
    """Files in memory without a name, and segments that nobody has attached, count: the command ends and learns why.

    Where such segments are gone at once, nothing piles up and the command goes on.
    """
    devbox = await workshop.create(limits=Limits(memory_bytes=64 * MEGABYTE))
    ran = await run(devbox, python(OUTSIDE[kind]), timeout_seconds=20)
    piles_up = kind == "files" or driver_case.segments_last
    assert (ran.exit.timed_out, LimitHit.MEMORY in ran.exit.limits) == (not piles_up, piles_up)
    with anyio.fail_after(PATIENCE_SECONDS):
        while (await run(devbox, "grep -c . /proc/sysvipc/shm")).text != "1":  # noqa: ASYNC110 - nobody tells
            await anyio.sleep(0.01)
    lasts = "import time; held = [b'x' * 2**20 for _ in range(24)]; time.sleep(0.5); print(len(held))"  # is looked at
    assert await succeed(devbox, python(lasts)) == "24"
