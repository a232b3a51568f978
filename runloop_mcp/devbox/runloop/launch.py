"""What a devbox is asked for at the API."""

import math
from collections.abc import Mapping
from typing import Any

from runloop_mcp.api.models.devbox import DevboxCreateParams
from runloop_mcp.api.models.scenario import LaunchParameters
from runloop_mcp.devbox.port import DevboxSpec, Limits, User

_GIB = 1024**3
_SIZES = (
    ("X_SMALL", 0.5, 1, 4),
    ("SMALL", 1, 2, 4),
    ("MEDIUM", 2, 4, 8),
    ("LARGE", 2, 8, 16),
    ("X_LARGE", 4, 16, 16),
    ("XX_LARGE", 8, 32, 16),
)
"""The API's sizes: processors, and GiB of memory and disk."""
_MOST_CPUS, _MOST_MEMORY, _MOST_DISK = 16, 64, 64
_LEAST_PER_CPU, _MOST_PER_CPU = 2, 8
"""How many GiB of memory a processor comes with."""


def params(
    spec: DevboxSpec,
    name: str,
    metadata: Mapping[str, str],
    keep_alive_seconds: int,
    snapshot_id: str | None,
    blueprint: str | None,
) -> DevboxCreateParams:
    """The request that makes a devbox.

    Args:
        spec: The devbox's.
        name: What it is called at Runloop.
        metadata: By which it is found again.
        keep_alive_seconds: After so long without a word it is shut down.
        snapshot_id: The snapshot that it is made from, as the API calls it; else the blueprint, else the API's choice.
        blueprint: A blueprint's id or name.
    """
    launch: dict[str, Any] = {"keep_alive_time_seconds": keep_alive_seconds, **size_of(spec.limits)}
    if spec.user != User():
        launch["user_parameters"] = {"username": spec.user.name, "uid": spec.user.uid}
    base: dict[str, Any] = {}
    if snapshot_id is not None:
        base["snapshot_id"] = snapshot_id
    elif blueprint:
        base["blueprint_id" if blueprint.startswith("bpt_") else "blueprint_name"] = blueprint
    launch_parameters = LaunchParameters.model_validate(launch)
    return DevboxCreateParams(name=name, metadata=dict(metadata), launch_parameters=launch_parameters, **base)


def size_of(limits: Limits) -> dict[str, Any]:
    """The smallest size that has what a devbox may use: the limits are met from above, as sizes come in steps."""
    if limits.cpus is None and limits.memory_bytes is None and limits.disk_bytes is None:
        return {}
    cpus = limits.cpus or 0.5
    memory = (limits.memory_bytes or 0) / _GIB
    disk = (limits.disk_bytes or 0) / _GIB
    for name, *has in _SIZES:
        if all(wanted <= there for wanted, there in zip((cpus, memory, disk), has, strict=True)):
            return {"resource_size_request": name}
    cpus = 1 if cpus <= 1 else min(_even(cpus), _MOST_CPUS)
    memory = min(_even(max(memory, cpus * _LEAST_PER_CPU)), _MOST_MEMORY)
    if memory > cpus * _MOST_PER_CPU:
        cpus = _even(memory / _MOST_PER_CPU)
    return {
        "resource_size_request": "CUSTOM_SIZE",
        "custom_cpu_cores": cpus,
        "custom_gb_memory": int(memory),
        "custom_disk_size": min(_even(max(disk, 2)), _MOST_DISK),
    }


def _even(number: float) -> int:
    return 2 * math.ceil(number / 2)
