"""The sandbox keeps a stopped devbox by a rename: a server that is killed in the middle of that loses nothing."""

from pathlib import Path

import forked_python
import pytest
from boxes import PATIENCE_SECONDS, Workshop, child_environment, entered, succeed

from runloop_mcp.devbox.sandbox.driver import SandboxDriver

SEALED_AND_KILLED = """
import os, sys
from pathlib import Path
from runloop_mcp.devbox.sandbox.disk import Disk
from runloop_mcp.devbox.sandbox.sealing import seal

state, owner, devbox_id, snapshot_id, steps = sys.argv[1:]
left = int(steps)
STEPS = ("os.rename", "os.mkdir", "os.remove", "os.chmod", "os.chown")

def count(event, arguments):
    global left
    if event in STEPS:
        left -= 1
        if left < 0:
            os._exit(9)

disk = Disk(Path(state), int(owner) if owner else None)
lock = disk.hold(devbox_id)
sys.addaudithook(count)
seal(disk, devbox_id, snapshot_id)
"""
"""Dies before its next step, as a server does that is killed: what it had done until then stays."""


@pytest.mark.timeout(300)
async def test_a_server_that_is_killed_while_it_seals_loses_nothing(driver_state: Path, full_size: bool) -> None:
    """Whichever step it came to: the devbox goes on with all it had, and the snapshot is whole or not there."""
    async with entered(SandboxDriver(driver_state)) as driver:
        workshop = Workshop(driver)
        kept = 0
        for steps in range(40) if full_size else (1, 10):
            devbox = await workshop.create()
            await succeed(devbox, "mkdir d; echo work > d/file; echo home > ~/file; chmod 500 .")
            await devbox.stop()
            snapshot_id = workshop.snapshot_id()
            owner = str((driver_state / "sandbox" / "devboxes" / devbox.id / "home").stat().st_uid)
            arguments = [driver_state, owner, devbox.id, snapshot_id, str(steps)]
            command = ["-c", SEALED_AND_KILLED, *map(str, arguments)]
            killed = forked_python.run(command, env=child_environment(), timeout=PATIENCE_SECONDS)
            assert killed.returncode in (0, 9), killed.stderr
            for found in await driver.kept():
                if found.id == snapshot_id and not await driver.has_snapshot(snapshot_id):
                    await driver.discard(found)  # what gc does to what nobody knows
            resumed = await driver.resume(devbox.id)
            seen = await succeed(resumed, "cat d/file ~/file; stat -c %a .; echo more > ~/more")
            assert seen == "work\nhome\n500", steps
            if await driver.has_snapshot(snapshot_id):
                kept += 1
                copy = await workshop.create(home_snapshot=snapshot_id, work_snapshot=snapshot_id)
                assert await succeed(copy, "cat d/file ~/file; ls ~") == "work\nhome\nfile\nwork"
            await resumed.stop()
            again = await workshop.snapshot(resumed)
            later = await workshop.create(home_snapshot=again, work_snapshot=again)
            assert await succeed(later, "cat d/file ~/file ~/more") == "work\nhome\nmore"
            await workshop.clear()
            if killed.returncode == 0:
                break
        assert kept > 0
