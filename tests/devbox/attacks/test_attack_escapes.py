"""Attacks that kill or gain rights: signals to the host and the supervisor, namespaces, mounts, devices, setuid."""

import os
import subprocess
import time
from pathlib import Path

from boxes import daemon, marked_on_host, python, run, run_program, start, succeed, unique
from canaries import program
from driver_cases import DriverCase

from runloop_mcp.devbox.port import Devbox

ALLOWED_DEVICES = {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "console"}


async def test_processes_of_the_host_cannot_be_killed(devbox: Devbox, bystander: subprocess.Popen[bytes]) -> None:
    """Signals to the host's process ids, to all processes and to all groups reach nothing outside."""
    victims = f"{bystander.pid} {os.getpid()} {os.getppid()}"
    script = f"for p in {victims}; do kill -9 $p; kill -9 -$p; done; kill -9 -1"
    await run(devbox, script)
    every = [path.name for path in Path("/proc").iterdir() if path.name.isdigit() and path.name != "1"]
    others = "import os, sys\nfor p in {*map(int, sys.argv[1:])} - {os.getpid()}:\n  try: "
    await succeed(devbox, python(others + "os.kill(p, 9)\n  except OSError: pass", *every))
    assert bystander.poll() is None
    assert devbox.alive
    assert await succeed(devbox, "echo alive") == "alive"


async def test_the_supervisor_cannot_be_killed_or_stopped(devbox: Devbox) -> None:
    """No signal of any number ends, stops or silences pid 1."""
    script = "for s in {1..64}; do kill -$s 1 2>/dev/null; done; echo sent"
    assert await succeed(devbox, script) == "sent"
    rough = "import os\nfor s in range(1, 65):\n  for kill in os.kill, os.killpg:\n"
    rough += "    try: kill(1, s)\n    except OSError: pass"
    await run(devbox, python(rough))
    assert devbox.alive
    assert await succeed(devbox, "echo alive") == "alive"


async def test_a_command_that_kills_all_else_is_itself_told_of(devbox: Devbox) -> None:
    """A process that another command kills is reported as killed, not as lost."""
    running = await start(devbox, "echo up; exec sleep 1000")
    await running.stdout.until(b"up")
    await run(devbox, "kill -9 -1")
    ended = await running.wait()
    assert (ended.status, ended.signal, ended.lost) == (137, 9, False)


async def test_no_system_call_opens_a_way_out(devbox: Devbox) -> None:
    """Namespaces, mounts, devices, keys, modules, tracing and families of sockets without a namespace are refused."""
    outcomes = await run_program(devbox, program("system_calls"))
    assert [name for name, outcome in outcomes.items() if outcome == "done"] == []
    assert outcomes["clone3 user"] in {"ENOSYS", "EPERM"}, "the C library falls back from this answer alone"
    assert len(outcomes) > 50


async def test_the_way_of_a_nested_sandbox_is_closed(devbox: Devbox) -> None:
    """`unshare` gives no root of its own, which would open the kernel's larger surface."""
    ran = await run(devbox, "unshare --user --map-root-user --mount id -u")
    assert ran.status != 0
    assert ran.text != "0"


async def test_a_process_has_no_rights(devbox: Devbox, driver_case: DriverCase) -> None:
    """Every command runs without capabilities and can't gain any; on the host it is not root's."""
    marker = unique("rights")
    show = "grep -E '^(Cap|NoNewPrivs|Seccomp:|Uid)' /proc/self/status"
    status = dict(line.split(":\t") for line in (await succeed(devbox, show)).splitlines())
    assert {name: int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == dict.fromkeys(
        ("CapInh", "CapPrm", "CapEff", "CapAmb"), 0
    )
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    if driver_case.processes_on_host:
        await succeed(devbox, f"{daemon(marker)} | grep -m1 up")
        (pid,) = marked_on_host(marker)
        owner = Path(f"/proc/{pid}/status").read_text().split("Uid:\t")[1].split("\n")[0].split()
        assert "0" not in owner, "it is real root on the host"


async def test_setuid_gives_nothing(devbox: Devbox) -> None:
    """A program with the setuid bit, the system's or an own one, runs with the caller's rights."""
    own = "for d in /tmp ~; do cp $(command -v id) $d/id; chmod u+s,g+s $d/id; $d/id -u; done; id -u"
    first, *others = (await succeed(devbox, own)).splitlines()
    assert others == [first, first]
    assert first != "0"
    found = await run(devbox, "find /usr/bin /usr/sbin -perm -4000 -user 0 | head -20")
    for path in found.text.split():
        assert (await run(devbox, (path, "--help"), timeout_seconds=5)).exit.timed_out is False
    assert (await run(devbox, "echo | su -c 'id -u' root", timeout_seconds=10)).text != "0"


DEVICES = """
import os, stat
for here, folders, files in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(here, name) not in ("/proc", "/usr")]
    for name in files:
        mode = os.lstat(os.path.join(here, name)).st_mode
        if stat.S_ISBLK(mode) or stat.S_ISCHR(mode):
            print(os.path.join(here, name))
"""
"""Not `find`, which believes what the directory says, and that doesn't know what is mounted on a file."""


async def test_only_harmless_devices_are_there(devbox: Devbox) -> None:
    """There is no device but the few that every program needs, and none of blocks."""
    listed = await succeed(devbox, python(DEVICES))
    names = {path.removeprefix("/dev/").split("/")[-1] for path in listed.split() if not path.startswith("/dev/pts/")}
    assert {"null", "zero", "urandom"} <= names
    assert names <= ALLOWED_DEVICES


async def test_nothing_can_be_typed_into_a_terminal(devbox: Devbox) -> None:
    """Input can't be faked on the streams, on the controlling terminal, or on one of the devbox's own."""
    outcomes = await run_program(devbox, program("terminal"))
    assert "done" not in outcomes.values(), outcomes
    assert outcomes["/dev/tty"] in {"ENXIO", "ENOENT", "EACCES", "ENOTTY"}, "there is a controlling terminal"


SYSTEM = "/usr/bin/env /usr/bin/new /usr/lib/new /usr/local/bin/new /bin/new /sbin/new /lib/new /etc/passwd /etc/new"
SYSTEM += " /etc/ld.so.preload /etc/profile /etc/hosts /dev/new /home/new /new"


async def test_the_system_cannot_be_written(devbox: Devbox) -> None:
    """Programs, libraries and settings that another command or the scorer would run can't be changed."""
    for path in SYSTEM.split():
        assert (await run(devbox, f"echo x >> {path}")).status == 1, path
    for line in ("mv /usr/bin/env ~", "rm /etc/hosts", "mv /usr /x", "mv /home /x", "rmdir /proc", "mkdir /x"):
        assert (await run(devbox, line)).status != 0, line


async def test_the_machine_is_as_it_was(devbox: Devbox) -> None:
    """Its name, its clock, priorities and whom it ends for memory can't be changed, nor limits be raised."""
    name, before = os.uname().nodename, time.time()
    for line in (
        "hostname owned", "date -s 2001-01-01", "ulimit -Hn 1000000", "ulimit -u unlimited",
        "echo -1000 > /proc/self/oom_score_adj", "nice -n -20 true", "chrt -f 99 true",
    ):  # fmt: skip
        ran = await run(devbox, f"{line} && echo done")
        assert "done" not in ran.text or "cannot set niceness" in ran.stderr.decode(), line
    assert os.uname().nodename == name
    assert time.time() >= before
