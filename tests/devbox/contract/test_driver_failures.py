"""Driver contract: set-up that fails, at whichever step, leaves no process, mount, descriptor, folder or group."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from boxes import PATIENCE_SECONDS, Workshop, child_environment, succeed
from driver_cases import DriverCase
from left_behind import LeftBehind, gained, left_behind

from runloop_mcp.api.errors import ApiError
from runloop_mcp.devbox.port import DevboxSpec, Files, Limits

SPEC = DevboxSpec(limits=Limits(memory_bytes=1 << 30, cpus=1, disk_bytes=1 << 30))


@contextmanager
def limited(kind: int, soft: int) -> Iterator[None]:
    """A block in which this process may have no more of something."""
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)


async def creation_fails(workshop: Workshop, spec: DevboxSpec = SPEC) -> str | None:
    """Creates a devbox and removes it; what an error said, where that failed."""
    devbox_id = workshop.devbox_id()
    try:
        with anyio.fail_after(PATIENCE_SECONDS):
            await workshop.driver.create(devbox_id, spec)
    except ApiError as error:
        return str(error)
    await workshop.driver.remove(devbox_id)
    return None


async def lasting(state: Path, before: LeftBehind, *, trash: bool = False) -> str:
    """What a failure has left for good, which takes a moment to tell. With `trash`, but for what lies there."""
    with anyio.move_on_after(PATIENCE_SECONDS / 10):
        while True:
            now = left_behind(state)
            if trash:
                now = replace(now, entries=frozenset(entry for entry in now.entries if "/trash/" not in entry))
            if not (more := gained(before, now)):
                break
            await anyio.sleep(0.01)
    return more


async def test_too_few_descriptors_leave_nothing(workshop: Workshop, driver_state: Path) -> None:
    """Whichever descriptor is not to be had, the creation says so, and what it had made is gone."""
    assert await creation_fails(workshop) is None
    before = left_behind(driver_state)
    failures = 0
    for number in range(3, 256):
        with limited(resource.RLIMIT_NOFILE, number):
            failure = await creation_fails(workshop)
        # What can't be deleted for want of a descriptor is deleted when the next devbox is made.
        assert not await lasting(driver_state, before, trash=True), f"{number} descriptors: {failure}"
        if failure is None:
            break
        failures += 1
    assert failures >= 5
    assert await creation_fails(workshop) is None
    assert not await lasting(driver_state, before)


async def test_files_that_cannot_be_written_leave_nothing(
    workshop: Workshop, driver_state: Path, tmp_path: Path
) -> None:
    """Where nothing more, or not all of a scenario's files, can be written, nothing is left half written."""
    source = tmp_path / "source"
    source.mkdir()
    for number in range(3):
        (source / f"file{number}").write_bytes(b"x" * 4000 * (number + 1))
    assert await creation_fails(workshop) is None
    before = left_behind(driver_state)
    for size in (0, 1, 100, 5000, 9000):
        with limited(resource.RLIMIT_FSIZE, size):
            spec = DevboxSpec(files=Files(f"key{size}", source), limits=SPEC.limits)
            failure = await creation_fails(workshop, spec)
        assert failure, size
        assert not await lasting(driver_state, before), f"{size} bytes: {failure}"
    assert await creation_fails(workshop) is None


async def test_processes_killed_while_it_boots_leave_nothing(
    workshop: Workshop, driver_state: Path, full_size: bool
) -> None:
    """Whenever the processes that make a devbox are killed, the creation fails and leaves nothing, or has succeeded."""
    assert await creation_fails(workshop) is None
    before = left_behind(driver_state)
    failures = 0
    for delay in range(0, 16, 1 if full_size else 2):

        async def kill(after: float) -> None:
            await anyio.sleep(after)  # at another step each time; no step is waited for
            for pid in left_behind(driver_state).processes - before.processes:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(kill, delay * 0.002)
            failure = await creation_fails(workshop)
            tasks.cancel_scope.cancel()
        failures += failure is not None
        assert not await lasting(driver_state, before), failure
    assert failures
    assert await creation_fails(workshop) is None


async def test_a_full_disk_leaves_nothing(driver_case: DriverCase, tmp_path: Path, built_tools: Path) -> None:
    """With no page of the disk left, and with each one more, a creation fails and leaves nothing, until it succeeds."""
    program = Path(__file__).parent.parent / "full_disk.py"
    command = ["unshare", "--user", "--map-root-user", "--mount", sys.executable, program, driver_case.name, tmp_path]
    command.append(built_tools)
    done = await anyio.to_thread.run_sync(
        lambda: subprocess.run(
            list(map(str, command)), env=child_environment(), capture_output=True, text=True, check=False, timeout=60
        )
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout) >= 3, "it never failed"


@pytest.mark.parametrize("folder", ["devboxes", "layers"])
async def test_folders_that_are_gone_leave_nothing(
    driver_case: DriverCase, tmp_path: Path, folder: str, with_tools: Callable[[Path], Path]
) -> None:
    """A state folder that was damaged under a server makes creations fail; once mended they work again."""
    async with driver_case.open(with_tools(tmp_path)) as driver:
        workshop = Workshop(driver)
        source = tmp_path / "source"
        source.mkdir()
        spec = DevboxSpec(files=Files("key", source), limits=SPEC.limits)
        assert await creation_fails(workshop) is None
        place = tmp_path / "sandbox" / folder
        place.rename(tmp_path / "away")
        place.touch()
        before = left_behind(tmp_path)
        assert await creation_fails(workshop, spec)
        assert not await lasting(tmp_path, before)
        place.unlink()
        (tmp_path / "away").rename(place)
        devbox = await workshop.create()
        assert await succeed(devbox, "echo works") == "works"
        await workshop.clear()
