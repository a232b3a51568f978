"""Driver contract: telling what is kept, and deleting only what nothing uses."""

from pathlib import Path

import pytest
from boxes import Workshop, entered, succeed, unique
from driver_cases import DriverCase

from runloop_mcp.api.errors import NotFound
from runloop_mcp.devbox.port import Driver, Files, Kept, KeptKind


async def _find(driver: Driver, kind: KeptKind, name: str) -> Kept | None:
    return next((kept for kept in await driver.kept() if (kept.kind, kept.id) == (kind, name)), None)


async def _found(driver: Driver, kind: KeptKind, name: str) -> Kept:
    kept = await _find(driver, kind, name)
    assert kept is not None
    return kept


def _files(folder: Path) -> Files:
    (folder / "source").mkdir()
    (folder / "source" / "file").write_text("given\n")
    return Files(key=unique("files"), source=folder / "source")


async def test_a_devbox_is_in_use_while_it_runs(
    driver_case: DriverCase, driver_state: Path, workshop: Workshop, driver: Driver
) -> None:
    """No driver on the same state discards it then; stopped, any of them does."""
    devbox = await workshop.create()
    async with entered(driver_case.open(driver_state)) as other:
        for each in (driver, other):
            kept = await _found(each, KeptKind.DEVBOX, devbox.id)
            assert kept.in_use
            assert not await each.discard(kept)
        assert await succeed(devbox, "echo alive") == "alive"
        await devbox.stop()
        kept = await _found(other, KeptKind.DEVBOX, devbox.id)
        assert not kept.in_use
        assert await other.discard(kept)
    assert await _find(driver, KeptKind.DEVBOX, devbox.id) is None
    with pytest.raises(NotFound):
        await driver.resume(devbox.id)


async def test_files_are_in_use_while_something_is_built_on_them(
    driver_case: DriverCase, workshop: Workshop, driver: Driver, tmp_path: Path
) -> None:
    """Discarded after the last devbox and the last snapshot, they are laid out again when they are asked for again."""
    files = _files(tmp_path)
    devbox = await workshop.create(files=files)
    snapshot_id = await workshop.snapshot(devbox)
    kept = await _found(driver, KeptKind.FILES, files.key)
    for remove in (lambda: driver.remove(devbox.id), lambda: driver.remove_snapshot(snapshot_id)):
        if driver_case.shares_files:
            assert (await _found(driver, KeptKind.FILES, files.key)).in_use
            assert not await driver.discard(kept)
        await remove()
    assert not (await _found(driver, KeptKind.FILES, files.key)).in_use
    assert await driver.discard(kept)
    assert await _find(driver, KeptKind.FILES, files.key) is None
    assert await succeed(await workshop.create(files=files), "cat file") == "given"


async def test_a_snapshot_is_discarded_and_what_was_made_from_it_stays(workshop: Workshop, driver: Driver) -> None:
    """As with removing one: a devbox that was made from it keeps working."""
    source = await workshop.create()
    await succeed(source, "echo kept > file")
    snapshot_id = await workshop.snapshot(source)
    copy = await workshop.create(work_snapshot=snapshot_id)
    assert await driver.discard(await _found(driver, KeptKind.SNAPSHOT, snapshot_id))
    assert await _find(driver, KeptKind.SNAPSHOT, snapshot_id) is None
    assert await succeed(copy, "cat file") == "kept"


async def test_sizes_are_told_whatever_a_solver_has_closed(workshop: Workshop, driver: Driver) -> None:
    """Directories that nobody may enter count as well; what is gone takes nothing."""
    devbox = await workshop.create()
    await succeed(devbox, "mkdir -p shut/in; head -c 3000000 /dev/urandom > shut/in/file; chmod 000 shut/in shut")
    snapshot_id = await workshop.snapshot(devbox)
    await devbox.stop()
    for kept in (
        await _found(driver, KeptKind.DEVBOX, devbox.id),
        await _found(driver, KeptKind.SNAPSHOT, snapshot_id),
    ):
        assert 3_000_000 <= await driver.kept_bytes(kept) < 4_000_000
        assert await driver.discard(kept)
        assert await driver.kept_bytes(kept) == 0


async def test_what_the_driver_needs_for_the_next_devbox_is_not_discarded(workshop: Workshop, driver: Driver) -> None:
    """With everything discarded that can be of what no devbox needs, the next one boots as before."""
    await workshop.create()
    for kept in await driver.kept():
        if kept.kind is KeptKind.LEFTOVER:
            await driver.discard(kept)
    assert await succeed(await workshop.create(), "python3 -m pytest --version")
