"""A solver in a shell can spoil its own shell, and nothing else."""

import anyio
from boxes import PATIENCE_SECONDS, Capture, run, start, succeed

from runloop_mcp.api.errors import Unavailable
from runloop_mcp.devbox.port import Devbox, ShellCommand

NONSENSE = r"""
printf -v nines '9%.0s' {1..5000}
for end in {3..60}; do
  printf "s 1 $nines\ns $nines 0\ns -1 x\n\ns 1 x\n%0100000d" 7 2>/dev/null >&$end
done
"""
"""Writes to the descriptors that the shell itself has: those that it keeps from its children as well."""


async def test_nonsense_on_the_descriptor_of_reports_ends_nothing(devbox: Devbox) -> None:
    """Whatever a command writes where its shell reports, only its own end can be mistaken, and the devbox works on."""
    shell = await devbox.open_shell(environment={})
    process = await shell.start(ShellCommand(NONSENSE, timeout_seconds=10), stdout=Capture(), stderr=Capture())
    with anyio.fail_after(PATIENCE_SECONDS):
        await process.wait()
    assert await succeed(devbox, "echo works") == "works"
    with anyio.fail_after(PATIENCE_SECONDS):
        await shell.close()
    other = Capture()
    fresh = await devbox.open_shell(environment={})
    process = await fresh.start(ShellCommand("echo fresh"), stdout=other, stderr=Capture())
    with anyio.fail_after(PATIENCE_SECONDS):
        await process.wait()
    assert bytes(other.data) == b"fresh\n"


async def test_names_of_pipes_lead_nowhere_else(devbox: Devbox) -> None:
    """What a solver puts where the next command's pipes are to be is not opened for the server: the shell is spoilt."""
    shell = await devbox.open_shell(environment={})
    await succeed(devbox, "cd /run/shells && for n in $(seq 50); do ln -s /proc/1/environ 1-$n; done; true")
    out = Capture()
    for _ in range(5):
        try:
            process = await shell.start(ShellCommand("echo x", timeout_seconds=1), stdout=out, stderr=Capture())
        except Unavailable:
            break
        with anyio.fail_after(PATIENCE_SECONDS):
            await process.wait()
    assert set(bytes(out.data).split()) <= {b"x"}
    assert (await run(devbox, "echo works")).text == "works"


async def test_a_shell_can_be_ended_whatever_it_does(devbox: Devbox) -> None:
    """One that answers no more, because its builtins were replaced, is killed like any process."""
    shell = await devbox.open_shell(environment={})
    running = await start(devbox, "sleep 1000")
    process = await shell.start(
        ShellCommand("builtin() { :; }; eval() { :; }; exec 0<&- 29>&-; set -r; trap '' INT TERM HUP"),
        stdout=Capture(),
        stderr=Capture(),
    )
    with anyio.fail_after(PATIENCE_SECONDS):
        await process.kill()
    assert not shell.alive
    await running.process.kill()
