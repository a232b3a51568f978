"""Driver contract: what a devbox tells of what goes on in it. What a driver can't tell it leaves out."""

import os
import time
from pathlib import Path

from boxes import Workshop, daemon, run, start, succeed, unique
from driver_cases import DriverCase

from runloop_mcp.devbox.port import Devbox, Files, Network

NOWHERE = "/usr/bin/python3 -I -c 'import socket; socket.socket({kind}).connect_ex((\"{address}\", 443))'"


async def test_the_processes_that_run_are_told_by_their_names(devbox: Devbox, driver_case: DriverCase) -> None:
    """Those that a command left behind too, in a session of their own; frozen or not; none where none runs."""
    before = (await devbox.observe(since_ns=0)).processes
    left = f"(setsid './odd name' 1000 &); {daemon(unique('left'))} | grep -m1 up"
    await succeed(devbox, f"cp /bin/sleep 'odd name'; {left}; until pgrep -x 'odd name'; do :; done")
    async with devbox.frozen():
        after = (await devbox.observe(since_ns=0)).processes
    assert (before, after and sorted(after)) == (
        ([], ["odd name", "python3"]) if driver_case.observes else (None, None)
    )


async def test_attempts_to_reach_the_outside_are_counted(workshop: Workshop, driver_case: DriverCase) -> None:
    """What its own loopback takes does not count. With the host's network nobody can tell whose they are."""
    devbox = await workshop.create()
    await succeed(devbox, NOWHERE.format(kind="2", address="127.0.0.1"))
    quiet = await devbox.observe(since_ns=0)
    await run(devbox, NOWHERE.format(kind="2", address="192.0.2.1"))
    await run(devbox, NOWHERE.format(kind="10", address="2001:db8::1"))
    await run(devbox, "/usr/bin/python3 -I -c 'import socket; socket.gethostbyname(\"example.org\")'")
    tried = await devbox.observe(since_ns=0)
    if driver_case.observes:
        assert (quiet.unreachable, quiet.lookups) == (0, 0)
        assert (tried.unreachable or 0) >= 2
        assert (tried.lookups or 0) >= 1
    open_ = await workshop.create(network=Network.HOST)
    assert (await open_.observe(since_ns=0)).unreachable is None


async def test_what_was_changed_since_a_moment_is_told(
    workshop: Workshop, driver_case: DriverCase, tmp_path: Path
) -> None:
    """Written, deleted, given another mode; not what was so before, nor what lies in /tmp or was only read."""
    (tmp_path / "folder").mkdir()
    for name in ("same", "changed", "gone", "back", "folder/mode"):
        (tmp_path / name).write_text("old\n")
    base = await workshop.create(files=Files(key=unique("files"), source=tmp_path))
    await succeed(base, "echo old > ~/.old; mkdir -p ~/kept; echo old > ~/kept/same; echo old > made")
    devbox = await workshop.copy(base)
    await succeed(devbox, "echo early > early")
    time.sleep(0.02)  # noqa: ASYNC251 - a clock tick of the kernel, which stamps changes
    since_ns = time.time_ns()
    await succeed(
        devbox,
        "cat same made; echo x >> changed; rm gone; chmod 700 folder/mode; touch -d 2001-01-01 back; mkdir -p new/no;"
        "echo x > ~/.bashrc; rm ~/.old; ln -s /etc/passwd ~/kept/link; mkdir -m 000 ~/closed; echo x > /tmp/other",
    )
    seen = await devbox.observe(since_ns=since_ns)
    if driver_case.observes:
        assert seen.changed_in_work == ["back", "changed", "folder/mode", "gone"]
        assert seen.changed_in_home == [".bashrc", ".old", "kept/link"]
        assert not seen.truncated
    await succeed(devbox, "rmdir ~/closed")


async def test_a_tree_that_is_hard_to_read_is_told_of_as_far_as_it_goes(
    devbox: Devbox, driver_case: DriverCase
) -> None:
    """Very deep, very many, closed, and with odd names: bounded, and said to be."""
    await succeed(
        devbox,
        "/usr/bin/python3 -I -c '"
        "import os\n"
        'open(b"\\xff\\n", "w")\n'
        'os.mkdir("closed"); open("closed/in", "w"); os.chmod("closed", 0)\n'
        'for _ in range(300): os.mkdir("deep" * 8); os.chdir("deep" * 8)\n'
        'open("bottom", "w")\'',
    )
    seen = await devbox.observe(since_ns=0)
    if driver_case.observes:
        assert seen.changed_in_work is not None
        assert os.fsdecode(b"\xff\n") in seen.changed_in_work
        assert "closed/in" in seen.changed_in_work
        assert seen.truncated
    await succeed(devbox, "chmod 700 closed; rm -rf deep*")


async def test_what_runs_is_seen_while_output_flows(devbox: Devbox, driver_case: DriverCase) -> None:
    """A look disturbs nothing: what runs goes on, and the same look again says the same."""
    running = await start(devbox, "while read line; do echo got $line; done", attach_stdin=True)
    first = await devbox.observe(since_ns=0)
    await running.process.send_stdin(b"on\n")
    await running.stdout.until(b"got on")
    second = await devbox.observe(since_ns=0)
    assert first.processes == second.processes == (["bash"] if driver_case.observes else None)
