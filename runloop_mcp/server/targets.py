"""The devbox that a call works on: found by its run, and ready."""

import time
from dataclasses import dataclass
from typing import Final

from runloop_mcp.api.errors import Conflict
from runloop_mcp.api.ids import IdPrefix
from runloop_mcp.api.models.devbox import DevboxStatus, DevboxView
from runloop_mcp.api.models.run import Budget, ScenarioRunView
from runloop_mcp.server.call import Call
from runloop_mcp.server.handles import find_run, found_by
from runloop_mcp.server.rendering.quantities import budget_line, queue_text
from runloop_mcp.server.waiting import Patience, watch

SETTLED: Final = (DevboxStatus.RUNNING, DevboxStatus.FAILURE, DevboxStatus.SHUTDOWN, DevboxStatus.SUSPENDED)
"""The states of a devbox that is not on its way to another."""


@dataclass(frozen=True, slots=True)
class Target:
    """A run and its devbox, which belong together for ever; or a devbox that belongs to no run."""

    run_id: str
    """What callers name it by: a run's id, or that of a devbox that belongs to none."""
    devbox_id: str
    ends_at: float | None = None
    """When the run's time is over, on the monotonic clock."""
    time_limit_seconds: int | None = None

    def time_line(self) -> str:
        """What is left of the run's time, told without asking for it; empty where nothing limits it."""
        if self.ends_at is None:
            return ""
        left = max(round(self.ends_at - time.monotonic()), 0)
        return budget_line({"time_left_seconds": left, "time_limit_seconds": self.time_limit_seconds})


async def ready_target(call: Call, named: str, patience: Patience) -> Target:
    """The devbox of a run, once it is ready; one that has ended is left for the backend to refuse.

    Which devbox a run has is remembered, so that each further call asks the backend once less.

    Raises:
        NotFound: There is no such run that the caller may see.
        InvalidRequest: It is the id of something else.
        Conflict: The devbox is still booting at the end of patience.
    """
    if (known := call.targets.get(named)) is not None:
        return known
    if (devbox := await _standalone(call, named)) is not None:
        await _settled(call, devbox.id, f"Devbox {devbox.id}", patience)
        target = Target(devbox.id, devbox.id)
    else:
        target = await _target_of_run(call, named, patience)
    if len(call.targets) >= _REMEMBERED:
        call.targets.clear()
    call.targets[named] = target
    return target


async def _target_of_run(call: Call, named: str, patience: Patience) -> Target:
    run = await find_run(call.backend, call.principal, named)
    if booting(run):
        await _settled(call, run.devbox_id, f"The devbox of run {run.id}", patience)
        run = await find_run(call.backend, call.principal, run.id)  # its time begins with its devbox
    budget = run.x_runloop_mcp.budget if run.x_runloop_mcp else Budget()
    left = budget.time_left_seconds
    ends_at = None if left is None else time.monotonic() + left
    return Target(run.id, run.devbox_id, ends_at, budget.time_limit_seconds)


async def target_with_budget(call: Call, named: str) -> tuple[Target, Budget | None]:
    """The devbox of a run in whatever state, with what the run has left now; None for one that belongs to no run.

    Raises:
        NotFound: There is no such run or devbox that the caller may see.
        InvalidRequest: It is the id of something else.
    """
    if (devbox := await _standalone(call, named)) is not None:
        return Target(devbox.id, devbox.id), None
    run = await find_run(call.backend, call.principal, named)
    return Target(run.id, run.devbox_id), run.x_runloop_mcp.budget if run.x_runloop_mcp else None


async def _standalone(call: Call, named: str) -> DevboxView | None:
    """The devbox with this id, where it belongs to no run and the caller may work on such."""
    devbox_id = named.strip().strip("\"'`")
    if not call.operates or not devbox_id.startswith(f"{IdPrefix.DEVBOX}_"):
        return None
    with found_by(IdPrefix.DEVBOX):
        devbox = await call.backend.devboxes.retrieve(devbox_id)
    return None if belongs_to_run(devbox) else devbox


def belongs_to_run(devbox: DevboxView) -> bool:
    """Whether a devbox was made for a run."""
    return devbox.initiator_type == "scenario"


async def _settled(call: Call, devbox_id: str, name: str, patience: Patience) -> None:
    devbox = await devbox_ready(call, devbox_id, patience)
    if devbox.status not in SETTLED:
        raise Conflict(f"{name} is still {devbox_status(devbox)}, and nothing was done.", retry_after=5)


_REMEMBERED: Final = 10_000


def booting(run: ScenarioRunView) -> bool:
    """Whether the run's devbox is on its way up."""
    return run.x_runloop_mcp is not None and run.x_runloop_mcp.devbox_status not in {*SETTLED, None}


async def devbox_ready(call: Call, devbox_id: str, patience: Patience) -> DevboxView:
    """The devbox, once it is ready, has ended or patience is over."""
    return await watch(
        call,
        await call.backend.devboxes.retrieve(devbox_id),
        look=lambda seconds: call.backend.devboxes.wait(devbox_id, until=SETTLED, wait_seconds=seconds),
        done=lambda devbox: devbox.status in SETTLED,
        patience=patience,
        doing=lambda devbox: f"The devbox is {devbox_status(devbox)}",
    )


def devbox_status(devbox: DevboxView) -> str:
    """How a devbox stands, as in "provisioning", or "queued, place 3 of 12 in the queue"."""
    return str(devbox.status) + (queue_text(devbox.x_runloop_mcp.queue) if devbox.x_runloop_mcp else "")
