"""Driver contract: what a started process is given, and what comes back from it."""

import resource
import signal

import anyio
import pytest
from boxes import PATIENCE_SECONDS, Capture, Workshop, python, run, start, succeed

from runloop_mcp.api.errors import InvalidRequest, Unavailable
from runloop_mcp.devbox.port import HOME, Command, Devbox, Exit

MEGABYTE = 1_000_000


async def test_the_exit_status_is_the_programs_own(devbox: Devbox, subtests: pytest.Subtests) -> None:
    """A program that exits gives its status and no signal."""
    for status in (0, 1, 7, 255):
        with subtests.test(status=status):
            assert (await run(devbox, f"exit {status}")).exit == Exit(status)


async def test_a_signal_gives_128_and_its_number(devbox: Devbox, subtests: pytest.Subtests) -> None:
    """A program that a signal ended gives 128 + signal, and the signal."""
    for name, number in (("TERM", 15), ("KILL", 9), ("SEGV", 11)):
        with subtests.test(name=name):
            assert (await run(devbox, f"kill -{name} $$")).exit == Exit(128 + number, signal=number)


async def test_the_streams_are_apart_and_bytes_stay_bytes(devbox: Devbox) -> None:
    """Standard output and standard error arrive separately and byte for byte."""
    ran = await run(devbox, r"printf '\377\000\033[31m\355\240\200'; printf 'e\376' >&2")
    assert (ran.stdout, ran.stderr) == (b"\xff\x00\x1b[31m\xed\xa0\x80", b"e\xfe")


async def test_output_comes_while_the_program_runs(devbox: Devbox) -> None:
    """The sinks get what was written before the program has ended."""
    running = await start(devbox, "echo first; read line < gate; echo second", stdin=b"")
    await succeed(devbox, "mkfifo -m 600 gate 2>/dev/null; true")
    await running.process.kill()
    running = await start(devbox, "echo first; read line < gate; echo second")
    await running.stdout.until(b"first\n")
    await succeed(devbox, "echo go > gate")
    assert (await running.wait()).status == 0
    assert bytes(running.stdout.data) == b"first\nsecond\n"


async def test_arguments_arrive_as_they_are(devbox: Devbox) -> None:
    """No shell stands between the arguments and the program, and they may be any bytes but NUL."""
    arguments = ["a b", "", "$HOME", "ü\n", "*", "\udcff", "-n"]
    ran = await run(devbox, ("printf", r"%s\0", *arguments))
    assert ran.stdout == b"\0".join(argument.encode(errors="surrogateescape") for argument in arguments) + b"\0"


async def test_a_long_argument_arrives(devbox: Devbox) -> None:
    """A script of 120 kB, nearly the most that the kernel takes in one argument, runs."""
    script = "#" * 120_000 + "\necho ran"
    assert await succeed(devbox, script) == "ran"


async def test_many_arguments_arrive(devbox: Devbox) -> None:
    """A megabyte of arguments, as a glob over many files gives, arrives."""
    assert await succeed(devbox, ("bash", "-c", "echo $#", "bash", *(["x" * 99] * 10_000))) == "10000"


IMPOSSIBLE = {
    "program": Command(("no-such-program-anywhere",)),
    "program-path": Command(("/no/such/program",)),
    "relative-directory": Command(("true",), working_directory="missing"),
    "directory": Command(("true",), working_directory="/no/such/directory"),
    "directory-is-file": Command(("true",), working_directory="/etc/passwd"),
    "nul-in-argument": Command(("echo", "a\0b")),
    "nul-in-environment": Command(("true",), environment={"NAME": "a\0b"}),
    "too-long": Command(("echo", "x" * 3_000_000)),
    "nothing": Command(()),
}


async def test_what_cannot_start_is_refused(devbox: Devbox, subtests: pytest.Subtests) -> None:
    """A command that can't start is an error of the request, and the devbox goes on."""
    for name, command in IMPOSSIBLE.items():
        with subtests.test(name):
            with anyio.fail_after(PATIENCE_SECONDS), pytest.raises(InvalidRequest):
                await devbox.start(command, stdout=Capture(), stderr=Capture())
            assert await succeed(devbox, "echo fine") == "fine"


async def test_a_refusal_names_what_is_missing(devbox: Devbox) -> None:
    """The message names the program or the directory that is not there."""
    for command, name in (
        (Command(("no-such-program",)), "no-such-program"),
        (Command(("true",), working_directory="no-such-place"), "no-such-place"),
    ):
        with pytest.raises(InvalidRequest, match=name):
            await devbox.start(command, stdout=Capture(), stderr=Capture())


async def test_programs_are_found_on_the_devboxs_own_path(workshop: Workshop) -> None:
    """The devbox's PATH, and then the command's, decides which program a name means."""
    devbox = await workshop.create(environment={"PATH": f"{HOME}/tools:/usr/bin:/bin"})
    for folder, word in (("tools", "devbox"), ("others", "command")):
        await devbox.write_file(f"{HOME}/{folder}/my-tool", f"#!/bin/sh\necho {word}\n".encode(), mode=0o755)
    assert await succeed(devbox, ("my-tool",)) == "devbox"
    assert await succeed(devbox, ("my-tool",), environment={"PATH": f"{HOME}/others:/usr/bin:/bin"}) == "command"


async def test_standard_input_is_what_was_given(devbox: Devbox) -> None:
    """All of the standard input arrives, more than a pipe holds too, and then it ends."""
    data = bytes(range(256)) * 16_384
    ran = await run(devbox, ("sha256sum",), stdin=data)
    expected = await run(
        devbox, "python3 -c 'import sys; sys.stdout.buffer.write(bytes(range(256)) * 16384)' | sha256sum"
    )
    assert ran.stdout == expected.stdout
    assert await succeed(devbox, ("wc", "-c"), stdin=data) == str(len(data))


async def test_standard_input_is_empty_by_default(devbox: Devbox) -> None:
    """A program that reads finds the end at once."""
    assert await succeed(devbox, "cat; echo end") == "end"


async def test_standard_input_that_nobody_reads_is_no_error(devbox: Devbox) -> None:
    """A program may end without having read what it was given."""
    assert (await run(devbox, ("true",), stdin=b"x" * MEGABYTE)).exit == Exit(0)


async def test_environments_lie_over_each_other(workshop: Workshop) -> None:
    """The command's variables lie over the devbox's, and those over the driver's few."""
    devbox = await workshop.create(environment={"FROM": "devbox", "SHARED": "devbox", "LANG": "C", "ODD": "a=b\n'\"$X"})
    show = r"printf '%s|' $FROM $SHARED $LANG $HOME $USER $MORE; printf %s "
    show += '"$ODD"'
    assert await succeed(devbox, show) == f"devbox|devbox|C|{HOME}|user|a=b\n'\"$X"
    over = {"SHARED": "command", "MORE": "more", "HOME": "/tmp"}
    assert await succeed(devbox, show, environment=over) == "devbox|command|C|/tmp|user|more|a=b\n'\"$X"
    assert (await succeed(devbox, show)).startswith("devbox|devbox|C|"), "one command's variables are its own"


async def test_nothing_of_the_hosts_environment_comes_along(devbox: Devbox) -> None:
    """A command without variables sees only the driver's few, the same for everyone."""
    names = set((await succeed(devbox, "compgen -e")).split())
    assert {"HOME", "PATH", "LC_CTYPE", "USER"} <= names
    assert len(names) < 20, names
    assert "PYTEST_CURRENT_TEST" not in names


async def test_commands_run_in_the_working_directory(workshop: Workshop) -> None:
    """By default a command runs in the devbox's working directory; its own may be absolute or relative to that."""
    devbox = await workshop.create(working_directory="/home/user/project")
    await succeed(devbox, "mkdir -p a/b")
    assert await succeed(devbox, ("pwd",)) == "/home/user/project"
    assert await succeed(devbox, ("pwd",), working_directory="a/b") == "/home/user/project/a/b"
    assert await succeed(devbox, ("pwd",), working_directory="..") == "/home/user"
    assert await succeed(devbox, ("pwd",), working_directory="/usr") == "/usr"


async def test_wait_can_be_repeated_and_shared(devbox: Devbox) -> None:
    """Several waits, at the same time or later or after one that was cancelled, give the same end."""
    running = await start(devbox, "mkfifo gate; echo up; cat gate; exit 3")
    await running.stdout.until(b"up")
    with anyio.move_on_after(0):
        await running.process.wait()
    ends: list[Exit] = []

    async def note() -> None:
        ends.append(await running.wait())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(note)
        tasks.start_soon(note)
        await succeed(devbox, "echo > gate")
    assert [*ends, await running.wait()] == [Exit(3)] * 3


async def test_many_run_at_once(devbox: Devbox) -> None:
    """Sixty processes side by side each get their own output and status."""
    found: dict[int, tuple[str, int]] = {}

    async def one(number: int) -> None:
        ran = await run(devbox, f"echo {number}; exit {number}")
        found[number] = (ran.text, ran.status)

    async with anyio.create_task_group() as tasks:
        for number in range(60):
            tasks.start_soon(one, number)
    assert found == {number: (str(number), number) for number in range(60)}


@pytest.mark.timeout(240)
async def test_a_flood_of_output_passes_through_in_constant_memory(devbox: Devbox, full_size: bool) -> None:
    """All of a hundred megabytes, or three gigabytes, reaches the sink, to the byte, and the host doesn't hold it."""
    size = (3000 if full_size else 100) * MEGABYTE
    counted = {"stdout": 0, "stderr": 0}

    async def count_stdout(chunk: bytes) -> None:
        counted["stdout"] += len(chunk)

    async def count_stderr(chunk: bytes) -> None:
        counted["stderr"] += len(chunk)

    await succeed(devbox, "true")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    command = Command(("bash", "-c", f"head -c {size} /dev/zero & head -c {MEGABYTE} /dev/zero >&2; wait"))
    with anyio.fail_after(PATIENCE_SECONDS * (6 if full_size else 1)):
        process = await devbox.start(command, stdout=count_stdout, stderr=count_stderr)
        assert await process.wait() == Exit(0)
    assert counted == {"stdout": size, "stderr": MEGABYTE}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024, "more than 32 MiB was held"


async def test_all_output_before_the_end_is_handed_over(devbox: Devbox) -> None:
    """A sink that is slower than the program still gets everything before the wait is over."""
    taken = bytearray()

    async def slow(chunk: bytes) -> None:
        for _ in range(50):
            await anyio.lowlevel.checkpoint()
        taken.extend(chunk)

    with anyio.fail_after(PATIENCE_SECONDS):
        process = await devbox.start(Command(("bash", "-c", "seq 100000")), stdout=slow, stderr=Capture())
        await process.wait()
    assert bytes(taken) == b"".join(b"%d\n" % number for number in range(1, 100_001))


async def test_a_child_that_holds_the_pipe_does_not_hold_the_wait(devbox: Devbox) -> None:
    """The process ends with its program; a child left behind writes on, unblocked and unheard."""
    await succeed(devbox, "mkfifo gate done")
    child = "read line < gate; head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2; echo $? > done"
    running = await start(devbox, f"({child}) & echo parent")
    assert await running.wait() == Exit(0)
    heard = bytes(running.stdout.data)
    assert heard == b"parent\n"
    assert await succeed(devbox, "echo > gate; cat done") == "0", "the child was blocked or got SIGPIPE"
    assert (bytes(running.stdout.data), bytes(running.stderr.data)) == (heard, b"")


async def test_a_child_that_goes_on_writing_does_not_hold_the_wait(devbox: Devbox) -> None:
    """A process has ended when its program has, however much a child that it left behind prints from then on."""
    ran = await run(devbox, "yes & exit 3")
    assert ran.exit == Exit(3)
    assert await succeed(devbox, "echo works") == "works"


async def test_processes_of_one_command_serve_the_next(devbox: Devbox) -> None:
    """A server that one command left in the background answers another over the devbox's loopback."""
    await succeed(devbox, "mkfifo ready; echo hello > page")
    server = "import http.server as h; s = h.HTTPServer(('127.0.0.1', 8123), h.SimpleHTTPRequestHandler);"
    server += "open('ready', 'w').close(); s.serve_forever()"
    await succeed(devbox, f'python3 -c "{server}" >/dev/null 2>&1 &')
    client = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8123/page').read().decode())"
    assert await succeed(devbox, f'cat ready; python3 -c "{client}"') == "hello"


async def test_a_program_gets_no_more_descriptors_than_its_three(devbox: Devbox) -> None:
    """Nothing but the three streams is open in a new process."""
    program = "import os; print(*sorted(int(n) for n in os.listdir('/proc/self/fd')))"
    listed = await succeed(devbox, python(program))
    assert listed == "0 1 2 3", "the fourth is the listing's own"


async def test_signals_are_at_their_defaults(devbox: Devbox) -> None:
    """A new process blocks and ignores no signal, so that pipelines and interrupts work as anywhere."""
    masks = await succeed(devbox, ("grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"))
    ours = 0x7FFFFFFF  # above them lie the C library's own
    assert [int(line.split()[1], 16) & ours for line in masks.splitlines()] == [0, 0]


async def test_signals_that_the_server_ignores_are_at_their_defaults(workshop: Workshop) -> None:
    """A server that was started by nohup, or in the background of a script, runs commands that can be interrupted."""
    numbers = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        devbox = await workshop.create()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    ignored = await succeed(devbox, ("grep", "SigIgn", "/proc/self/status"))
    assert int(ignored.split()[1], 16) & 0x7FFFFFFF == 0


async def test_a_stopped_devbox_starts_nothing(devbox: Devbox) -> None:
    """After its end a devbox answers every call with `Unavailable`."""
    await devbox.stop()
    for call in (
        lambda: devbox.start(Command(("true",)), stdout=Capture(), stderr=Capture()),
        lambda: devbox.read_file("/etc/passwd"),
        lambda: devbox.write_file("x", b""),
        lambda: devbox.remove_file("x"),
    ):
        with anyio.fail_after(PATIENCE_SECONDS), pytest.raises(Unavailable):
            await call()
