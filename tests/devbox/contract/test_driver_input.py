"""Driver contract: input and interrupts while a process runs."""

import anyio
import pytest
from boxes import PATIENCE_SECONDS, marked, python, start, succeed, unique

from runloop_mcp.api.errors import Conflict, InvalidState
from runloop_mcp.devbox.port import Devbox, Exit, Process

KIBIBYTE = 2**10


async def test_input_can_be_sent_while_a_process_runs(devbox: Devbox) -> None:
    """What is given at first and what is sent later arrive in order; the input ends when it is ended."""
    running = await start(
        devbox, "while read line; do echo got $line; done; echo end", stdin=b"one\n", attach_stdin=True
    )
    await running.stdout.until(b"got one")
    await running.process.send_stdin(b"two\nthr")
    await running.stdout.until(b"got two")
    await running.process.send_stdin(b"ee\n")
    await running.process.end_stdin()
    await running.process.end_stdin()
    assert await running.wait() == Exit(0)
    assert bytes(running.stdout.data) == b"got one\ngot two\ngot three\nend\n"


async def test_input_that_is_not_attached_ends_by_itself(devbox: Devbox) -> None:
    """Without `attach_stdin` nothing can be sent, and the error says what would be needed."""
    for given in (b"", b"x"):
        running = await start(devbox, "cat; echo up; exec sleep 1000", stdin=given)
        await running.stdout.until(b"up")
        with pytest.raises(InvalidState, match="attached"):
            await running.process.send_stdin(b"more")
        with pytest.raises(InvalidState, match="attached"):
            await running.process.end_stdin()
        await running.process.kill()
        assert bytes(running.stdout.data) == given + b"up\n"


async def test_nothing_is_sent_to_what_has_ended(devbox: Devbox) -> None:
    """A process that has ended takes neither input nor interrupts, and the error gives its status."""
    running = await start(devbox, "exit 3", attach_stdin=True)
    await running.wait()
    for call in (running.process.send_stdin(b"x"), running.process.end_stdin(), running.process.interrupt()):
        with pytest.raises(InvalidState, match="exit status 3"):
            await call


async def _send_for_ever(process: Process) -> None:
    while True:
        await process.send_stdin(b"x")
        await anyio.lowlevel.checkpoint()


async def test_nothing_is_sent_behind_the_end_of_the_input(devbox: Devbox) -> None:
    """After the input was ended, or closed by the process, sending is refused while the process runs on."""
    running = await start(devbox, "cat; echo end; mkfifo gate; cat gate", attach_stdin=True)
    await running.process.end_stdin()
    with pytest.raises(InvalidState, match="was ended"):
        await running.process.send_stdin(b"x")
    await running.process.kill()
    running = await start(devbox, "exec 0<&-; echo closed; sleep 1000", attach_stdin=True)
    await running.stdout.until(b"closed")
    with anyio.fail_after(PATIENCE_SECONDS), pytest.raises(InvalidState, match="no longer reads"):
        await _send_for_ever(running.process)  # the first of them finds out
    await running.process.kill()


async def test_input_that_nobody_reads_is_bounded(devbox: Devbox) -> None:
    """What waits to be read takes a bounded amount of memory; more is refused for now, and nothing of it is lost."""
    running = await start(devbox, "mkfifo gate; echo up; cat gate; wc -c", attach_stdin=True)
    await running.stdout.until(b"up")
    taken = 0

    async def fill() -> None:
        nonlocal taken
        for _ in range(16):
            await running.process.send_stdin(b"x" * 256 * KIBIBYTE)
            taken += 256 * KIBIBYTE

    with pytest.raises(Conflict) as refusal:
        await fill()
    assert refusal.value.retryable
    await succeed(devbox, "echo > gate")
    await running.process.end_stdin()
    assert await running.wait() == Exit(0)
    assert bytes(running.stdout.data).split() == [b"up", b"%d" % taken]


async def test_an_interrupt_is_as_ctrl_c(devbox: Devbox, subtests: pytest.Subtests) -> None:
    """The process and its children get SIGINT, and do with it what they like."""
    for script, ended in (
        ("echo up; sleep 1000; echo on", Exit(130, signal=2)),
        ("echo up; while :; do sleep 1000; done", Exit(130, signal=2)),
        ("trap 'echo caught; exit 7' INT; echo up; sleep 1000", Exit(7)),
        ("trap '' INT; echo up; read line; exit 5", Exit(5)),
    ):
        with subtests.test(script=script):
            running = await start(devbox, script, attach_stdin=True)
            await running.stdout.until(b"up")
            with anyio.fail_after(PATIENCE_SECONDS):
                await running.process.interrupt()
                if ended.status == 5:
                    await running.process.end_stdin()
            assert await running.wait() == ended
            assert b"on" not in running.stdout.data


async def test_an_interrupt_leaves_others_alone(devbox: Devbox) -> None:
    """Processes of other commands, and those in groups of their own, go on."""
    other = await start(devbox, "echo up; read line; echo $line", attach_stdin=True)
    await other.stdout.until(b"up")
    marker = unique("apart")
    apart = "import os, time; os.setpgid(0, 0); print('apart', flush=True); time.sleep(1000)"
    running = await start(devbox, f'python3 -c "{apart}" {marker} & sleep 1000')
    await running.stdout.until(b"apart")
    await running.process.interrupt()
    assert (await running.wait()).signal == 2
    assert len(await marked(devbox, marker)) == 1
    await other.process.send_stdin(b"still here\n")
    assert await other.wait() == Exit(0)
    assert b"still here" in other.stdout.data


async def test_interrupts_reach_python(devbox: Devbox) -> None:
    """A program sees what it would see at a terminal, and can be interrupted more than once."""
    source = """
import time
for _ in range(2):
    try:
        print("up", flush=True)
        time.sleep(1000)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""
    running = await start(devbox, python(source))
    await running.stdout.until(b"up")
    await running.process.interrupt()
    await running.stdout.until(b"interrupted\nup")
    await running.process.interrupt()
    assert await running.wait() == Exit(0)
