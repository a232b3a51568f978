"""Takes away what can go: for a person who asks, and now and then for the server itself."""

import contextlib
import logging
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from anyio import to_thread

from runloop_mcp.api.errors import ApiError, Conflict
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.file_lock import FileLock
from runloop_mcp.engine.retention.plan import Item, Step, What, Why, over_age, over_size, sort_out
from runloop_mcp.engine.retention.survey import survey
from runloop_mcp.engine.secrets.file import SecretsFile
from runloop_mcp.engine.servers import Servers
from runloop_mcp.engine.store import built_tools, retention
from runloop_mcp.engine.store.retention import DevboxRecord

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 600.0
_PASS_SECONDS = 3600.0
"""How far apart the passes are that all servers of a state directory make together."""
_PASS_LASTS_SECONDS = 60.0
"""After so long a server's own pass leaves the rest to the next one."""


@dataclass(frozen=True, slots=True)
class Removal:
    """Something that was taken away, or would be."""

    what: What
    id: str
    why: Why
    size: int
    """In bytes."""
    run_id: str | None


@dataclass(slots=True)
class Collected:
    """What was taken away, or would be."""

    removals: list[Removal] = field(default_factory=list)
    in_use: int = 0
    """Things that could go, but for a server that has them just now."""

    @property
    def size(self) -> int:
        """In bytes, all together."""
        return sum(removal.size for removal in self.removals)


class Collector:
    """Takes away what can go from a state directory.

    Args:
        engine: Whose it is.
        state: The directory.
        servers: This server among those that are at work on it.
        secrets: The file of secrets, of which a server that was killed may have left half a new one.
    """

    def __init__(self, engine: EngineContext, state: Path, servers: Servers, secrets: SecretsFile) -> None:
        self._engine = engine
        self._state = state
        self._servers = servers
        self._secrets = secrets
        self._turn = state / "gc.lock"
        self._sizes: dict[tuple[What, str], int] = {}
        """Of what is kept for a limited time, which does not change any more: looked at once."""

    async def run(self) -> None:
        """Makes a pass when one is due, for ever: seldom, for a short time, and one server at a time."""
        while True:
            try:
                if await to_thread.run_sync(self._due):
                    with anyio.move_on_after(_PASS_LASTS_SECONDS):
                        await self.collect(serving=True)
            except Conflict:
                logger.debug("Another server is at it")
            except ApiError as error:
                logger.warning("Removing what is not needed any more failed, and is tried again: %s", error)
            except Exception:
                # The boundary of a background task: what is left over must not end the server.
                logger.exception("Removing what is not needed any more failed")
            await anyio.sleep(_LOOK_SECONDS)

    def _due(self) -> bool:
        try:
            last_ms = self._turn.stat().st_mtime_ns // 1_000_000
        except FileNotFoundError:
            return True
        return last_ms + _PASS_SECONDS * 1000 <= now_ms()

    async def collect(self, *, dry_run: bool = False, serving: bool = False) -> Collected:
        """Takes away what can go.

        Args:
            dry_run: Only says what would go.
            serving: Whether this server has clients, for which it may be making something just now.

        Raises:
            Conflict: Another process is at it.
        """
        settings = self._engine.settings
        async with self._alone_at_it():
            found = await survey(self._engine, self._state)
            # Asked after the look: what is in the making then has its maker among those who are there.
            alone = await to_thread.run_sync(self._servers.alone) and not serving
            sorted_out = sort_out(found, grace_ms=0 if alone else round(settings.leftover_seconds * 1000))
            if not dry_run:
                await to_thread.run_sync(self._secrets.remove_leftover)
                await to_thread.run_sync(self._servers.tidy)
            aged = over_age(sorted_out.retained, now_ms=found.now_ms, days=settings.retention_days)
            collected = Collected()
            for step in [*sorted_out.leftovers, *aged]:
                await self._take(step, collected, dry_run=dry_run)
            for step in await self._over_size(sorted_out.retained[len(aged) :]):
                step.why = Why.SIZE
                await self._take(step, collected, dry_run=dry_run)
        return collected

    @contextlib.asynccontextmanager
    async def _alone_at_it(self) -> AsyncIterator[None]:
        turn = FileLock(self._turn, taken="Another process is removing what is not needed any more")
        await to_thread.run_sync(turn.acquire)
        try:
            yield
        finally:
            # The file stays: when it was last written says when the last pass was.
            turn.release(forget=False)

    async def _over_size(self, retained: Sequence[Step]) -> list[Step]:
        sized = [(step, sum([await self._size(item, unchanging=True) for item in step.items])) for step in retained]
        current = {(item.what, item.id) for step in retained for item in step.items}
        self._sizes = {key: size for key, size in self._sizes.items() if key in current}
        return over_size(sized, limit=self._engine.settings.retention_bytes)

    async def _take(self, step: Step, collected: Collected, *, dry_run: bool) -> None:
        """Takes a step, unless somebody has the devbox that it is about."""
        if step.record is not None:
            devbox_id: str | None = step.record.id
        else:
            # One that no run knows may have its lock all the same, such as one that something is built in.
            devbox_id = next((item.id for item in step.items if item.what in (What.LOCK, What.DEVBOX)), None)
        try:
            async with self._holding(devbox_id, dry_run=dry_run):
                await self._take_held(step, collected, dry_run=dry_run)
        except Conflict:
            collected.in_use += len(step.items)

    async def _take_held(self, step: Step, collected: Collected, *, dry_run: bool) -> None:
        record = step.record
        run_id = record.run_id if record is not None else None
        inline = await self._inline(record) if step.prunes and record is not None else 0
        key = step.tools
        if key is not None and not dry_run:
            await self._engine.database.write(lambda connection: built_tools.forget(connection, key))
        whole = True
        for item in step.items:
            size = await self._size(item)
            gone = not (item.kept is not None and item.kept.in_use) if dry_run else await self._remove(item)
            if not gone:
                whole = False
                collected.in_use += 1
                continue
            if item.what is What.OUTPUT:
                size, inline = size + inline, 0
            collected.removals.append(Removal(item.what, item.id, step.why, size, run_id))
        if step.prunes and whole and record is not None:
            if not dry_run:
                await self._engine.database.write(lambda connection: retention.prune(connection, record, now_ms()))
            if inline:
                collected.removals.append(Removal(What.OUTPUT, record.id, step.why, inline, run_id))

    @contextlib.asynccontextmanager
    async def _holding(self, devbox_id: str | None, *, dry_run: bool) -> AsyncIterator[None]:
        """Holds a devbox, so that no server takes it meanwhile; afterwards its lock is gone.

        Raises:
            Conflict: A server that lives holds it.
        """
        if devbox_id is None:
            yield
            return
        lock = self._engine.keeper.lock(devbox_id)
        if dry_run:
            if await to_thread.run_sync(lock.held_elsewhere):
                raise Conflict("A server holds the devbox.")
            yield
            return
        await to_thread.run_sync(lock.acquire)
        try:
            yield
        finally:
            lock.release(forget=True)

    async def _inline(self, record: DevboxRecord) -> int:
        return await self._engine.database.read(lambda connection: retention.inline_bytes(connection, record.id))

    async def _remove(self, item: Item) -> bool:
        if item.what is What.LOCK:
            return True  # it goes with our hold on it
        if item.kept is not None:
            return await self._engine.driver.discard(item.kept)
        if item.what is What.OBJECT:
            await to_thread.run_sync(self._engine.objects.remove, item.id)
            return True
        await to_thread.run_sync(_remove_files, self._outputs(item))
        return True

    async def _size(self, item: Item, *, unchanging: bool = False) -> int:
        if unchanging and (item.what, item.id) in self._sizes:
            return self._sizes[item.what, item.id]
        if item.what is What.LOCK:
            return 0
        if item.kept is not None:
            size = await self._engine.driver.kept_bytes(item.kept)
        elif item.what is What.OBJECT:
            size = await to_thread.run_sync(self._engine.objects.size, item.id)
        else:
            size = await to_thread.run_sync(_size_of_files, self._outputs(item))
        if unchanging:
            self._sizes[item.what, item.id] = size
        return size

    def _outputs(self, item: Item) -> Path:
        return self._state / "outputs" / item.id


def _remove_files(folder: Path) -> None:
    import shutil  # noqa: PLC0415 - a server's start need not pay for it

    shutil.rmtree(folder, ignore_errors=True)


def _size_of_files(folder: Path) -> int:
    """The bytes on the disk of a folder of plain files, which may go meanwhile."""
    total = 0
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                total += entry.stat(follow_symlinks=False).st_blocks * 512
    return total
