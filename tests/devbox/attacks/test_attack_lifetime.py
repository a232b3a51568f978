"""Attacks on the end of a command: what it has started must not outlive its time limit, however it hides."""

import anyio
from boxes import PATIENCE_SECONDS, daemon, marked, marked_on_host, python, run, run_program, start, succeed, unique
from canaries import program
from driver_cases import DriverCase

from runloop_mcp.devbox.port import Devbox

WAKER = """
import os, signal
print("up", flush=True)
while True:
    try: os.kill(-1, signal.SIGCONT)
    except ProcessLookupError: pass
"""
"""Wakes every process that is stopped, all the time."""

RELAY = """
import os, signal, sys
if os.fork():
    print("up", flush=True)
    signal.pause()
os.setsid()
os.environ.clear()
while True:
    if os.fork(): os._exit(0)
"""
"""Each process is gone as soon as it has started the next."""


async def test_no_process_hides_from_the_end_of_its_command(devbox: Devbox, driver_case: DriverCase) -> None:
    """Another parent, session and group, no environment and no readable memory hide nothing; others live on."""
    word, spared, kept = unique("hidden"), unique("spared"), unique("kept")
    await succeed(devbox, f"{daemon(spared)} | grep -m1 up")
    beside = await start(devbox, f"{daemon(kept)}; exec sleep 1000")
    await beside.stdout.until(b"up")
    argv = ("python3", "-I", "-S", "-", f'"{word}"')
    hiding = await start(devbox, argv, stdin=program("hide").read_bytes())
    await hiding.stdout.until(b"up")
    assert len(await marked(devbox, word)) == 2
    with anyio.fail_after(PATIENCE_SECONDS):
        await hiding.process.kill()
    assert await marked(devbox, word) == []
    if driver_case.processes_on_host:
        assert marked_on_host(word) == []
    assert len(await marked(devbox, spared)) == 1, "of a command that ended in time"
    assert len(await marked(devbox, kept)) == 1, "of a command that runs beside"
    await beside.process.kill()
    assert await marked(devbox, kept) == []


async def test_helpers_do_not_outrun_a_kill(devbox: Devbox) -> None:
    """A process of an earlier command that wakes whatever is stopped saves nothing of a command that is killed."""
    word = unique("relay")
    waker = await start(devbox, python(WAKER))
    await waker.stdout.until(b"up")
    for _ in range(3):
        running = await start(devbox, python(RELAY, word))
        await running.stdout.until(b"up")
        with anyio.fail_after(PATIENCE_SECONDS):
            await running.process.kill()
        assert not devbox.alive or await marked(devbox, word) == []
    assert marked_on_host(word) == []


async def test_what_processes_are_told_apart_by_cannot_be_changed(devbox: Devbox) -> None:
    """No call changes the label of a process, or any limit of the supervisor; the devbox lives on."""
    shown = await run_program(devbox, program("relabel"))
    own = shown["outcomes"].pop("own files")
    assert own == "done", "limits of its own a process may lower"
    assert set(shown["outcomes"].values()) == {"EPERM"}, shown
    assert shown["label"][0] != 7
    assert (await run(devbox, "ulimit -x 7")).status != 0
    assert await succeed(devbox, "ulimit -n") == "4096"
