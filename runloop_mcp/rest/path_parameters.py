"""What stands in the paths of routes."""

from dataclasses import dataclass
from typing import Final

from runloop_mcp.api.ids import IdPrefix


@dataclass(frozen=True, slots=True)
class PathParameter:
    """A part of a path."""

    description: str
    pattern: str
    """What it looks like; everything else is answered 404."""


def _id(prefix: IdPrefix, thing: str) -> PathParameter:
    return PathParameter(f"The id of {thing}.", rf"^{prefix}_[0-9A-Za-z]{{21}}$")


PATH_PARAMETERS: Final = {
    "scenario_id": _id(IdPrefix.SCENARIO, "a scenario"),
    "run_id": _id(IdPrefix.RUN, "a scenario run"),
    "scorer_id": _id(IdPrefix.SCORER, "a custom scorer"),
    "devbox_id": _id(IdPrefix.DEVBOX, "a devbox"),
    "execution_id": _id(IdPrefix.EXECUTION, "an execution"),
    "snapshot_id": _id(IdPrefix.SNAPSHOT, "a disk snapshot"),
    "blueprint_id": _id(IdPrefix.BLUEPRINT, "a blueprint"),
    "benchmark_id": _id(IdPrefix.BENCHMARK, "a benchmark"),
    "benchmark_run_id": _id(IdPrefix.BENCHMARK_RUN, "a benchmark run"),
    "benchmark_job_id": _id(IdPrefix.BENCHMARK_JOB, "a benchmark job"),
    "agent_id": _id(IdPrefix.AGENT, "an agent"),
    "object_id": _id(IdPrefix.OBJECT, "an object"),
    "secret_id": _id(IdPrefix.SECRET, "a secret"),
    "secret_name": PathParameter("The name of a secret.", r"^[A-Za-z_][A-Za-z0-9_]{0,199}$"),
}
"""By the name that routes and their handlers give them."""
