"""The devboxes that a run is scored in. Why they are made so: docs/decisions/0003-scoring.md."""

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum

import anyio

from runloop_mcp.api.errors import ApiError, Conflict, Unavailable
from runloop_mcp.api.ids import IdPrefix, stable_id
from runloop_mcp.api.models.scoring import ScoringMode
from runloop_mcp.devbox.port import Devbox, DevboxSpec, Driver, FileData, Files, Network, WorkOf
from runloop_mcp.engine.scoring.environment import harmless
from runloop_mcp.engine.scoring.protected import restore_protected

logger = logging.getLogger(__name__)

_REMOVE_SECONDS = 30.0
_SLOTS = ("first", "second", "third")
"""No more are there at once: the one at work, the one that the next function gets, and the last one on its way out."""


class Purpose(StrEnum):
    """What devboxes are there for."""

    SCORING = "scoring"
    """The score of the run."""
    RESCORING = "rescoring"
    """A later one."""


class ScoredDiskFailure(Unavailable):
    """What lies on the scored disk, or what its code does, kept a function from being scored: not the solver's gain."""


class ScoringDevboxes(ABC):
    """Where the functions of a contract are scored, one after the other."""

    mode: ScoringMode
    tries: int
    """How often a function is tried whose devbox is lost under it."""

    def __init__(self, mode: ScoringMode) -> None:
        self.mode = mode
        self.restored_files: list[str] = []
        """Protected files that were not as they had been and were put back, relative to the working directory."""

    @abstractmethod
    async def next(self, *, further: bool) -> Devbox:
        """The devbox for the next function, or for another try.

        Args:
            further: Whether another one will be asked for after it.

        Raises:
            ScoredDiskFailure: What lies on the scored disk keeps it from being prepared.
            Unavailable: It can't be made, so nothing is scored.
        """


class OneDevbox(ScoringDevboxes):
    """One devbox for all functions: one that no solver has been in, or, with what is to be scored of it, a solver's.

    Args:
        devbox: The devbox.
        disk: What is known of a solver's devbox, which is scored in place.
    """

    tries = 1

    def __init__(self, devbox: Devbox, disk: "ScoredDisk | None" = None) -> None:
        super().__init__(ScoringMode.CLEAN if disk is None else ScoringMode.LIVE)
        self._devbox = devbox
        self._disk = disk

    async def next(self, *, further: bool) -> Devbox:  # noqa: ARG002 - always the same
        """See `ScoringDevboxes.next`."""
        if (disk := self._disk) is not None:
            self._disk = None
            self.restored_files = await _restore(self._devbox, disk)
        return self._devbox


@dataclass(frozen=True, slots=True)
class ScoredDisk:
    """What is scored, and what is known of it from before the solver came."""

    frozen_snapshot_id: str
    """The solver's disk at the instant when its score was asked for."""
    pristine_home_snapshot_id: str | None
    """The snapshot with the home as it was before the solver came; None: an empty one."""
    protected_names: Sequence[str]
    """The base names of the protected files."""
    pristine: Mapping[str, FileData]
    """Those files as they were before the solver came, by path relative to the working directory."""
    read_only: Mapping[str, Files | WorkOf] = field(default_factory=dict)
    """What lies in a scoring devbox for its scorers; in `live` mode it was there from the start."""


class FreshDevboxes(ScoringDevboxes):
    """A fork of the frozen disk for each function; the next is made while one is at work.

    Args:
        driver: Makes them.
        like: The solver's devbox, whose limits, user and working directory they have.
        disk: What is scored.
        mode: What they are made of; not `live`.
        purpose: Whether the run's own score comes of it or a later one: those devboxes may be there at the same time.
    """

    tries = 3

    def __init__(self, driver: Driver, like: DevboxSpec, disk: ScoredDisk, mode: ScoringMode, purpose: Purpose) -> None:
        super().__init__(mode)
        self._driver = driver
        self._disk = disk
        frozen = disk.frozen_snapshot_id
        self._spec = replace(
            like,
            files=None,
            home_snapshot=disk.pristine_home_snapshot_id if mode is ScoringMode.CLEAN else frozen,
            work_snapshot=frozen,
            read_only=disk.read_only,
            environment=harmless(like.environment),
            network=Network.NONE,
            guards=True,
        )
        self._ids = scoring_devbox_ids(frozen, purpose)
        self._made = 0
        self._at_work: str | None = None
        self._coming: asyncio.Task[Devbox] | None = None
        self._leaving: dict[str, asyncio.Task[None]] = {}

    async def next(self, *, further: bool) -> Devbox:
        """See `ScoringDevboxes.next`."""
        coming = self._coming or self._begin()
        devbox = await asyncio.shield(coming)  # who is cancelled here leaves it to `close`
        self._coming = None
        if self._at_work is not None:
            self._leaving[self._at_work] = asyncio.create_task(self._driver.remove(self._at_work))
        self._at_work = devbox.id
        if further:
            self._begin()
        return devbox

    def _begin(self) -> asyncio.Task[Devbox]:
        devbox_id = self._ids[self._made % len(self._ids)]
        self._made += 1
        self._coming = asyncio.create_task(self._make(devbox_id))
        return self._coming

    async def _make(self, devbox_id: str) -> Devbox:
        with _preparing():
            if (leaving := self._leaving.pop(devbox_id, None)) is not None:
                await asyncio.shield(leaving)
            await self._driver.remove(devbox_id)  # what an attempt that was interrupted has left
            devbox = await self._driver.create(devbox_id, self._spec)
        self.restored_files = await _restore(devbox, self._disk)
        return devbox

    async def close(self) -> None:
        """Takes all of them away."""
        if self._coming is not None:
            self._coming.cancel()
        for task in filter(None, (self._coming, *self._leaving.values())):
            await asyncio.wait({task})
            if not task.cancelled():
                task.exception()  # looked at: nobody else may have
        for devbox_id in self._ids:
            try:
                await self._driver.remove(devbox_id)
            except ApiError as error:  # gc finds it; the score that is there is not worth less for it
                logger.warning("The scoring devbox %s could not be removed: %s", devbox_id, error)


async def _restore(devbox: Devbox, disk: ScoredDisk) -> list[str]:
    try:
        return await restore_protected(devbox, disk.protected_names, disk.pristine)
    except Unavailable as error:
        raise ScoredDiskFailure(error.message, hint="Score the run again.", retryable=True) from error


@asynccontextmanager
async def fresh_devboxes(
    driver: Driver, like: DevboxSpec, disk: ScoredDisk, mode: ScoringMode, *, purpose: Purpose = Purpose.SCORING
) -> AsyncIterator[FreshDevboxes]:
    """Devboxes to score in; they are gone after the block, and the frozen snapshot stays.

    What an attempt that was interrupted has left of them is taken away by the next.
    """
    devboxes = FreshDevboxes(driver, like, disk, mode, purpose)
    try:
        yield devboxes
    finally:
        with anyio.move_on_after(_REMOVE_SECONDS, shield=True):
            await devboxes.close()


def scoring_devbox_ids(frozen_snapshot_id: str, purpose: Purpose) -> tuple[str, ...]:
    """The devboxes that a frozen disk is scored in: the same for every attempt, so that what one left is found."""
    return tuple(stable_id(IdPrefix.DEVBOX, purpose, slot, frozen_snapshot_id) for slot in _SLOTS)


async def freeze(driver: Driver, solver: Devbox, snapshot_id: str) -> bool:
    """Keeps the solver's disk as it is now, unless that was done when the score was asked for: that counts.

    Returns:
        Whether it was done now.

    Raises:
        Unavailable: It can't be kept, so nothing is scored.
    """
    done = False
    with _preparing(), contextlib.suppress(Conflict):
        await driver.snapshot(solver.id, snapshot_id)
        done = True
    return done


@contextmanager
def _preparing() -> Iterator[None]:
    """What goes wrong in here is ours, whatever the driver calls it."""
    try:
        yield
    except Unavailable:
        raise
    except ApiError as error:
        raise Unavailable(
            f"The scoring devbox could not be made: {error}", hint="Score the run again.", retryable=True
        ) from error
