"""Keeps the store's index of scenario folders up to date, reading only what has changed."""

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import anyio
from anyio.to_thread import run_sync

from runloop_mcp.engine.scenarios import rows
from runloop_mcp.engine.scenarios.document import Problem
from runloop_mcp.engine.scenarios.folder_files import signature
from runloop_mcp.engine.scenarios.pack import FolderProblem, Scan, pack_name, scan
from runloop_mcp.engine.scenarios.rows import ScenarioRow
from runloop_mcp.engine.store.database import Database

_BATCH = 50
"""How many folders are read between two writes: a start that is killed goes on where it was."""
_LOOK_SHARE = 50
"""Looking for changes may take one part in so many of the time."""
_QUICK_SECONDS = 0.0005
"""A folder that was looked at in less is looked at on the event loop's own thread: two hand-overs take as long."""

_Found = tuple[str, str, str, ScenarioRow | list[dict[str, object]]]
"""Root, folder, signature, and the scenario or the problems."""


class FolderIndex:
    """The index of the folders of some packs.

    Args:
        database: Where it is kept.
        packs: The directories of the packs; where two hold the same, the first counts.
        look_seconds: How long after a look for changes the next use of the index looks again, longer for packs that
            take long to look through; 0 for at every use.
    """

    def __init__(self, database: Database, packs: Sequence[Path], *, look_seconds: float) -> None:
        self._database = database
        self._packs = tuple(packs)
        self._look_seconds = look_seconds
        self._look_at = 0.0
        self._scan: Scan | None = None
        self._quick: set[str] = set()
        self._lock = anyio.Lock()

    @property
    def roots(self) -> tuple[str, ...]:
        """The packs' directories, as they stand in the store; empty before the first refresh."""
        return tuple(self._scan.signatures) if self._scan else ()

    async def refresh(self) -> None:
        """Brings the index up to date with the folders, if it is time to look."""
        if time.monotonic() < self._look_at:
            return
        async with self._lock:
            begun = time.monotonic()
            if begun < self._look_at:
                return
            found = await run_sync(_scan, self._packs)
            spent = time.monotonic() - begun
            if self._scan is None or found.signatures != self._scan.signatures:
                await self._update(found)
            self._scan = found
            if self._look_seconds:
                self._look_at = time.monotonic() + max(self._look_seconds, spent * _LOOK_SHARE)

    async def refresh_folder(self, root: str, folder: str, *, known: str | None) -> bool:
        """Brings the index up to date with one folder, now; gives whether the folder has changed.

        Args:
            root: The directory of its pack.
            folder: Its name.
            known: The signature that it had when what the caller knows of it was read.
        """
        path = f"{root}/{folder}"
        if await self._signature(path) == known:
            return False
        async with self._lock:
            found = await self._signature(path)
            kept = await self._database.look(lambda connection: rows.folder_signature(connection, root, folder))
            if kept != found:
                await self._read([(root, folder, found)])
        return True

    async def _signature(self, folder: str) -> str:
        found, seconds = _timed_signature(folder) if folder in self._quick else await run_sync(_timed_signature, folder)
        if seconds < _QUICK_SECONDS:
            self._quick.add(folder)
        else:
            self._quick.discard(folder)
        return found

    async def problems(self) -> list[FolderProblem]:
        """The folders that can't be loaded."""
        await self.refresh()
        kept = await self._database.read(lambda connection: rows.folder_problems(connection, self.roots))
        problems = [
            FolderProblem(
                pack_name(Path(root)), folder, Path(root, folder), tuple(Problem(**problem) for problem in found)
            )
            for root, folder, found in kept
        ]
        return [*(self._scan.problems if self._scan else ()), *problems]

    async def _update(self, found: Scan) -> None:
        known = await self._database.read(lambda connection: rows.folder_signatures(connection, found.signatures))
        changed = [
            (root, folder, mark)
            for root, folders in found.signatures.items()
            for folder, mark in folders.items()
            if known[root].get(folder) != mark
        ]
        for first in range(0, len(changed), _BATCH):
            await self._read(changed[first : first + _BATCH])
        gone = [(root, folder) for root in known for folder in known[root] if folder not in found.signatures[root]]

        def forget(connection: sqlite3.Connection) -> None:
            for root, folder in gone:
                rows.forget_folder(connection, root, folder)

        if gone:
            await self._database.write(forget)

    async def _read(self, folders: Sequence[tuple[str, str, str]]) -> None:
        found = await run_sync(_load, folders)

        def keep(connection: sqlite3.Connection) -> None:
            for root, folder, mark, contents in found:
                rows.save_folder(connection, root, folder, mark, contents)

        await self._database.write(keep)


def _timed_signature(folder: str) -> tuple[str, float]:
    """The signature of a folder, and how many seconds it took."""
    begun = time.perf_counter()
    found = signature(folder)
    return found, time.perf_counter() - begun


def _scan(packs: Sequence[Path]) -> Scan:
    return scan([pack.resolve() for pack in packs])


def _load(folders: Sequence[tuple[str, str, str]]) -> list[_Found]:
    return [(root, folder, mark, _load_one(Path(root), folder)) for root, folder, mark in folders]


def _load_one(root: Path, folder: str) -> ScenarioRow | list[dict[str, object]]:
    # Brings YAML and the format's models, which a start with nothing changed does without.
    from runloop_mcp.engine.scenarios.document import DocumentError  # noqa: PLC0415
    from runloop_mcp.engine.scenarios.folder import load_folder  # noqa: PLC0415

    pack = pack_name(root)
    try:
        loaded = load_folder(root / folder, pack)
    except DocumentError as error:
        return [asdict(problem) for problem in error.problems]
    return ScenarioRow(
        view=loaded.view,
        root=str(root),
        pack=pack,
        folder=folder,
        files_key=loaded.files_key,
        environment_hash=loaded.environment_hash,
        present=True,
    )
