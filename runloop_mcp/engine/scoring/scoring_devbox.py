"""The devbox that a run is scored in. Why it is made so: docs/decisions/0003-scoring.md."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace

import anyio

from runloop_mcp.api.errors import ApiError, Conflict, Unavailable
from runloop_mcp.api.ids import IdPrefix, stable_id
from runloop_mcp.api.models.scoring import ScoringMode
from runloop_mcp.devbox.port import Devbox, DevboxSpec, Driver, FileData, Files, Network, WorkOf
from runloop_mcp.engine.scoring.environment import harmless
from runloop_mcp.engine.scoring.protected import restore_protected

_REMOVE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class PreparedScoring:
    """A devbox that scorers can run in."""

    devbox: Devbox
    restored_files: list[str]
    """Protected files that were not as they had been and were put back, relative to the working directory."""
    mode: ScoringMode


@asynccontextmanager
async def scoring_devbox(
    driver: Driver,
    solver: Devbox,
    *,
    mode: ScoringMode,
    frozen_snapshot_id: str,
    pristine_home_snapshot_id: str | None,
    protected_names: Sequence[str],
    pristine: Mapping[str, FileData],
    read_only: Mapping[str, Files | WorkOf] | None = None,
) -> AsyncIterator[PreparedScoring]:
    """Prepares a devbox for scoring; it is gone after the block, and the frozen snapshot stays.

    Args:
        driver: Makes it.
        solver: The solver's devbox, booted or stopped.
        mode: What it is made of.
        frozen_snapshot_id: Names the solver's disk at the instant when its score was asked for. Where there is such a
            snapshot already, an interrupted scoring begins again, and that snapshot is what counts.
        pristine_home_snapshot_id: The snapshot with the home as it was before the solver came; None: an empty one.
        protected_names: The base names of the protected files.
        pristine: Those files as they were before the solver came, by path relative to the working directory.
        read_only: What lies in it for its scorers; in `live` mode it was there from the start.

    Raises:
        Unavailable: It can't be prepared, so nothing is scored.
    """
    if mode is ScoringMode.LIVE:
        restored = await restore_protected(solver, protected_names, pristine)
        yield PreparedScoring(solver, restored, mode)
        return
    devbox_id = scoring_devbox_id(frozen_snapshot_id)
    try:
        with _preparing():
            await _freeze(driver, solver, frozen_snapshot_id)
            home = pristine_home_snapshot_id if mode is ScoringMode.CLEAN else frozen_snapshot_id
            spec = replace(
                solver.spec,
                files=None,
                home_snapshot=home,
                work_snapshot=frozen_snapshot_id,
                read_only=read_only or {},
                environment=harmless(solver.spec.environment),
                network=Network.NONE,
            )
            devbox = await _create_anew(driver, devbox_id, spec)
            restored = await restore_protected(devbox, protected_names, pristine)
        yield PreparedScoring(devbox, restored, mode)
    finally:
        with anyio.move_on_after(_REMOVE_SECONDS, shield=True):
            await driver.remove(devbox_id)


def scoring_devbox_id(frozen_snapshot_id: str) -> str:
    """The devbox that a frozen disk is scored in: the same for every attempt, so that what is left of one is found."""
    return stable_id(IdPrefix.DEVBOX, "scoring", frozen_snapshot_id)


async def _freeze(driver: Driver, solver: Devbox, snapshot_id: str) -> None:
    try:
        await driver.snapshot(solver.id, snapshot_id)
    except Conflict:  # it was taken when the score was asked for; what was changed since does not count
        return


async def _create_anew(driver: Driver, devbox_id: str, spec: DevboxSpec) -> Devbox:
    try:
        return await driver.create(devbox_id, spec)
    except Conflict:
        await driver.remove(devbox_id)
        return await driver.create(devbox_id, spec)


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
