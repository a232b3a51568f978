"""Attacks through the file calls: a path in the devbox that leads to a file of the host or of the supervisor."""

from pathlib import Path

import anyio
import pytest
from boxes import PATIENCE_SECONDS, Workshop, python, run, start, succeed
from canaries import Secret

from runloop_mcp.api.errors import ApiError, InvalidRequest, NotFound
from runloop_mcp.devbox.port import HOME, Devbox

UPWARDS = "../" * 40


async def attack(devbox: Devbox, path: str, secret: Secret) -> None:
    """Reads, writes and deletes through a path; nothing of the host's may come out or change."""
    came_out = []
    with anyio.fail_after(PATIENCE_SECONDS):
        for call in (devbox.read_file(path), devbox.write_file(path, b"overwritten"), devbox.remove_file(path)):
            try:
                came_out.append(repr(await call))
            except ApiError as error:
                came_out.append(str(error))
    assert secret.word not in "".join(came_out), f"{path} was read"
    assert secret.untouched(), f"{path} was changed"


async def test_no_path_leads_to_a_file_of_the_host(secret: Secret, devbox: Devbox, subtests: pytest.Subtests) -> None:
    """Named, through `..`, a link, a chain of links, a linked directory or procfs: the host's files stay closed."""
    for number, target in enumerate(secret.files):
        links = f"ln -s {target} link{number}; ln -s {UPWARDS}{target} relative{number};"
        links += f"ln -s linked{number} chain{number}; ln -s {target} linked{number};"
        await succeed(devbox, f"{links} ln -s {target.parent} directory{number}")
        for way, path in {
            "plain": str(target),
            "upwards": f"{HOME}/{UPWARDS}{target}",
            "relative": f"{UPWARDS}{target}",
            "link": f"link{number}",
            "relative-link": f"relative{number}",
            "chain": f"chain{number}",
            "directory-link": f"directory{number}/{target.name}",
            "proc": f"/proc/1/root{target}",
        }.items():
            with subtests.test(way, target=str(target)):
                await attack(devbox, path, secret)


async def test_procfs_is_no_way_round(secret: Secret, devbox: Devbox, subtests: pytest.Subtests) -> None:
    """The supervisor's and any process's links in procfs lead to no file of the host, directly or through a link."""
    running = await start(devbox, "echo $$; cd /; exec sleep 1000")
    await running.stdout.until(b"\n")
    for process in ("1", "self", "thread-self", running.stdout.data.decode().strip()):
        with subtests.test(process=process):
            await succeed(
                devbox,
                f"ln -sn /proc/{process}/root root; ln -sn /proc/{process}/cwd cwd; ln -sn /proc/{process}/fd fd",
            )
            for target in secret.files:
                for place in ("root", "cwd"):
                    for path in (f"/proc/{process}/{place}{target}", f"{place}{target}", f"{place}/{UPWARDS}{target}"):
                        await attack(devbox, path, secret)
            for number in range(16):
                await attack(devbox, f"fd/{number}", secret)
            assert await succeed(devbox, "rm root cwd fd; echo alive") == "alive"


async def test_the_supervisor_is_not_made_to_open_itself(devbox: Devbox, subtests: pytest.Subtests) -> None:
    """`/proc/self` means the supervisor to a call that it carries out: it must not read or change itself."""
    for name in ("environ", "mem", "maps", "comm", "oom_score_adj", "clear_refs", "coredump_filter", "attr/current"):
        with subtests.test(name):
            await succeed(devbox, f"ln -s /proc/self/{name} link")
            for path in (*(f"/proc/{process}/{name}" for process in ("self", "1", "thread-self")), "link"):
                with anyio.fail_after(PATIENCE_SECONDS):
                    with pytest.raises((InvalidRequest, NotFound)):
                        await devbox.read_file(path)
                    with pytest.raises((InvalidRequest, NotFound)):
                        await devbox.write_file(path, b"0")
            assert await succeed(devbox, "rm link; echo alive") == "alive"


async def test_no_file_appears_on_the_host(secret: Secret, devbox: Devbox, tmp_path: Path) -> None:
    """Writing with new directories through a link to a folder of the host makes nothing there."""
    (tmp_path / "open").mkdir(mode=0o777)
    (tmp_path / "open").chmod(0o777)
    await succeed(
        devbox, f"ln -s {tmp_path}/open link; ln -s {tmp_path}/open/new dangling; ln -s {UPWARDS}{tmp_path} up"
    )
    for path in ("link/file", "link/a/b/file", "dangling", "up/open/file", f"{tmp_path}/open/file", "/proc/1/cwd/file"):
        with anyio.fail_after(PATIENCE_SECONDS):
            try:
                await devbox.write_file(path, b"data")
            except ApiError:
                continue
    assert list((tmp_path / "open").iterdir()) == []
    assert secret.untouched()


async def test_a_path_that_changes_meanwhile_leads_nowhere_else(secret: Secret, devbox: Devbox) -> None:
    """While file and link change places all the time, reads and writes meet one or the other, never the host."""
    target = secret.files[0]
    race = (
        "import os\n"
        "os.makedirs('real'); os.makedirs('real2')\n"
        f"open('real/{target.name}', 'w').write('inner')\n"
        f"os.symlink('{target.parent}', 'fake')\n"
        f"os.symlink('{target}', 'f')\n"
        "open('g', 'w').write('inner')\n"
        "print('up', flush=True)\n"
        "while True:\n"
        "    os.rename('real', 'real3'); os.rename('fake', 'place'); os.rename('place', 'fake')\n"
        "    os.rename('real3', 'real')\n"
        "    os.rename('f', 'h'); os.rename('g', 'f'); os.rename('h', 'g')\n"
    )
    running = await start(devbox, python(race))
    await running.stdout.until(b"up")
    for _ in range(60):
        for path in (f"real/{target.name}", f"place/{target.name}", "f", "g"):
            with anyio.fail_after(PATIENCE_SECONDS):
                try:
                    assert secret.word.encode() not in (await devbox.read_file(path)).data
                    await devbox.write_file(path, b"inner")
                except ApiError:
                    continue
    assert secret.untouched()
    await running.process.kill()


async def test_a_layer_is_never_opened_from_outside(secret: Secret, workshop: Workshop, driver_state: Path) -> None:
    """Links in a kept disk are links in every copy: what they lead to on the host never gets into one."""
    devbox = await workshop.create()
    links = f"ln -s {secret.files[0]} file; ln -s / root; ln -s {driver_state} state; ln -s /etc/shadow ~/shadow"
    await succeed(devbox, links)
    copy = await workshop.copy(devbox)
    listed = await succeed(copy, "find ~ -type l | sort | xargs readlink | sort")
    assert listed.split() == sorted(["/", "/etc/shadow", str(driver_state), str(secret.files[0])])
    for path in ("file", f"root{secret.files[0]}", f"state/{secret.files[-1].name}"):
        await attack(copy, path, secret)


async def test_hard_links_do_not_reach_out(devbox: Devbox) -> None:
    """A hard link to a file of the system can't be made where the devbox may write."""
    for place in ("~", "/tmp", "."):
        assert (await run(devbox, f"ln /etc/passwd {place}/p || ln /usr/bin/env {place}/e")).status == 1
