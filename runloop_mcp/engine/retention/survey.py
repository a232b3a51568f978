"""What lies on the disks of a state directory, and what the store knows of it, at one moment."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection

from anyio import to_thread

from runloop_mcp.devbox.port import Kept, KeptKind
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.store import blueprints, built_tools, objects, retention, snapshots, users_of_bases
from runloop_mcp.engine.store.retention import DevboxRecord


@dataclass(frozen=True, slots=True)
class Survey:
    """What there is."""

    kept: Sequence[Kept]
    """What the driver keeps."""
    outputs: dict[str, int]
    """Devboxes that have a folder of outputs → when that last changed."""
    locks: dict[str, int]
    """Devboxes that have a file to lock → when that last changed."""
    records: dict[str, DevboxRecord]
    """What the store knows of each devbox."""
    file_keys: set[str]
    """The files of scenarios that can be started, and of scorers' programs."""
    built_tools: dict[str, tuple[str, int]]
    """Snapshots of what was built for scorers → its key, and when it was last used."""
    bases: set[str]
    """Snapshots that have names, or that blueprints are built into, and what devboxes began as that may be scored."""
    objects: dict[str, int]
    """The names of the contents of objects → when each last changed."""
    kept_objects: set[str]
    """Those that are needed."""
    now_ms: int


async def survey(engine: EngineContext, state: Path) -> Survey:
    """Looks at everything. The disks first: what is made meanwhile was known to the store before."""
    kept = await engine.driver.kept()
    programs = await to_thread.run_sync(engine.toolbox.file_keys)
    outputs, locks = await to_thread.run_sync(_named, state / "outputs"), await to_thread.run_sync(_locks, state)
    contents = await to_thread.run_sync(engine.objects.there)
    ids = {each.id for each in kept if each.kind is KeptKind.DEVBOX} | outputs.keys() | locks.keys()

    def look(connection: Connection) -> Survey:
        return Survey(
            kept=kept,
            outputs=outputs,
            locks=locks,
            records={record.id: record for record in retention.records(connection, ids)},
            file_keys=retention.file_keys(connection) | programs,
            built_tools=built_tools.all_of(connection),
            bases=snapshots.needed(connection)
            | blueprints.needed(connection)
            | users_of_bases.still_wanted(connection),
            objects=contents,
            kept_objects=objects.kept(connection, contents, now_ms=now_ms()),
            now_ms=now_ms(),
        )

    return await engine.database.read(look)


def _named(folder: Path) -> dict[str, int]:
    return dict(_changes(folder))


def _locks(state: Path) -> dict[str, int]:
    return {name.removesuffix(".lock"): changed for name, changed in _changes(state / "locks")}


def _changes(folder: Path) -> Iterator[tuple[str, int]]:
    try:
        entries = list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    for path in entries:
        try:
            yield path.name, path.lstat().st_ctime_ns // 1_000_000
        except FileNotFoundError:
            continue  # gone between the list and the look
