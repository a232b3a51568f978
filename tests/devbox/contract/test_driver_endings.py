"""Driver contract: how processes, devboxes and drivers end, and that nothing outlives them."""

import os
import select
import subprocess
from pathlib import Path

import anyio
import pytest
from boxes import (
    PATIENCE_SECONDS,
    Workshop,
    child_environment,
    daemon,
    entered,
    marked,
    marked_on_host,
    python,
    run,
    start,
    succeed,
    unique,
)
from driver_cases import DriverCase
from forked_python import ForkedProcess

from runloop_mcp.api.errors import Conflict
from runloop_mcp.devbox.port import Devbox, DevboxSpec, Driver, Exit

TIMED_OUT = Exit(137, signal=9, timed_out=True)
KILLED = Exit(137, signal=9)
LOST = Exit(137, lost=True)


async def test_a_time_out_kills_the_whole_tree(devbox: Devbox) -> None:
    """After the time limit the process is gone, with its daemon that ignores SIGTERM; other commands' live on."""
    doomed, spared = unique("doomed"), unique("spared")
    await succeed(devbox, f"{daemon(spared)} | grep -m1 up")
    ran = await run(
        devbox, f"trap '' TERM; echo kept; {daemon(doomed)}; sleep 1000 & sleep 1000; echo on", timeout_seconds=1
    )
    assert ran.exit == TIMED_OUT
    assert ran.stdout.startswith(b"kept\n"), "what it said before is lost"
    assert await marked(devbox, doomed) == []
    assert len(await marked(devbox, spared)) == 1


async def test_a_time_out_that_is_not_reached_changes_nothing(devbox: Devbox) -> None:
    """A process that ends in time ends as without a limit, and what it left behind lives on."""
    marker = unique("left")
    ran = await run(devbox, f"{daemon(marker)} | grep -m1 up; exit 4", timeout_seconds=PATIENCE_SECONDS)
    assert ran.exit == Exit(4)
    assert len(await marked(devbox, marker)) == 1


async def test_kill_ends_everything_that_a_process_started(devbox: Devbox) -> None:
    """When `kill` returns, the process, its children and its daemons are gone; a second call does nothing."""
    marker = unique("killed")
    script = f"{daemon(marker)}; sleep 1000 & exec python3 -c 'import signal; signal.pause()' {marker}"
    running = await start(devbox, script)
    await running.stdout.until(b"up")
    with anyio.fail_after(PATIENCE_SECONDS):
        await running.process.kill()
        assert await marked(devbox, marker) == []
        await running.process.kill()
    assert await running.wait() == KILLED


async def test_processes_that_replace_each_other_do_not_outrun_a_kill(devbox: Devbox) -> None:
    """A chain of processes, each gone as soon as the next is there, ends when `kill` returns; others live on."""
    relay = (
        "import os, signal, sys\n"
        "if os.fork(): print('up', flush=True); signal.pause()\n"
        "while True:\n    os.close(os.open('beat', os.O_CREAT)) \n    if os.fork(): os._exit(0)"
    )
    marker, spared = unique("relay"), unique("spared")
    await succeed(devbox, f"{daemon(spared)} | grep -m1 up")
    for _ in range(5):
        running = await start(devbox, python(relay, marker))
        await running.stdout.until(b"up")
        with anyio.fail_after(PATIENCE_SECONDS):
            await running.process.kill()
        assert await succeed(devbox, "rm -f beat; for ((n = 0; n < 3000; n++)); do :; done; ls") == ""
        assert await marked(devbox, marker) == []
    assert len(await marked(devbox, spared)) == 1


async def test_kill_of_one_that_has_ended_does_nothing(devbox: Devbox) -> None:
    """Killing an ended process is no error and keeps its end."""
    running = await start(devbox, "exit 5")
    await running.wait()
    with anyio.fail_after(PATIENCE_SECONDS):
        await running.process.kill()
    assert await running.wait() == Exit(5)


async def test_orphans_do_not_pile_up(devbox: Devbox) -> None:
    """Processes whose parent has gone disappear when they end."""
    orphans = (
        "import os\nfor _ in range(100):\n    if os.fork() == 0:\n        os._exit(os.fork() and 0)\n    os.wait()"
    )
    await succeed(devbox, python(orphans))
    states = await run(devbox, "cat /proc/[0-9]*/stat 2>/dev/null | grep -c ') Z '")
    assert int(states.text) < 20, "only the last few may still be about to disappear"


async def test_a_process_is_lost_with_its_devbox(devbox: Devbox) -> None:
    """A process whose devbox ends under it says so."""
    running = await start(devbox, "echo up; exec sleep 1000")
    await running.stdout.until(b"up")
    await devbox.stop()
    assert await running.wait() == LOST
    with anyio.fail_after(PATIENCE_SECONDS):
        await running.process.kill()


async def test_stop_ends_every_process_at_once(driver_case: DriverCase, devbox: Devbox) -> None:
    """When `stop` returns, a hundred deaf daemons are gone; it can be called repeatedly and at the same time."""
    marker = unique("stopped")
    count = "import os,signal;[signal.signal(s, signal.SIG_IGN) for s in (1, 2, 15)];"
    count += "sum(os.fork() == 0 and (os.setsid(), signal.pause()) is None for _ in range(100))"
    await succeed(devbox, python(count, marker))
    if driver_case.processes_on_host:
        assert len(marked_on_host(marker)) == 100
    assert devbox.alive
    with anyio.fail_after(PATIENCE_SECONDS):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(devbox.stop)
            tasks.start_soon(devbox.stop)
        await devbox.stop()
    assert not devbox.alive
    assert marked_on_host(marker) == []


async def test_the_end_of_a_devbox_can_be_awaited(devbox: Devbox) -> None:
    """Whoever waits for the end hears of it, and why, in words; later too."""
    reasons: list[str] = []

    async def note() -> None:
        reasons.append(await devbox.wait_ended())

    with anyio.fail_after(PATIENCE_SECONDS):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(note)
            await anyio.lowlevel.checkpoint()
            await devbox.stop()
        assert [await devbox.wait_ended()] == reasons
    assert reasons[0].strip()


async def test_leaving_the_driver_leaves_no_process(driver_case: DriverCase, driver_state: Path) -> None:
    """When a driver is left, all that ran in its devboxes is gone, and their disks are there for the next."""
    marker = unique("leaving")
    boxes = [unique("dbx") for _ in range(3)]
    async with entered(driver_case.open(driver_state)) as driver:
        for devbox_id in boxes:
            devbox = await driver.create(devbox_id, DevboxSpec())
            await succeed(devbox, f"echo {devbox_id} > note; {daemon(marker)} | grep -m1 up")
        if driver_case.processes_on_host:
            assert len(marked_on_host(marker)) == 3
    assert marked_on_host(marker) == []
    assert not devbox.alive
    async with entered(driver_case.open(driver_state)) as driver:
        for devbox_id in boxes:
            resumed = await driver.resume(devbox_id)
            assert (await resumed.read_file("note")).data.decode().strip() == devbox_id
            await driver.remove(devbox_id)


async def test_a_driver_left_by_an_error_leaves_no_process(driver_case: DriverCase, driver_state: Path) -> None:
    """An error inside the driver's block comes out of it, after the processes have ended."""
    marker, devbox_id = unique("error"), unique("dbx")
    with pytest.raises(KeyError, match="mine"):  # noqa: PT012 - the error goes through the block that is tested
        async with driver_case.open(driver_state) as driver:
            devbox = await driver.create(devbox_id, DevboxSpec())
            await succeed(devbox, f"{daemon(marker)} | grep -m1 up")
            raise KeyError("mine")
    assert marked_on_host(marker) == []
    async with driver_case.open(driver_state) as driver:
        await driver.remove(devbox_id)


async def test_a_killed_server_leaves_no_process_and_keeps_the_disk(
    driver_case: DriverCase, driver_state: Path, driver: Driver, workshop: Workshop
) -> None:
    """What another process holds can't be resumed here; once that is killed, its processes end and it can."""
    marker, devbox_id = unique("orphan"), workshop.devbox_id()
    program = Path(__file__).parent.parent / "other_server.py"
    arguments = [driver_case.name, str(driver_state), devbox_id, daemon(marker)]
    with ForkedProcess([str(program), *arguments], stdout=subprocess.PIPE, env=child_environment()) as server:
        assert server.stdout is not None
        try:
            assert await anyio.to_thread.run_sync(server.stdout.readline) == b"up\n"
            with pytest.raises(Conflict):
                await driver.resume(devbox_id)
            seen = marked_on_host(marker) if driver_case.processes_on_host else []
            watched = [os.pidfd_open(pid) for pid in seen if pid != server.pid]
        finally:
            server.kill()
    if driver_case.processes_on_host:
        assert watched
    for descriptor in watched:
        readable, _, _ = await anyio.to_thread.run_sync(select.select, [descriptor], [], [], PATIENCE_SECONDS)
        os.close(descriptor)
        assert readable, "a process outlived its server"
    with anyio.fail_after(PATIENCE_SECONDS):
        resumed = await _resume_once_free(driver, devbox_id)
    assert (await resumed.read_file("note")).data == b"kept\n"


async def _resume_once_free(driver: Driver, devbox_id: str) -> Devbox:
    """Resumes as soon as the kernel has cleared away what the killed server held."""
    while True:
        try:
            return await driver.resume(devbox_id)
        except Conflict:
            await anyio.sleep(0.01)  # between two looks; the deadline is the caller's


async def test_cancelling_a_start_leaves_the_devbox_usable(devbox: Devbox) -> None:
    """Cancellation in the middle of calls loses no later answer."""
    for delay in (0, 0.0002, 0.0005, 0.001, 0.002):
        with anyio.move_on_after(delay):
            await run(devbox, "echo cancelled")
        with anyio.move_on_after(delay):
            await devbox.read_file("/etc/passwd")
        with anyio.move_on_after(delay):
            await devbox.write_file("cancelled", b"x" * 100_000)
        assert await succeed(devbox, f"echo {delay}") == str(delay)
