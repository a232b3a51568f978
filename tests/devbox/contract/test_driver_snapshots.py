"""Driver contract: snapshots, the devboxes made from them, and standing still."""

from collections.abc import Awaitable
from pathlib import Path

import anyio
import pytest
from boxes import PATIENCE_SECONDS, Workshop, python, run, start, succeed, unique
from driver_cases import DriverCase

from runloop_mcp.api.errors import Conflict, NotFound
from runloop_mcp.devbox.port import Devbox, DevboxSpec, Driver, Exit, Files

LISTING = r"cd; find . -mindepth 1 ! -path ./work -printf '%P %y %m %l %T@\n' | sort; cat work/text"

TREE = r"""
mkdir -p a/b ~/settings; echo text > text; echo inner > a/b/inner; echo home > ~/settings/file
echo '#!/bin/sh' > script; chmod 751 script; chmod 700 a/b; ln -s a/b/inner link; ln -s /nowhere dangling
echo closed > closed; chmod 000 closed; mkdir shut; echo x > shut/x; chmod 000 shut; mkdir empty; mkfifo fifo
ln text hard; touch -d '2001-02-03 04:05:06.789' old; touch $'new\nline' $'\xff'; mkdir -m 1777 sticky
python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('socket')"; chmod 2755 a; truncate -s 100M sparse
"""


@pytest.mark.parametrize("stopped", [False, True], ids=["live", "stopped"])
async def test_a_snapshot_keeps_the_disk_as_it_is(workshop: Workshop, driver_case: DriverCase, stopped: bool) -> None:
    """Contents, modes, times, links and what nobody may read come back, from a devbox that runs or was stopped."""
    devbox = await workshop.create()
    await succeed(devbox, TREE)
    listing = LISTING.replace("%T@", "%Ts") if driver_case.whole_seconds else LISTING
    before = await succeed(devbox, listing)
    if stopped:
        await devbox.stop()
    copy = await workshop.copy(devbox)
    kept = [line for line in before.splitlines() if not line.startswith("work/socket ")]
    after = [line for line in (await succeed(copy, listing)).splitlines() if not line.startswith("work/socket ")]
    assert after == kept
    assert await succeed(
        copy, "chmod 700 closed shut; cat closed shut/x a/b/inner ~/settings/file text; rm -rf ./*"
    ) == ("closed\nx\ninner\nhome\ntext")


async def test_the_parts_are_used_apart(workshop: Workshop) -> None:
    """A devbox may begin with the home of one snapshot, the working directory of another, or only one of them."""
    devbox = await workshop.create()
    await succeed(devbox, "echo work > ~/work/file; echo home > ~/file")
    first = await workshop.snapshot(devbox)
    await succeed(devbox, "echo work-2 > ~/work/file; echo home-2 > ~/file")
    second = await workshop.snapshot(devbox)
    show = "cat ~/file ~/work/file 2>&1 | xargs; ls -A ~ | xargs"
    crossed = await workshop.create(home_snapshot=first, work_snapshot=second)
    assert await succeed(crossed, show) == "home work-2\nfile work"
    only_work = await workshop.create(work_snapshot=first)
    assert await succeed(only_work, "cat ~/work/file; ls -A ~") == "work\nwork"
    only_home = await workshop.create(home_snapshot=first)
    assert await succeed(only_home, "cat ~/file; ls -A ~/work") == "home"


async def test_a_working_directory_is_kept_wherever_it_lies(workshop: Workshop) -> None:
    """The working directory outside the home is kept, and may lie elsewhere in the next devbox."""
    devbox = await workshop.create(working_directory="/workspace")
    await succeed(devbox, "echo work > file; echo home > ~/file; echo temporary > /tmp/file")
    snapshot_id = await workshop.snapshot(devbox)
    copy = await workshop.create(
        working_directory="/home/user/elsewhere", home_snapshot=snapshot_id, work_snapshot=snapshot_id
    )
    assert await succeed(copy, "pwd; cat file ~/file; ls /tmp | wc -l") == "/home/user/elsewhere\nwork\nhome\n0"


async def test_a_working_directory_is_named_afterwards(workshop: Workshop) -> None:
    """Where it lay elsewhere in the snapshot, it holds what the snapshot has there, and what is done there is kept."""
    devbox = await workshop.create()
    await succeed(devbox, "mkdir -p ~/a/project && cd ~/a/project && touch kept deleted && mkdir dir && touch dir/old")
    between = await workshop.copy(devbox)
    await succeed(between, "cd ~/a/project && rm deleted && rm -r dir && mkdir dir && touch dir/new && echo 1 > kept")
    snapshot_id = await workshop.snapshot(between)
    place = "/home/user/a/project"
    begun = await workshop.create(working_directory=place, home_snapshot=snapshot_id, work_snapshot=snapshot_id)
    assert (
        await succeed(begun, "pwd; find . -mindepth 1 | sort | xargs; cat kept")
        == f"{place}\n./dir ./dir/new ./kept\n1"
    )
    await succeed(begun, "echo 2 > kept; touch more; touch ~/beside")
    after = await workshop.snapshot(begun)
    copy = await workshop.create(working_directory=place, home_snapshot=after, work_snapshot=after)
    assert await succeed(copy, "cat kept; ls; ls ~/beside") == "2\ndir\nkept\nmore\n/home/user/beside"


async def test_deleted_and_replaced_files_stay_so(workshop: Workshop, tmp_path: Path) -> None:
    """What was deleted from the laid-out files doesn't come back in any copy, nor what a new directory replaced."""
    for name in ("kept", "deleted", "tree/one", "tree/two", "other/three", "replaced"):
        (tmp_path / "s" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "s" / name).write_text("original\n")
    devbox = await workshop.create(files=Files(unique("files"), tmp_path / "s"))
    await succeed(
        devbox, "rm deleted; rm -r tree; mkdir tree; echo new > tree/new; rm -r other; rm replaced; mkdir replaced"
    )
    expected = "./kept ./replaced ./tree ./tree/new"
    copy = await workshop.copy(devbox)
    assert await succeed(copy, "find . -mindepth 1 | sort | xargs") == expected
    await succeed(copy, "rm -r tree/new replaced; touch tree/newer")
    again = await workshop.copy(copy)
    assert await succeed(again, "find . -mindepth 1 | sort | xargs") == "./kept ./tree ./tree/newer"
    assert await succeed(devbox, "find . -mindepth 1 | sort | xargs") == expected


async def test_snapshot_source_and_copies_are_independent(workshop: Workshop) -> None:
    """What source or copies do after a snapshot changes neither it nor each other."""
    devbox = await workshop.create()
    await succeed(devbox, "echo kept | tee file ~/file")
    snapshot_id = await workshop.snapshot(devbox)
    await succeed(devbox, "echo source | tee file ~/file; touch more")
    first = await workshop.create(home_snapshot=snapshot_id, work_snapshot=snapshot_id)
    await succeed(first, "echo first | tee file ~/file; touch more")
    second = await workshop.create(home_snapshot=snapshot_id, work_snapshot=snapshot_id)
    assert await succeed(second, "cat file ~/file; ls") == "kept\nkept\nfile"
    assert await succeed(devbox, "cat file ~/file") == "source\nsource"
    assert await succeed(first, "cat file ~/file") == "first\nfirst"


async def test_a_stopped_devbox_goes_on_after_its_snapshot(workshop: Workshop) -> None:
    """A devbox that was kept while stopped resumes with its disk, and changes it without changing the snapshot."""
    devbox = await workshop.create()
    await succeed(devbox, "echo kept > file; mkdir d; echo kept > d/file")
    await devbox.stop()
    first = await workshop.snapshot(devbox)
    resumed = await workshop.driver.resume(devbox.id)
    assert await succeed(resumed, "cat file d/file; echo later > file; rm d/file") == "kept\nkept"
    await resumed.stop()
    second = await workshop.snapshot(resumed)
    assert await succeed(await workshop.create(work_snapshot=first), "cat file d/file") == "kept\nkept"
    assert await succeed(await workshop.create(work_snapshot=second), "cat file; ls d") == "later"
    assert await succeed(await workshop.driver.resume(devbox.id), "cat file; ls d") == "later"


@pytest.mark.parametrize("stopped", [False, pytest.param(True, marks=pytest.mark.proof)], ids=["live", "stopped"])
@pytest.mark.timeout(300)
async def test_a_long_line_of_snapshots_holds(
    workshop: Workshop, driver_case: DriverCase, stopped: bool, full_size: bool
) -> None:
    """Generations, each copied from the one before, keep every change of each, however many they are."""
    devbox = await workshop.create()
    count = (110 if driver_case.name != "podman" else 20) if full_size else 4  # Podman takes seconds for each
    for generation in range(count):
        await succeed(devbox, f"echo {generation} > g{generation}; echo {generation} > last; rm -f g{generation - 2}")
        if stopped:
            await devbox.stop()
        before, devbox = devbox, await workshop.copy(devbox)
        await workshop.driver.remove(before.id)
    assert await succeed(devbox, "cat last; ls | xargs") == f"{count - 1}\ng{count - 2} g{count - 1} last"


@pytest.mark.proof
@pytest.mark.timeout(300)
async def test_a_devbox_is_kept_again_and_again(workshop: Workshop, driver_case: DriverCase) -> None:
    """One that is stopped, kept and resumed many times loses nothing, and each snapshot is as it was then."""
    devbox = await workshop.create()
    kept = []
    count = 60 if driver_case.name != "podman" else 15
    for turn in range(count):
        await succeed(devbox, f"echo {turn} | tee t{turn} ~/last; rm -f t{turn - 2}")
        await devbox.stop()
        kept.append(await workshop.snapshot(devbox))
        devbox = await workshop.driver.resume(devbox.id)
    assert await succeed(devbox, "cat ~/last; ls | xargs") == f"{count - 1}\nt{count - 2} t{count - 1}"
    for turn in (0, count // 2):
        old = await workshop.create(home_snapshot=kept[turn], work_snapshot=kept[turn])
        assert (await succeed(old, "cat ~/last; ls | xargs")).startswith(f"{turn}\n")


async def test_snapshots_survive_their_source(workshop: Workshop) -> None:
    """A removed devbox takes none of its snapshots along."""
    devbox = await workshop.create()
    await succeed(devbox, "echo live > file")
    live = await workshop.snapshot(devbox)
    await devbox.stop()
    stopped = await workshop.snapshot(devbox)
    await workshop.driver.remove(devbox.id)
    for snapshot_id in (live, stopped):
        copy = await workshop.create(work_snapshot=snapshot_id)
        assert await succeed(copy, "cat file") == "live"


async def test_devboxes_survive_their_snapshot(workshop: Workshop) -> None:
    """What was made from a removed snapshot keeps working: now, after a stop, and as the source of others."""
    source = await workshop.create()
    await succeed(source, "echo kept > file")
    snapshot_id = await workshop.snapshot(source)
    devbox = await workshop.create(work_snapshot=snapshot_id)
    await workshop.driver.remove(source.id)
    with anyio.fail_after(PATIENCE_SECONDS):
        await workshop.driver.remove_snapshot(snapshot_id)
        await workshop.driver.remove_snapshot(snapshot_id)
    with pytest.raises(NotFound):
        await workshop.create(work_snapshot=snapshot_id)
    assert await succeed(devbox, "cat file") == "kept"
    await devbox.stop()
    resumed = await workshop.driver.resume(devbox.id)
    assert await succeed(resumed, "cat file") == "kept"
    assert await succeed(await workshop.copy(resumed), "cat file") == "kept"


async def test_nothing_is_left_once_all_is_removed(workshop: Workshop, driver_state: Path) -> None:
    """Layers that nothing refers to any more don't stay on the host's disk."""
    devbox = await workshop.create()
    name = unique("large")
    await succeed(devbox, f"echo kept > {name}")
    snapshot_id = await workshop.snapshot(devbox)
    copy = await workshop.create(work_snapshot=snapshot_id)
    await workshop.driver.remove(devbox.id)
    await workshop.driver.remove_snapshot(snapshot_id)
    assert await succeed(copy, f"cat {name}") == "kept"
    await workshop.driver.remove(copy.id)
    assert not list(driver_state.rglob(name))


async def test_snapshot_ids_are_taken_once(workshop: Workshop, devbox: Devbox) -> None:
    """A second snapshot with the same id is refused and leaves the first as it was."""
    await succeed(devbox, "echo first > file")
    snapshot_id = await workshop.snapshot(devbox)
    await succeed(devbox, "echo second > file")
    with pytest.raises(Conflict):
        await workshop.driver.snapshot(devbox.id, snapshot_id)
    assert await succeed(await workshop.create(work_snapshot=snapshot_id), "cat file") == "first"


async def test_a_snapshot_that_is_not_there_is_named(workshop: Workshop, driver: Driver) -> None:
    """Creating from a missing snapshot, for either part, names it."""
    for part in ("home_snapshot", "work_snapshot"):
        with pytest.raises(NotFound, match="snp_nowhere"):
            await driver.create(workshop.devbox_id(), DevboxSpec(**{part: "snp_nowhere"}))


async def test_processes_go_on_after_a_snapshot(workshop: Workshop, devbox: Devbox) -> None:
    """A process that runs during a snapshot runs on after it, and may change what it changed before."""
    running = await start(devbox, "mkfifo gate; echo up; read line < gate; echo $line > file; exit 3")
    await running.stdout.until(b"up")
    snapshot_id = await workshop.snapshot(devbox)
    await succeed(devbox, "echo later > gate")
    assert await running.wait() == Exit(3)
    assert await succeed(devbox, "cat file") == "later"
    assert await succeed(await workshop.create(work_snapshot=snapshot_id), "ls") == "gate"


async def test_a_snapshot_is_one_instant(workshop: Workshop, devbox: Devbox, full_size: bool) -> None:
    """While a writer counts in the working directory and then at home, a snapshot never sees them out of step.

    One file is replaced each time, the other is written to.
    """
    fillers = 400 if full_size else 50
    await succeed(devbox, f"for i in {{1..{fillers}}}; do echo $i > filler$i; echo $i > ~/filler$i; done")
    writer = (
        "import os\n"
        "def put(path, n):\n"
        "    with open(path + '.new', 'w') as f: f.write(str(n))\n"
        "    os.replace(path + '.new', path)\n"
        "b = os.open('/home/user/b', os.O_CREAT | os.O_RDWR)\n"
        "n = 0\n"
        "while True:\n"
        "    put('/home/user/work/a', n); os.pwrite(b, b'%09d' % n, 0)\n"
        "    if n == 100: print('up', flush=True)\n"
        "    n += 1\n"
    )
    running = await start(devbox, python(writer))
    await running.stdout.until(b"up")
    for _ in range(3):
        copy = await workshop.copy(devbox)
        ahead, behind = (int(n) for n in (await succeed(copy, "cat a; echo; cat ~/b")).split())
        assert ahead - behind in {0, 1}
        assert ahead >= 100
    await running.process.kill()


COUNTERS = {
    "one": "n = 0\nwhile True:\n    n += 1; os.write(1, b'%d\\n' % n)",
    "relay": (
        "if os.fork(): signal.pause()\n"
        "n = 0\nwhile True:\n    n += 1; os.write(1, b'%d\\n' % n)\n    if os.fork(): os._exit(0)"
    ),
    "stopper": "n = 0\nif os.fork(): signal.pause()\nos.setsid()\nwhile True:\n    n += 1; os.write(1, b'%d\\n' % n)",
}
"""Programs that count: as one process, as processes that replace each other, and as a daemon."""


async def test_nothing_runs_while_frozen(workshop: Workshop, devbox: Devbox, subtests: pytest.Subtests) -> None:
    """A counter stands still inside the block, while another devbox counts, and counts on after it."""
    other = await workshop.create()
    clock = "for ((n = 0; n < 10000; n++)); do echo $n; done"
    for name, counter in COUNTERS.items():
        with subtests.test(name):
            running = await start(devbox, python("import os, signal\n" + counter))
            await running.stdout.until(b"100\n")
            with anyio.fail_after(PATIENCE_SECONDS):
                async with devbox.frozen():
                    await run(other, clock)  # meanwhile what the counter had written before arrives
                    frozen_at = len(running.stdout.data)
                    await run(other, clock)
                    assert len(running.stdout.data) == frozen_at
            await running.stdout.until(b"\n", after=frozen_at + 100)
            await running.process.kill()


async def test_nothing_begins_while_frozen(workshop: Workshop, devbox: Devbox) -> None:
    """What is started, written or deleted during a freeze happens after it, and reading needs not wait."""
    other = await workshop.create()
    await succeed(devbox, "echo old > kept; touch deleted")
    done: list[str] = []

    async def begin(name: str, call: Awaitable[object]) -> None:
        await call
        done.append(name)

    with anyio.fail_after(PATIENCE_SECONDS):
        async with anyio.create_task_group() as tasks, devbox.frozen():
            tasks.start_soon(begin, "start", succeed(devbox, "echo new > kept"))
            tasks.start_soon(begin, "write", devbox.write_file("written", b"new"))
            tasks.start_soon(begin, "remove", devbox.remove_file("deleted"))
            await run(other, "for ((n = 0; n < 10000; n++)); do echo $n; done")
            assert done == []
            assert (await devbox.read_file("kept")).data == b"old\n"
            assert (await devbox.read_file("deleted")).data == b""
        assert sorted(done) == ["remove", "start", "write"]
        assert await succeed(devbox, "cat kept written; ls") == "new\nnewkept\nwritten"


async def test_a_freeze_ends_with_its_block(devbox: Devbox) -> None:
    """After an error or a cancellation inside the block the devbox runs on; freezing can be repeated."""
    with pytest.raises(KeyError, match="inside"):
        async with devbox.frozen():
            raise KeyError("inside")
    assert await succeed(devbox, "echo runs") == "runs"
    with anyio.move_on_after(0.01):
        async with devbox.frozen():
            await anyio.sleep_forever()
    for _ in range(20):
        async with devbox.frozen():
            pass
    assert await succeed(devbox, "echo runs") == "runs"


async def test_a_frozen_devbox_can_be_stopped(devbox: Devbox) -> None:
    """Stopping inside the block ends all processes there and then."""
    running = await start(devbox, "echo up; exec sleep 1000")
    await running.stdout.until(b"up")
    with anyio.fail_after(PATIENCE_SECONDS):
        async with devbox.frozen():
            await devbox.stop()
        assert (await running.wait()).lost
    assert not devbox.alive


async def test_a_daemon_survives_a_snapshot_with_its_memory(workshop: Workshop, devbox: Devbox) -> None:
    """A process keeps what it holds only in memory across two snapshots and a freeze."""
    await succeed(devbox, "mkfifo ask answer")
    server = "secret=$RANDOM$RANDOM; echo $secret; while :; do cat ask > /dev/null; echo $secret > answer; done"
    running = await start(devbox, server)
    await running.stdout.until(b"\n")
    for _ in range(2):
        await workshop.snapshot(devbox)
    assert await succeed(devbox, "echo > ask; cat answer") == running.stdout.data.decode().strip()
