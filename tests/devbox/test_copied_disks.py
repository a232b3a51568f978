"""The sandbox without overlays: disks are copies, and hold what overlays would show."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from boxes import Workshop, child_environment, entered, run, succeed, unique

from runloop_mcp.devbox.port import Files
from runloop_mcp.devbox.sandbox.driver import SandboxDriver

CHANGES = r"""
rm gone.txt; rm -r tree; mkdir tree; echo new > tree/new; rm -r other; echo file > other; rm file; mkdir -p file/in
ln kept.txt hard; ln -s kept.txt link; chmod 700 shut; echo more >> kept.txt; mkfifo fifo; touch $'odd\nname'
"""
LISTING = r"cd; find . -mindepth 1 ! -name socket -printf '%P %y %m %l\n' | sort; cat work/kept.txt work/tree/new"


def lay_out(folder: Path) -> Files:
    """Files whose changes make every mark that an overlay has."""
    for name in ("gone.txt", "kept.txt", "tree/one", "tree/deep/two", "other/three", "file", "shut/four"):
        (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "source" / name).write_text(f"{name}\n")
    return Files(unique("files"), folder / "source")


async def test_a_copy_holds_what_an_overlay_shows(driver_state: Path, tmp_path: Path) -> None:
    """A devbox made of a snapshot of many layers is the same either way; deleted and replaced files stay so."""
    files = lay_out(tmp_path)
    async with entered(SandboxDriver(driver_state, disks="overlay")) as driver:
        workshop = Workshop(driver)
        devbox = await workshop.create(files=files)
        await succeed(devbox, "echo first > tree/one; echo home > ~/settings; rm -r tree/deep; touch more")
        middle = await workshop.copy(devbox)
        await succeed(middle, CHANGES)
        snapshot_id = await workshop.snapshot(middle)
        mounted = await workshop.create(home_snapshot=snapshot_id, work_snapshot=snapshot_id)
        expected = await succeed(mounted, LISTING)
        async with entered(SandboxDriver(driver_state, disks="copy")) as copying:
            others = Workshop(copying)
            copied = await others.create(home_snapshot=snapshot_id, work_snapshot=snapshot_id)
            assert await succeed(copied, LISTING) == expected
            over = await others.create(files=files, work_snapshot=snapshot_id)
            assert await succeed(over, "cat file gone.txt kept.txt; ls tree tree/deep") == (
                "file\ngone.txt\nkept.txt\ntree:\ndeep\nnew\none\n\ntree/deep:\ntwo"
            )
            await succeed(over, "echo own > kept.txt")
        # Whoever uses a copied disk next need not know that no overlay could be mounted.
        await driver.snapshot(over.id, workshop.snapshot_id())
        assert await succeed(await driver.resume(over.id), "cat kept.txt") == "own"
        assert not list((driver_state / "sandbox" / "devboxes" / over.id / "work.scratch").iterdir())
        for left in (over, copied):
            await driver.remove(left.id)
        await workshop.clear()


@pytest.mark.proof
async def test_a_copied_disk_is_a_whole_one(driver_state: Path, tmp_path: Path) -> None:
    """Pytest is there, nothing is shared, it is resumed and kept; what it was made of is no longer needed."""
    async with entered(SandboxDriver(driver_state, disks="copy")) as driver:
        (found,) = [each for each in (await driver.probe()).findings if each.name == "disks"]
        assert (found.ok, found.required) == (False, False)
        assert "as long as copying" in found.detail
        workshop = Workshop(driver)
        devbox = await workshop.create(files=lay_out(tmp_path))
        assert (await run(devbox, "touch /usr/lib/python3/new /usr/local/bin/new")).status != 0
        await succeed(devbox, "python3 -m pytest --version && pytest --version && python --version")
        await succeed(devbox, "echo changed > kept.txt; rm gone.txt")
        await devbox.stop()
        snapshot_id = await workshop.snapshot(devbox)
        resumed = await driver.resume(devbox.id)
        assert await succeed(resumed, "cat kept.txt; ls gone.txt 2>&1 | wc -l") == "changed\n1"
        copy = await workshop.create(work_snapshot=snapshot_id)
        await driver.remove_snapshot(snapshot_id)
        assert await succeed(copy, "cat kept.txt; echo own > kept.txt; ls | wc -l") == "changed\n5"
        assert await succeed(resumed, "cat kept.txt") == "changed"
        await workshop.clear()


ON_AN_OVERLAY = """
import anyio, sys
from pathlib import Path
from runloop_mcp.devbox.port import Command, DevboxSpec, Files
from runloop_mcp.devbox.sandbox.driver import SandboxDriver

async def main(state, source):
    async with SandboxDriver(Path(state)) as driver:
        files = Files("given", Path(source))
        devbox = await driver.create("dbx_one", DevboxSpec(files=files))
        async def tell(data):
            sys.stdout.write(data.decode())
        process = await devbox.start(Command(("cat", "kept.txt")), stdout=tell, stderr=tell)
        print((await process.wait()).status)
        for finding in (await driver.probe()).findings:
            if finding.name == "disks":
                print(finding.ok, finding.detail, finding.remedy)

anyio.run(main, *sys.argv[1:])
"""


def test_where_no_overlay_can_be_mounted_disks_are_copied(
    with_tools: Callable[[Path], Path], driver_state: Path, tmp_path: Path
) -> None:
    """On a file system that takes none, as the root of a container, devboxes run all the same, and it says why."""
    lay_out(tmp_path)
    place = driver_state / unique("stacked")
    for name in ("upper", "scratch", "merged"):
        (place / name).mkdir(parents=True)
    with_tools(place / "lower")
    mount = (
        "mount -t overlay overlay -o userxattr,lowerdir=$1/lower,upperdir=$1/upper,workdir=$1/scratch $1/merged"
        ' && exec "$2" -c "$3" "$1/merged" "$4"'
    )
    arguments = [place, sys.executable, ON_AN_OVERLAY, tmp_path / "source"]
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh", *arguments],
        env=child_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    status, disks = done.stdout.splitlines()[-2:]
    assert done.stdout.startswith("kept.txt\n")
    assert status == "0"
    assert disks.startswith("False copies, because the file system of the state folder takes no overlay")
    assert "--state-dir" in disks
