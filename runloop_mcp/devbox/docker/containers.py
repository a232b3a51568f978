"""What a devbox's container is made with, and its end."""

import asyncio
import contextlib
import os
import resource
from collections.abc import Mapping
from typing import Any

import anyio

from runloop_mcp.api.errors import Unavailable
from runloop_mcp.devbox.port import DevboxSpec, Network

from .bootstrap import loader
from .engine import Engine, Refused

_SHARED_MEMORY = 64 << 20
_LEAST_OPEN_FILES = 64
"""The agent lives under this limit too, and holds three for each process."""
_OWN_PROCESSES = 1
_MOST_PROCESSES = 32_768
"""Of all containers of one user together, where a number has to be given."""
_MOST_OPEN_FILES = 65_536
_END_SECONDS = 60.0
DISK_SLACK = 32 << 20
"""A hard cap lies so much beyond the limit that the watchdog enforces: it ends what writes, and tells of it."""
PIPES = "/run/shells"


def configuration(
    image: str,
    spec: DevboxSpec,
    labels: Mapping[str, str],
    *,
    processors: int | None,
    podman: bool,
    disk_cap: int | None = None,
) -> dict[str, Any]:
    """The request that makes a devbox's container.

    Args:
        image: What it is made from.
        spec: The devbox's.
        labels: The container's.
        processors: How many the engine's machine has; None where that is unknown.
        podman: Whether the engine is Podman.
        disk_cap: The most bytes that its storage may let the container's disk have; None: whatever there is.
    """
    user = spec.user.uid
    own_network = spec.network is Network.NONE
    return {
        "Image": image,
        "Entrypoint": ["python3", "-I", "-S", "-c", loader()],
        "Cmd": [],
        "User": f"{user}:{user}",
        "WorkingDir": "/",
        "Labels": dict(labels),
        "OpenStdin": True,
        "StdinOnce": True,
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": False,
        "Healthcheck": {"Test": ["NONE"]},
        **({"Hostname": "devbox"} if own_network else {}),
        "HostConfig": {
            "NetworkMode": "none" if own_network else "host",
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "Tmpfs": {PIPES: "rw,nosuid,nodev,noexec,size=1m,mode=1777"},
            "ShmSize": _SHARED_MEMORY,
            "IpcMode": "private",
            "Sysctls": {"kernel.shm_rmid_forced": "1"},  # no segment of memory outlives those who have it attached
            "LogConfig": {"Type": "none"},
            "Ulimits": _ulimits(spec, podman=podman),
            **({"StorageOpt": {"size": str(disk_cap)}} if disk_cap is not None else {}),
            **_limits(spec, processors),
        },
    }


def scratch(image: str, labels: Mapping[str, str], *, podman: bool, command: list[str] | None = None) -> dict[str, Any]:
    """The request that makes a container for copying; with a command it can be started, as root and with no network."""
    return {
        "Image": image,
        "Entrypoint": command or ["true"],
        "Cmd": [],
        "User": "0:0",
        "Labels": dict(labels),
        "HostConfig": {
            "NetworkMode": "none",
            "LogConfig": {"Type": "none"},
            "Ulimits": _ulimits(DevboxSpec(), podman=podman),
        },
    }


def _ulimits(spec: DevboxSpec, *, podman: bool) -> list[dict[str, Any]]:
    limits = [_ulimit("core", 0)]
    files = spec.limits.open_files
    if files is not None:
        limits.append(_ulimit("nofile", max(_LEAST_OPEN_FILES, files)))
    if podman:  # what it chooses itself may be more than it can give
        limits.append(_ulimit("nproc", _within(resource.RLIMIT_NPROC, _MOST_PROCESSES)))
        if files is None:
            limits.append(_ulimit("nofile", _within(resource.RLIMIT_NOFILE, _MOST_OPEN_FILES)))
    return limits


def _within(name: int, wanted: int) -> int:
    hard = resource.getrlimit(name)[1]
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)


def _ulimit(name: str, value: int) -> dict[str, Any]:
    return {"Name": name, "Soft": value, "Hard": value}


def _limits(spec: DevboxSpec, processors: int | None) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if (memory := spec.limits.memory_bytes) is not None:
        limits |= {"Memory": memory, "MemorySwap": memory}
    if (cpus := spec.limits.cpus) is not None:
        limits["NanoCpus"] = int(min(cpus, processors or cpus) * 1e9)
    if (processes := spec.limits.processes) is not None:
        limits["PidsLimit"] = processes + _OWN_PROCESSES
    return limits


class ContainerEnd:
    """Sees to the end of a devbox's container, and lets its disk go then.

    Args:
        engine: Where it runs.
        container: Its name.
        lock: On the devbox, owned from now on.
    """

    def __init__(self, engine: Engine, container: str, lock: int) -> None:
        self._engine = engine
        self._container = container
        self._lock = lock
        self._ending: asyncio.Task[None] | None = None

    async def end(self) -> None:
        """Kills whatever runs in it; returns once nothing does. Can be called repeatedly, and by several at once."""
        if self._ending is None:
            self._ending = asyncio.ensure_future(self._end())
        with anyio.CancelScope(shield=True):
            await asyncio.shield(self._ending)

    async def _end(self) -> None:
        try:
            with contextlib.suppress(Unavailable):  # without its engine there is nothing to be done about it here
                await kill(self._engine, self._container)
        finally:
            os.close(self._lock)


async def kill(engine: Engine, container: str) -> None:
    """Kills a container, and returns once it has ended.

    Raises:
        Unavailable: The engine can't, or can't be reached.
    """
    try:
        await engine.post(f"/containers/{container}/kill", signal="SIGKILL")
    except Refused as refused:
        if await _runs(engine, container):
            raise Unavailable(f"The engine can't end the container {container}: {refused.message}") from refused
        return
    with contextlib.suppress(Refused):  # it is gone
        await engine.post(f"/containers/{container}/wait", seconds=_END_SECONDS, condition="not-running")


async def _runs(engine: Engine, container: str) -> bool:
    try:
        about = await engine.get(f"/containers/{container}/json")
    except Refused:
        return False
    return bool(about["State"]["Running"])
