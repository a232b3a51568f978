"""Driver contract: limits, the network, and what a driver says of itself."""

import socket
from pathlib import Path

import anyio
import pytest
from boxes import PATIENCE_SECONDS, Workshop, entered, python, run, start, succeed
from driver_cases import DriverCase

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.devbox.port import Devbox, Driver, Exit, LimitHit, Limits, Network, User

MEGABYTE = 2**20

FORKS = """
import os, signal, sys
children = 0
try:
    while children < 2000:
        if os.fork() == 0:
            signal.pause()
        children += 1
except OSError:
    pass
print(children, flush=True)
while True: signal.pause()
"""


async def test_a_fork_bomb_is_bounded(workshop: Workshop, devbox: Devbox) -> None:
    """A devbox gets no more processes than its limit, others don't notice, and it works again once they are killed."""
    bombed = await workshop.create(limits=Limits(processes=64))
    bomb = await start(bombed, python(FORKS))
    await bomb.stdout.until(b"\n")
    assert 10 <= int(bomb.stdout.data) <= 64
    assert await succeed(devbox, "echo unharmed | cat") == "unharmed"
    with anyio.fail_after(PATIENCE_SECONDS):
        await bomb.process.kill()
    assert await succeed(bombed, "echo works | cat") == "works"


async def test_a_wild_fork_bomb_ends_with_its_time_limit(workshop: Workshop) -> None:
    """The shell's own bomb, which nobody waits for, is gone after its time limit, and the devbox works."""
    devbox = await workshop.create(limits=Limits(processes=48))
    ran = await run(devbox, "bomb() { bomb | bomb & bomb; }; bomb 2>/dev/null", timeout_seconds=1)
    assert ran.status != 0
    assert await succeed(devbox, "echo works | cat | cat") == "works"


HUNGRY = """
import os, signal, sys
for _ in range(int(sys.argv[1]) - 1):
    if os.fork() == 0:
        held = [b"x" * 2**20 for _ in range(int(sys.argv[2]))]
        signal.pause()
held = [b"x" * 2**20 for _ in range(int(sys.argv[2]))]
os.wait() if int(sys.argv[1]) > 1 else signal.pause()
"""
"""Ends as soon as one of its processes doesn't get its megabytes; where all do, never."""


@pytest.mark.parametrize(("processes", "megabytes"), [(1, 500), (5, 75)], ids=["one", "many"])
async def test_memory_is_bounded(workshop: Workshop, processes: int, megabytes: int) -> None:
    """Processes that take more memory than there is are ended; the command learns why, and the devbox works on."""
    devbox = await workshop.create(limits=Limits(memory_bytes=128 * MEGABYTE))
    ran = await run(devbox, python(HUNGRY, str(processes), str(megabytes)), timeout_seconds=10)
    assert not ran.exit.timed_out
    if ran.status != 0:  # else it was a child, and the program took no notice
        assert LimitHit.MEMORY in ran.exit.limits
    assert await succeed(devbox, "echo works") == "works"
    if processes == 1:
        assert (await run(devbox, "exit 1")).exit == Exit(1), "what comes later has nothing to do with it"


async def test_memory_below_the_limit_is_granted(workshop: Workshop) -> None:
    """A process that stays below the limit notices nothing of it."""
    devbox = await workshop.create(limits=Limits(memory_bytes=256 * MEGABYTE))
    held = "held = [b'x' * 2**20 for _ in range(100)]; print(len(held))"
    assert await succeed(devbox, python(held)) == "100"


async def test_the_disk_is_bounded(workshop: Workshop, full_size: bool) -> None:
    """A devbox that writes more than its disk may hold is refused that, or loses its processes and learns why.

    Then it can be tidied up, also after it was booted again: what is there is borne, and more is not (at full size).
    """
    devbox = await workshop.create(limits=Limits(disk_bytes=32 * MEGABYTE))
    fill = f"head -c {128 * MEGABYTE} /dev/zero > more && exec sleep 1000"
    ran = await run(devbox, f"head -c {8 * MEGABYTE} /dev/zero > file; {fill}", timeout_seconds=20)
    assert ran.status != 0
    assert not ran.exit.timed_out
    assert ran.exit.limits == {LimitHit.DISK}
    await devbox.stop()
    again = await workshop.driver.resume(devbox.id)
    assert await succeed(again, "ls") == "file\nmore"
    if full_size:
        ran = await run(again, f"cat more >> more2; {fill}", timeout_seconds=20)
        assert (ran.exit.timed_out, ran.exit.limits) == (False, {LimitHit.DISK})
    assert await succeed(again, "rm more*; ls") == "file"


async def test_what_others_write_costs_nobody_its_processes(workshop: Workshop, driver_state: Path) -> None:
    """A devbox near its limit runs on, however much somebody else writes on the same file system."""
    devbox = await workshop.create(limits=Limits(disk_bytes=8 * MEGABYTE))
    await succeed(devbox, f"head -c {6 * MEGABYTE} /dev/zero > file")
    running = await start(devbox, "echo up; read answer; echo $answer", attach_stdin=True)
    await running.stdout.until(b"up")
    other = driver_state / "other"
    for _ in range(8):
        with other.open("ab") as file:
            await anyio.to_thread.run_sync(file.write, bytes(4 * MEGABYTE))
    other.unlink()
    await running.process.send_stdin(b"alive\n")
    await running.stdout.until(b"alive")
    assert await running.wait() == Exit(0)


async def test_processes_that_are_refused_are_told_of(workshop: Workshop) -> None:
    """Where the kernel counts it, a command that could not start a process learns that it was for the limit."""
    devbox = await workshop.create(limits=Limits(processes=32, memory_bytes=256 * MEGABYTE))
    ran = await run(devbox, python(FORKS.replace("while True: signal.pause()", "sys.exit(3)")))
    counted = any("processes by control groups" in each.detail for each in (await workshop.driver.probe()).findings)
    assert ran.exit == Exit(3, limits=frozenset({LimitHit.PROCESSES} if counted else ()))


async def test_waiting_for_processors_is_told_of(workshop: Workshop) -> None:
    """Where the kernel holds a devbox to its share, a command that ran out of time for it learns so, and no other."""
    devbox = await workshop.create(limits=Limits(cpus=0.1, memory_bytes=256 * MEGABYTE))
    counted = any("processors by control groups" in each.detail for each in (await workshop.driver.probe()).findings)
    spin = "for n in 1 2 3 4; do while :; do :; done & done; wait"
    ran = await run(devbox, spin, timeout_seconds=2 if counted else 0.1)
    assert ran.exit == Exit(137, 9, timed_out=True, limits=frozenset({LimitHit.CPUS} if counted else ()))
    assert (await run(devbox, "exit 1")).exit == Exit(1)


async def test_open_files_are_bounded(workshop: Workshop) -> None:
    """A process may have as many files open as the limit says, and can't raise it."""
    devbox = await workshop.create(limits=Limits(open_files=100))
    assert await succeed(devbox, "ulimit -n; ulimit -Hn; ulimit -n 200 2>/dev/null; ulimit -n") == "100\n100\n100"


async def test_a_devbox_reaches_its_own_loopback_only(devbox: Devbox) -> None:
    """By default there is one interface, the loopback, and nothing beyond it can be reached."""
    interfaces = "import socket; print(*(name for _, name in socket.if_nameindex()))"
    assert (await succeed(devbox, python(interfaces))).split()[0] == "lo"
    reach = "exec 3<>/dev/tcp/192.0.2.1/80"
    ran = await run(devbox, reach, timeout_seconds=10)
    assert ran.status == 1
    assert b"unreachable" in ran.stderr


async def test_the_hosts_network_can_be_asked_for(workshop: Workshop) -> None:
    """With `Network.HOST` a devbox reaches what the host reaches; without, it doesn't."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        port = listener.getsockname()[1]
        connect = f"exec 3<>/dev/tcp/127.0.0.1/{port}"
        assert (await run(await workshop.create(), connect)).status == 1
        with pytest.raises(BlockingIOError):
            listener.accept()
        assert (await run(await workshop.create(network=Network.HOST), connect)).status == 0
        listener.accept()[0].close()


async def test_the_probe_says_what_is_there(driver_case: DriverCase, driver: Driver) -> None:
    """Where devboxes can be made the probe says so, how isolated they are, and what it looked at."""
    capability = await driver.probe()
    assert (capability.driver, capability.tier, capability.available) == (driver_case.driver, driver_case.tier, True)
    assert driver.name == driver_case.driver
    assert capability.findings
    for finding in capability.findings:
        assert finding.name
        assert finding.detail
        assert finding.ok or finding.remedy, f"{finding.name} says what is wrong, not how to mend it"


async def test_the_probe_answers_from_memory(driver: Driver) -> None:
    """A second probe gives what the first found."""
    assert await driver.probe() is await driver.probe()


async def test_missing_programs_are_named(driver: Driver, devbox: Devbox) -> None:
    """Of some commands those are named, in their order, that a devbox would not find; the devbox agrees."""
    names = ["no-such-b", "bash", "python3", "no-such-a", "pytest", "env", "", "mount.nothing"]
    missing = await driver.missing_programs(names)
    assert missing == ["no-such-b", "no-such-a", "", "mount.nothing"]
    for name in names:
        assert (await run(devbox, ("which", name))).status == int(name in missing), name
    assert await driver.missing_programs([]) == []


async def test_devboxes_have_what_scenarios_need(devbox: Devbox) -> None:
    """A shell, Python and the usual tools are there, with a user, a host name and a place for temporary files."""
    for line in (
        "bash --version", "python3 -c 'import sqlite3, json, venv'", "id -un | grep -x user", "hostname | grep .",
        "test -w /tmp -a -w /var/tmp -a -w /dev/shm", "echo x > /dev/null", "head -c 1 /dev/urandom",
        "getent hosts localhost",
        "mktemp", "git --version || ! command -v git", "echo <(true)", "ls /proc/self/fd", "date", "stty -a || true",
        "python3 -c 'import multiprocessing as m; m.Lock(); m.Queue()'", "python3 -c 'import os; os.openpty()'",
        "python3 -c 'import tempfile; tempfile.TemporaryFile()'", "touch ~/.profile", "test $(pwd) = ~/work",
        "pytest --version", "python3 -I -m pytest --version", "timeout 5 true", "kill -0 $$",
    ):  # fmt: skip
        ran = await run(devbox, line)
        assert ran.status == 0, f"{line}: {ran.stderr.decode()}"


async def test_a_driver_is_entered_and_left_without_use(driver_case: DriverCase, tmp_path: Path) -> None:
    """A driver that makes nothing can be entered and left, also with a state directory that is not there yet."""
    async with entered(driver_case.open(tmp_path / "new" / "state")) as driver:
        assert driver.name == driver_case.driver


async def test_the_user_has_the_name_and_the_number_asked_for(workshop: Workshop) -> None:
    """Programs see that user, also in a snapshot's files and after a reboot; the home stays where it is."""
    devbox = await workshop.create(user=User("alice", 501))
    about = "id -un; id -u; id -g; echo $USER $LOGNAME $HOME; stat -c %U:%u made; getent passwd alice | cut -d: -f6"
    shown = "alice\n501\n501\nalice alice /home/user\nalice:501\n/home/user"
    assert await succeed(devbox, f"touch made; {about}") == shown
    copied = await workshop.create(work_snapshot=await workshop.snapshot(devbox), user=User("bob", 1001))
    assert await succeed(copied, "id -un; stat -c %U made; echo more >> made") == "bob\nbob"
    await devbox.stop()
    assert await succeed(await workshop.driver.resume(devbox.id), about) == shown


async def test_users_that_cannot_be_are_refused(workshop: Workshop, subtests: pytest.Subtests) -> None:
    """Nobody is root in a devbox; other names and numbers that make no user are named as well."""
    for user, named in (
        (User("root", 0), "root"),
        (User("root", 1000), "root"),
        (User("admin", 0), "root"),
        (User("nobody", 1000), "nobody"),
        (User("user", 65_534), "65534"),
        (User("user", -1), "-1"),
        (User("a:b", 1000), "a:b"),
        (User("A", 1000), "A"),
        (User("", 1000), "''"),
    ):
        with subtests.test(user=user), pytest.raises(InvalidRequest, match=named):
            await workshop.create(user=user)
