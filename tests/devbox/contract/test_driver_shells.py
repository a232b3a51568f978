"""Driver contract: shells, which keep their state from one command to the next."""

import anyio
import pytest
from boxes import PATIENCE_SECONDS, Capture, Ran, Running, Workshop, marked, succeed, unique

from runloop_mcp.api.errors import Conflict, InvalidRequest, InvalidState, Unavailable
from runloop_mcp.devbox.port import Devbox, Exit, Shell, ShellCommand

MEGABYTE = 1_000_000


async def start(shell: Shell, text: str, **options: object) -> Running:
    """Starts a command in a shell; `options` are the fields of `ShellCommand`."""
    stdout, stderr = Capture(), Capture()
    with anyio.fail_after(PATIENCE_SECONDS):
        process = await shell.start(ShellCommand(text, **options), stdout=stdout, stderr=stderr)  # type: ignore[arg-type] # fields of many types
    return Running(process, stdout, stderr)


async def run(shell: Shell, text: str, **options: object) -> Ran:
    """Runs a command in a shell to its end."""
    running = await start(shell, text, **options)
    ended = await running.wait()
    return Ran(ended, bytes(running.stdout.data), bytes(running.stderr.data))


async def said(shell: Shell, text: str, **options: object) -> str:
    """What a command printed that must succeed."""
    ran = await run(shell, text, **options)
    assert ran.exit == Exit(0), ran
    return ran.text


async def test_state_outlives_the_command(devbox: Devbox) -> None:
    """Directory, variables, arrays, functions, options, open files and the last exit status carry over."""
    shell = await devbox.open_shell(environment={"FROM": "the caller"})
    assert await said(shell, 'pwd; echo "$FROM"') == f"{devbox.spec.working_directory}\nthe caller"
    await said(shell, "mkdir -p a/b; cd a/b; x=5; export y=6; declare -A z=([k]=7); f() { echo f$1; }; exec 7> kept")
    assert await said(shell, "pwd; f $x; echo $y ${z[k]}; sh -c 'echo $y'; echo in >&7; cat kept") == (
        f"{devbox.spec.working_directory}/a/b\nf5\n6 7\n6\nin"
    )
    assert (await run(shell, "(exit 42)")).exit == Exit(42)
    assert await said(shell, "echo $?") == "42"
    assert (await run(shell, "set -o pipefail; false | true")).status == 1
    assert (await run(shell, "false | true")).status == 1
    assert await succeed(devbox, "echo ${x-unset}; pwd") == f"unset\n{devbox.spec.working_directory}"


async def test_shells_are_apart(devbox: Devbox) -> None:
    """Each shell has a state of its own, and commands in two of them run side by side."""
    one, other = await devbox.open_shell(environment={}), await devbox.open_shell(environment={})
    await said(one, "mkfifo gate; x=1; cd /usr")
    assert await said(other, "echo ${x-unset}; pwd") == f"unset\n{devbox.spec.working_directory}"
    waiting = await start(one, f"cat {devbox.spec.working_directory}/gate")
    await said(other, "echo through > gate")
    assert await waiting.wait() == Exit(0)
    assert bytes(waiting.stdout.data) == b"through\n"


async def test_the_streams_of_a_command_are_its_own(devbox: Devbox) -> None:
    """Both come apart, byte for byte and whole, without a final newline too; what is redirected is so no longer."""
    shell = await devbox.open_shell(environment={})
    ran = await run(shell, r"printf 'a\0b\xff'; printf 'c' >&2; exec >/dev/null; echo lost")
    assert (ran.stdout, ran.stderr) == (b"a\0b\xff", b"c")
    ran = await run(shell, f"head -c {3 * MEGABYTE} /dev/zero & head -c {MEGABYTE} /dev/zero >&2; wait")
    assert len(ran.stdout) == 3 * MEGABYTE
    assert len(ran.stderr) >= MEGABYTE, "bash itself tells of the background job there"


async def test_all_output_of_a_command_comes_before_its_end(devbox: Devbox) -> None:
    """Also a lot of it, and where whoever takes it is slower than the command."""
    shell = await devbox.open_shell(environment={})
    taken = bytearray()

    async def slow(chunk: bytes) -> None:
        for _ in range(50):
            await anyio.lowlevel.checkpoint()
        taken.extend(chunk)

    with anyio.fail_after(PATIENCE_SECONDS):
        process = await shell.start(ShellCommand("seq 300000"), stdout=slow, stderr=Capture())
        assert await process.wait() == Exit(0)
    assert taken.endswith(b"\n300000\n")
    assert await said(shell, "echo next") == "next"


async def test_background_jobs_outlive_the_command(devbox: Devbox) -> None:
    """A job runs on after its command; what it prints later goes to no other command, and it is not blocked."""
    shell = await devbox.open_shell(environment={})
    await said(shell, "mkfifo gate done; { read x < gate; seq 50000; echo $? > done; } & echo $! > pid")
    assert await said(shell, "echo clean; echo > gate; cat done") == "clean\n0"
    assert await said(shell, "wait; echo $!; cat pid | wc -w") != ""
    assert await said(shell, "jobs; echo end") == "end"


async def test_mistakes_leave_the_shell_as_it_was(devbox: Devbox) -> None:
    """Unbalanced quotes, unknown commands, stray words of loops and unset variables end the command alone."""
    shell = await devbox.open_shell(environment={})
    await said(shell, "kept=1")
    for text, status in (
        ("echo 'unbalanced", 2), ('echo "unbalanced', 2), ("if true; then", 2), ("} )", 2), ("no-such-command", 127),
        ("break; continue; return; false", 1), ("exec no-such-program", 127), ("set -u; echo $unset", 1),
        ("set +u; cat <<END\nwithout its end", 0), ("# nothing", 0), ("   \n\n", 0), ("true \\", 0),
        ("alias printf=false builtin=false; shopt -s nullglob extglob failglob; set -f -C", 0),
        ("PS1='$(echo prompt)'; PROMPT_COMMAND='echo prompt'; trap 'echo trapped >/dev/null' DEBUG", 0),
    ):  # fmt: skip
        ran = await run(shell, text)
        assert ran.status == status, (text, ran)
    assert await said(shell, "echo $kept 'it'\"'s\" \\\n whole") == "1 it's whole"


async def test_no_output_is_taken_for_the_end(devbox: Devbox) -> None:
    """What looks like the shell's own reports is output, and the descriptor of the reports is out of reach."""
    shell = await devbox.open_shell(environment={})
    fake = "".join(f"s {number} 0\\n" for number in range(5))
    ran = await run(shell, f"printf '{fake}'; printf '{fake}' >&2; printf '{fake}' >&29; echo end; exit_status 3")
    assert ran.stdout == (fake.replace("\\n", "\n") + "end\n").encode()
    assert ran.status == 127
    program = "import os; print(*sorted(int(n) for n in os.listdir('/proc/self/fd')))"
    assert await said(shell, f'python3 -I -S -c "{program}"') == "0 1 2 3", "the fourth is the listing's own"


async def test_a_command_can_end_its_shell(devbox: Devbox) -> None:
    """`exit`, `exec`, `set -e` and a signal end both; the command's status is the shell's, and others go on."""
    for text, ended in (
        ("exit 3", Exit(3)), ("exec sh -c 'exit 4'", Exit(4)), ("set -e; false; echo on", Exit(1)),
        ("kill -KILL $$", Exit(137, signal=9)),
    ):  # fmt: skip
        shell = await devbox.open_shell(environment={})
        ran = await run(shell, f"echo out; {text}")
        assert (ran.exit, ran.stdout) == (ended, b"out\n"), text
        assert not shell.alive
        with pytest.raises(Unavailable):
            await start(shell, "true")
    assert await said(await devbox.open_shell(environment={}), "echo fresh") == "fresh"


async def test_a_time_limit_ends_the_command_and_its_shell(devbox: Devbox) -> None:
    """Nothing that follows in the command is run, and nothing that was started in the shell is left."""
    marker = unique("shell")
    shell = await devbox.open_shell(environment={})
    await said(shell, f"(exec -a {marker} sleep 1000) & true")
    ran = await run(shell, f"echo begun; (exec -a {marker} sleep 1000); touch after", timeout_seconds=0.5)
    assert (ran.exit, ran.stdout) == (Exit(137, signal=9, timed_out=True), b"begun\n")
    assert not shell.alive
    assert await marked(devbox, marker) == []
    assert await succeed(devbox, "ls") == ""


async def test_killing_a_command_ends_its_shell(devbox: Devbox) -> None:
    """As with any process, nothing is left; closing a shell does the same, and can be repeated."""
    marker = unique("shell")
    shell = await devbox.open_shell(environment={})
    running = await start(shell, f"(exec -a {marker} sleep 1000) & echo up; wait")
    await running.stdout.until(b"up")
    with anyio.fail_after(PATIENCE_SECONDS):
        await running.process.kill()
        await running.process.kill()
    assert (await running.wait()).signal == 9
    assert (shell.alive, await marked(devbox, marker)) == (False, [])
    closed = await devbox.open_shell(environment={})
    await said(closed, f"(exec -a {marker} sleep 1000) & true")
    with anyio.fail_after(PATIENCE_SECONDS):
        await closed.close()
        await closed.close()
    assert (closed.alive, await marked(devbox, marker)) == (False, [])


async def interrupted(shell: Shell, text: str) -> Running:
    """A command that is interrupted once it has said `up`, and says nothing after."""
    running = await start(shell, text)
    await running.stdout.until(b"up")
    with anyio.fail_after(PATIENCE_SECONDS):
        await running.process.interrupt()
    assert (await running.wait()).status == 130
    assert bytes(running.stdout.data) == b"up\n"
    return running


async def test_an_interrupt_ends_the_command_and_not_the_shell(devbox: Devbox, subtests: pytest.Subtests) -> None:
    """As Ctrl-C at a terminal: loops and lists are given up, status 130, the state is kept; jobs run on."""
    for text in (
        "echo up; sleep 1000; echo on",
        "echo up; while :; do :; done; echo on",
        "f() { sleep 1000; echo on; }; echo up; f; echo on",
        "echo up; (sleep 1000; echo on) | cat; echo on",
        "echo up; read -t 1000 < <(sleep 1000); echo on",
    ):
        with subtests.test(text=text):
            shell = await devbox.open_shell(environment={})
            await said(shell, "sleep 1000 & job=$!; cd /usr")
            running = await interrupted(shell, text)
            assert await said(shell, "kill -0 $job; pwd") == "/usr"
            with pytest.raises(InvalidState, match="130"):
                await running.process.interrupt()


async def test_an_interrupt_is_not_lost_on_programs_that_begin_and_end(
    devbox: Devbox, subtests: pytest.Subtests
) -> None:
    """A loop of short programs ends, although bash takes an interrupt between two of them for theirs."""
    for text in ("echo up; while :; do /bin/true; done", "echo up; (sleep 1000; echo on) | cat; echo on"):
        with subtests.test(text=text):
            shell = await devbox.open_shell(environment={})
            await said(shell, "sleep 1000 & job=$!; kill -STOP $job")
            for _ in range(10):
                await interrupted(shell, text)
            assert await said(shell, "cut -d ' ' -f 3 /proc/$job/stat") == "T", "who stands still is not set going"


async def test_interrupts_at_any_moment_lose_no_end(devbox: Devbox) -> None:
    """However an interrupt falls together with a command's begin or end, the command ends and the shell works on."""
    shell = await devbox.open_shell(environment={})
    for number in range(30):
        running = await start(shell, f": {'x' * 40 * number}")
        for _ in range(number % 6):
            await anyio.lowlevel.checkpoint()
        with anyio.fail_after(PATIENCE_SECONDS):
            try:
                await running.process.interrupt()
            except InvalidState:
                assert (await running.wait()).status == 0
        await running.wait()
        assert await said(shell, "echo works") == "works"


async def test_a_command_can_deal_with_an_interrupt_itself(devbox: Devbox) -> None:
    """A trap is run, and the command goes on where the trap lets it."""
    shell = await devbox.open_shell(environment={})
    running = await start(shell, "trap 'echo caught' INT; echo up; read line; echo $line", attach_stdin=True)
    await running.stdout.until(b"up")
    with anyio.fail_after(PATIENCE_SECONDS):
        await running.process.interrupt()
        await running.stdout.until(b"caught")
        await running.process.send_stdin(b"on\n")
    assert await running.wait() == Exit(0)
    assert bytes(running.stdout.data) == b"up\ncaught\non\n"


async def test_input_is_the_commands_own(devbox: Devbox) -> None:
    """Given input is read to its end, also a lot of it; without, it is empty; more can be sent where it is attached."""
    shell = await devbox.open_shell(environment={})
    assert await said(shell, "cat; echo $?") == "0"
    assert await said(shell, "wc -c; cat", stdin=b"x" * 300_000) == "300000"
    assert await said(shell, "read a; echo $a", stdin=b"first\nleft unread\n") == "first"
    assert await said(shell, "cat") == ""
    running = await start(shell, "while read line; do echo got $line; done", stdin=b"one\n", attach_stdin=True)
    await running.stdout.until(b"got one")
    await running.process.send_stdin(b"two\n")
    await running.process.end_stdin()
    assert await running.wait() == Exit(0)
    assert bytes(running.stdout.data) == b"got one\ngot two\n"


async def test_directory_and_variables_of_one_command(devbox: Devbox) -> None:
    """The shell goes where a command is to run and stays there; a variable is for the command alone."""
    shell = await devbox.open_shell(environment={"SET": "before"})
    await said(shell, 'mkdir -p "it\'s"')
    odd = 'it\'s "odd"\n$HOME'
    assert await said(shell, 'pwd; echo "$SET"', working_directory="it's", environment={"SET": odd}) == (
        f"{devbox.spec.working_directory}/it's\n{odd}"
    )
    assert await said(shell, 'pwd; echo "$SET"') == f"{devbox.spec.working_directory}/it's\nbefore"
    ran = await run(shell, "touch ran", working_directory="/nowhere")
    assert (ran.status, b"/nowhere" in ran.stderr) == (1, True)
    with pytest.raises(InvalidRequest, match="NOT-A"):
        await start(shell, "true", environment={"NOT-A": "variable"})
    with pytest.raises(InvalidRequest, match="NUL"):
        await start(shell, "echo \0")
    with pytest.raises(InvalidRequest, match="file"):
        await start(shell, "#" * 200_000)
    assert await said(shell, "ls; echo " + "x" * 100_000) == "x" * 100_000


async def test_a_shell_runs_one_command_at_a_time(devbox: Devbox) -> None:
    """A second command is refused while one runs, also one that comes at the same moment."""
    shell = await devbox.open_shell(environment={})
    outcomes: list[str] = []

    async def attempt() -> None:
        try:
            running = await start(shell, "cat", attach_stdin=True)
        except Conflict:
            outcomes.append("refused")
        else:
            outcomes.append("ran")
            await anyio.wait_all_tasks_blocked()
            await running.process.end_stdin()
            await running.wait()

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(attempt)
    assert sorted(outcomes) == ["ran", "refused", "refused"]


async def test_many_commands_leave_nothing_behind(devbox: Devbox) -> None:
    """Neither open descriptors nor names of pipes grow with the number of commands; a closed shell leaves none."""
    shell = await devbox.open_shell(environment={})
    for number in range(40):
        await said(shell, f"x{number}={number}", stdin=b"x" if number % 2 else b"")
    assert len((await said(shell, "ls /proc/$$/fd")).split()) < 12
    assert int(await said(shell, "ls /run/shells | wc -l")) < 10


async def test_a_shell_ends_with_its_devbox(workshop: Workshop, devbox: Devbox) -> None:
    """Its command is lost, and on the same disk, booted again, shells are new."""
    shell = await devbox.open_shell(environment={})
    running = await start(shell, "x=1; echo up; sleep 1000")
    await running.stdout.until(b"up")
    await devbox.stop()
    assert (await running.wait()).lost
    assert not shell.alive
    with pytest.raises(Unavailable):
        await devbox.open_shell(environment={})
    again = await workshop.driver.resume(devbox.id)
    assert await said(await again.open_shell(environment={}), "echo ${x-unset}") == "unset"


async def test_a_frozen_devbox_runs_no_command_of_a_shell(devbox: Devbox) -> None:
    """What is started in a shell meanwhile waits for the thaw, and then runs."""
    shell = await devbox.open_shell(environment={})
    await said(shell, "true")
    async with anyio.create_task_group() as tasks:
        async with devbox.frozen():
            tasks.start_soon(said, shell, "touch made")
            await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(PATIENCE_SECONDS):
            while await succeed(devbox, "ls") != "made":
                await anyio.lowlevel.checkpoint()
