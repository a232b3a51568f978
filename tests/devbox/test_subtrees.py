"""A snapshot whose working directory is named afterwards: nothing that a solver left there leads out of the box."""

from pathlib import Path

import pytest
from boxes import Workshop, entered, succeed

from runloop_mcp.devbox.sandbox.driver import SandboxDriver

_PLACE = "/home/user/a/project"


@pytest.mark.parametrize("part", ["a", "a/project"])
async def test_links_are_not_followed(driver_state: Path, tmp_path: Path, part: str) -> None:
    """A link to a directory of the host, on the way or at its end, shows nothing of it, and the box can be used."""
    secret = tmp_path / "secret"
    (secret / "project").mkdir(parents=True)
    (secret / "file").write_text("of the host\n")
    (secret / "project" / "file").write_text("of the host\n")
    async with entered(SandboxDriver(driver_state)) as driver:
        workshop = Workshop(driver)
        devbox = await workshop.create()
        await succeed(devbox, f"mkdir -p $(dirname ~/{part}) && ln -s {secret} ~/{part} && echo own > file")
        for stopped in (False, True):
            if stopped:
                await devbox.stop()
            snapshot_id = await workshop.snapshot(devbox)
            box = await workshop.create(working_directory=_PLACE, home_snapshot=snapshot_id, work_snapshot=snapshot_id)
            assert await succeed(box, "ls; cat file") == "file\nown"
        await workshop.clear()
