"""Driver contract: what a devbox's disk begins as, and that it outlives processes, servers and hostile users."""

import os
from pathlib import Path

import anyio
import pytest
from boxes import PATIENCE_SECONDS, Workshop, daemon, entered, marked, python, run, succeed, unique
from driver_cases import DriverCase

from runloop_mcp.api.errors import Conflict, InvalidRequest, NotFound
from runloop_mcp.devbox.port import HOME, Devbox, DevboxSpec, Driver, Files, Limits, WorkOf


def lay_out(folder: Path) -> Files:
    """Files as a scenario has them, in a folder that is private to the server's user."""
    source = folder / "source"
    (source / "package" / "empty").mkdir(parents=True)
    (source / "package" / "module.py").write_text("original\n")
    (source / "run.sh").write_text("#!/bin/sh\necho ran\n")
    (source / "run.sh").chmod(0o755)
    (source / "link").symlink_to("package/module.py")
    folder.chmod(0o700)
    return Files(key=unique("files"), source=source)


async def test_home_and_working_directory_begin_empty(devbox: Devbox) -> None:
    """A devbox without files or snapshots has an empty home, but for the working directory in it, both writable."""
    assert await succeed(devbox, "ls -A; cd; find . | xargs; touch here work/there") == ". ./work"


async def test_files_are_laid_out_in_the_working_directory(workshop: Workshop, tmp_path: Path) -> None:
    """Files come with their modes, links and empty directories, and the devbox's user can change all of them."""
    devbox = await workshop.create(files=lay_out(tmp_path))
    listing = await succeed(devbox, "find . -mindepth 1 -printf '%P %M\n' | sort")
    names = {line.split()[0]: line.split()[1] for line in listing.splitlines()}
    assert set(names) == {"link", "package", "package/empty", "package/module.py", "run.sh"}
    assert names["link"].startswith("l")
    assert await succeed(devbox, "./run.sh; cat link; echo more >> link; touch package/empty/new; rm run.sh; ls") == (
        "ran\noriginal\nlink\npackage"
    )


async def test_files_lie_in_any_working_directory(workshop: Workshop, tmp_path: Path) -> None:
    """Where the working directory lies elsewhere, the files lie there."""
    devbox = await workshop.create(working_directory="/srv/app", files=lay_out(tmp_path))
    assert await succeed(devbox, "pwd; cat link; touch new") == "/srv/app\noriginal"


async def test_files_are_copied_once_for_each_key(workshop: Workshop, tmp_path: Path) -> None:
    """What was laid out for a key is what the key means from then on, whatever becomes of its source."""
    files = lay_out(tmp_path)
    await workshop.create(files=files)
    (files.source / "package" / "module.py").write_text("changed\n")
    (files.source / "run.sh").unlink()
    second = await workshop.create(files=files)
    assert await succeed(second, "cat link; ./run.sh") == "original\nran"
    third = await workshop.create(files=Files(key=unique("files"), source=files.source))
    assert await succeed(third, "cat link") == "changed"


async def test_shared_files_are_not_written_through(workshop: Workshop, tmp_path: Path) -> None:
    """What one devbox does to its files reaches neither another devbox with the same key nor their source."""
    files = lay_out(tmp_path)
    first, second = await workshop.create(files=files), await workshop.create(files=files)
    await succeed(first, "echo changed > package/module.py; chmod 777 run.sh; rm link; rm -r package/empty; touch new")
    assert await succeed(second, "cat package/module.py; ls; ls package; stat -c %a run.sh") == (
        "original\nlink\npackage\nrun.sh\nempty\nmodule.py\n755"
    )
    third = await workshop.create(files=files)
    assert await succeed(third, "cat link") == "original"
    assert sorted(path.name for path in files.source.iterdir()) == ["link", "package", "run.sh"]
    assert (files.source / "package" / "module.py").read_text() == "original\n"


async def test_what_is_laid_down_read_only(workshop: Workshop, tmp_path: Path) -> None:
    """Folders, single files and a snapshot's work lie where they were asked for; nobody can change or cover them."""
    builder = await workshop.create(working_directory="/opt/built")
    await succeed(builder, "mkdir bin; printf '#!/bin/sh\\necho built' > bin/tool; chmod +x bin/tool")
    built = await workshop.snapshot(builder)
    files = lay_out(tmp_path)
    program = Files(unique("program"), files.source / "run.sh")
    read_only = {"/opt/files": files, "/opt/program": program, "/opt/built": WorkOf(built)}
    devbox = await workshop.create(read_only=read_only)
    await workshop.driver.remove_snapshot(built)
    see = "cat /opt/files/link; /opt/program/run.sh; /opt/built/bin/tool"
    assert await succeed(devbox, see) == "original\nran\nbuilt"
    for change in ("touch /opt/files/new", "rm /opt/built/bin/tool", "mv /opt/program /opt/other", "mkdir /opt/more"):
        assert (await run(devbox, change)).status != 0, change
    await devbox.stop()
    assert await succeed(await workshop.driver.resume(devbox.id), see) == "original\nran\nbuilt"


async def test_what_is_read_only_lies_where_nobody_writes(
    workshop: Workshop, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    """Neither below a directory that can be written, where the way to it could be changed, nor above one."""
    files = lay_out(tmp_path)
    for at in ("/srv/app/tool", "/srv", "/home/user/tool", "/home", "/tmp/tool", "/usr/tool"):
        with subtests.test(at=at), pytest.raises(InvalidRequest, match=at):
            await workshop.create(working_directory="/srv/app", read_only={at: files})


async def test_a_snapshot_to_lay_down_has_to_be_there(workshop: Workshop) -> None:
    """A devbox whose parts are missing is not made."""
    assert not await workshop.driver.has_snapshot("snp_missing")
    with pytest.raises(NotFound):
        await workshop.create(read_only={"/opt/built": WorkOf("snp_missing")})


async def test_files_are_laid_over_a_snapshot(workshop: Workshop, tmp_path: Path) -> None:
    """A working directory that begins as a snapshot's, with files, has both; where both have one, it is the file."""
    source = await workshop.create()
    await succeed(source, "mkdir package; echo older > run.sh; echo kept | tee package/kept kept; ln -s / link")
    snapshot_id = await workshop.snapshot(source)
    devbox = await workshop.create(files=lay_out(tmp_path), work_snapshot=snapshot_id)
    assert await succeed(devbox, "./run.sh; cat kept package/kept link; ls package; rm -r package; mkdir package") == (
        "ran\nkept\nkept\noriginal\nempty\nkept\nmodule.py"
    )
    assert await succeed(await workshop.copy(devbox), "./run.sh; ls package; ls") == "ran\nkept\nlink\npackage\nrun.sh"


async def test_an_impossible_working_directory_is_refused(workshop: Workshop, subtests: pytest.Subtests) -> None:
    """A working directory that is not absolute, or within the system, is refused, and the id stays free."""
    devbox_id = workshop.devbox_id()
    for directory in ("/usr/share/work", "/bin", "/etc/work", "/proc/1", "relative", "/", "", "/a\0b", "/tmp/../usr/w"):
        with subtests.test(directory=directory), anyio.fail_after(PATIENCE_SECONDS), pytest.raises(InvalidRequest):
            await workshop.driver.create(devbox_id, DevboxSpec(working_directory=directory))
    with anyio.fail_after(PATIENCE_SECONDS):
        devbox = await workshop.driver.create(devbox_id, DevboxSpec())
    assert await succeed(devbox, ("pwd",)) == f"{HOME}/work"


@pytest.mark.parametrize("directory", ["/workspace", "/home/user/deep/down/work", "/opt/work", "/home/other/work"])
async def test_any_other_working_directory_is_possible(workshop: Workshop, directory: str) -> None:
    """A working directory may be anywhere outside the system; it is there, empty and writable."""
    devbox = await workshop.create(working_directory=directory)
    assert await succeed(devbox, "ls -A; pwd; touch file; cd; touch file") == directory


async def test_an_id_is_taken_once(devbox: Devbox, driver: Driver) -> None:
    """A second devbox with the same id is refused, while the first runs and after it was stopped."""
    with pytest.raises(Conflict):
        await driver.create(devbox.id, DevboxSpec())
    await succeed(devbox, "echo still")
    await devbox.stop()
    with pytest.raises(Conflict):
        await driver.create(devbox.id, DevboxSpec())


async def test_one_of_two_creations_with_the_same_id_wins(workshop: Workshop) -> None:
    """Of creations of one id at the same time exactly one succeeds."""
    devbox_id = workshop.devbox_id()
    outcomes: list[str] = []

    async def create() -> None:
        try:
            await workshop.driver.create(devbox_id, DevboxSpec())
        except Conflict:
            outcomes.append("conflict")
        else:
            outcomes.append("made")

    with anyio.fail_after(PATIENCE_SECONDS):
        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(create)
    assert sorted(outcomes) == ["conflict", "conflict", "conflict", "made"]


async def test_many_devboxes_boot_at_once(workshop: Workshop) -> None:
    """Five devboxes created together each have their own disk and processes."""
    names: dict[str, str] = {}

    async def create() -> None:
        devbox = await workshop.create()
        names[devbox.id] = await succeed(devbox, f"echo {devbox.id} > {HOME}/id; cat {HOME}/id; ls | wc -l")

    with anyio.fail_after(PATIENCE_SECONDS):
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(create)
    assert len(names) == 5
    assert all(text == f"{devbox_id}\n0" for devbox_id, text in names.items())


async def test_a_failed_creation_leaves_nothing_behind(workshop: Workshop, driver_state: Path) -> None:
    """A creation that fails, or is cancelled at any moment, leaves its id free and no trace of it."""
    devbox_id = workshop.devbox_id()
    with pytest.raises(NotFound, match="snp_missing"):
        await workshop.driver.create(devbox_id, DevboxSpec(work_snapshot="snp_missing"))
    with pytest.raises(NotFound):
        await workshop.driver.resume(devbox_id)
    assert _traces(driver_state, devbox_id) == []
    for delay in (0, 0.002, 0.01, 0.02):
        with anyio.move_on_after(delay) as scope:
            await workshop.driver.create(devbox_id, DevboxSpec())
        if not scope.cancelled_caught:
            await workshop.driver.remove(devbox_id)
        assert _traces(driver_state, devbox_id) == []
    await workshop.driver.create(devbox_id, DevboxSpec())


async def test_a_stopped_devbox_is_resumed_as_it_was(workshop: Workshop) -> None:
    """After a stop the same disk boots again, temporary files too, with the same spec and without the old processes."""
    spec = DevboxSpec("/home/user/project", environment={"NAME": "value"}, limits=Limits(open_files=512))
    devbox = await workshop.driver.create(workshop.devbox_id(), spec)
    marker = unique("gone")
    await succeed(devbox, f"echo home > ~/a; echo work > b; echo temporary > /tmp/c; {daemon(marker)} | grep -m1 up")
    await devbox.stop()
    with anyio.fail_after(PATIENCE_SECONDS):
        resumed = await workshop.driver.resume(devbox.id)
    assert (resumed.id, resumed.spec, resumed.alive) == (devbox.id, spec, True)
    assert await succeed(resumed, "cat ~/a b /tmp/c; pwd; echo $NAME; ulimit -n") == (
        "home\nwork\ntemporary\n/home/user/project\nvalue\n512"
    )
    assert await marked(resumed, marker) == []
    assert not devbox.alive


async def test_what_was_deleted_stays_deleted_after_a_resume(workshop: Workshop, tmp_path: Path) -> None:
    """Deleted files and replaced directories of the shared layer don't come back."""
    devbox = await workshop.create(files=lay_out(tmp_path))
    await succeed(devbox, "rm run.sh; rm -r package; mkdir package; touch package/new")
    await devbox.stop()
    assert await succeed(await workshop.driver.resume(devbox.id), "find . -mindepth 1 | sort | xargs") == (
        "./link ./package ./package/new"
    )


async def test_a_running_devbox_is_not_resumed(devbox: Devbox, driver: Driver) -> None:
    """Resuming what runs is a conflict and does it no harm."""
    with pytest.raises(Conflict):
        await driver.resume(devbox.id)
    assert await succeed(devbox, "echo alive") == "alive"


@pytest.mark.proof
async def test_a_devbox_is_held_by_one_driver(
    driver_case: DriverCase, driver_state: Path, devbox: Devbox, driver: Driver
) -> None:
    """A second driver on the same state can't resume what the first runs, until that has stopped; and back again."""
    async with entered(driver_case.open(driver_state)) as second:
        with pytest.raises(Conflict):
            await second.resume(devbox.id)
        await succeed(devbox, "echo first > note")
        await devbox.stop()
        resumed = await second.resume(devbox.id)
        assert await succeed(resumed, "cat note; echo second > note") == "first"
        with pytest.raises(Conflict):
            await driver.resume(devbox.id)
    assert await succeed(await driver.resume(devbox.id), "cat note") == "second"


async def test_only_devboxes_that_are_there_can_be_used(
    driver: Driver, workshop: Workshop, subtests: pytest.Subtests
) -> None:
    """Resuming or keeping a devbox that is not there, or whose id is none, says so; removing it does nothing."""
    for devbox_id in ("dbx_missing", "../escape", "", "a/b", "a\0b", ".."):
        with subtests.test(devbox_id=ascii(devbox_id)), anyio.fail_after(PATIENCE_SECONDS):
            with pytest.raises((NotFound, InvalidRequest)):
                await driver.resume(devbox_id)
            with pytest.raises((NotFound, InvalidRequest)):
                await driver.snapshot(devbox_id, workshop.snapshot_id())
    with anyio.fail_after(PATIENCE_SECONDS):
        await driver.remove("dbx_missing")
        await driver.remove_snapshot("snp_missing")


async def test_removing_ends_what_runs_and_deletes_the_disk(devbox: Devbox, driver: Driver, driver_state: Path) -> None:
    """A removed devbox has no processes, no disk and no trace; removing it again does nothing."""
    await succeed(devbox, f"{daemon(unique('removed'))} | grep -m1 up")
    with anyio.fail_after(PATIENCE_SECONDS):
        await driver.remove(devbox.id)
        assert not devbox.alive
        assert await devbox.wait_ended()
        with pytest.raises(NotFound):
            await driver.resume(devbox.id)
        await driver.remove(devbox.id)
    assert _traces(driver_state, devbox.id) == []


async def test_a_hostile_tree_is_removed(devbox: Devbox, driver: Driver, driver_state: Path) -> None:
    """Directories 1,100 deep, of mode 000, and odd names don't keep a disk from being deleted."""
    deep = "import os\nfor _ in range(1100):\n    os.mkdir('d' * 50); os.chdir('d' * 50)\nopen('end', 'w').close()"
    await succeed(devbox, python(deep))
    await succeed(
        devbox,
        r"mkdir -p closed/inner ~/closed /tmp/closed; touch closed/inner/file $'new\nline' $'\xff' -- -rf; mkfifo fifo;"
        "ln -s / root; chmod 000 closed/inner closed ~/closed /tmp/closed; chmod 000 .",
        working_directory=f"{HOME}/work",
    )
    with anyio.fail_after(PATIENCE_SECONDS):
        await driver.remove(devbox.id)
    assert _traces(driver_state, devbox.id) == []


def _traces(state: Path, name: str) -> list[str]:
    """The paths below the state directory that have this name in them."""
    return [
        f"{folder}/{entry}" for folder, folders, files in os.walk(state) for entry in folders + files if name in entry
    ]
