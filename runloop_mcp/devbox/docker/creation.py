"""Making a devbox's container, with a hard cap on its disk where the engine's storage offers one.

Docker does over xfs that is mounted for project quotas, and over btrfs and zfs; Podman likewise. Whether it does is
found by asking for it: an engine that can't says so, and nothing has been made then.
"""

from collections.abc import Mapping
from typing import Any

from runloop_mcp.devbox.port import DevboxSpec

from .containers import DISK_SLACK, configuration
from .engine import Engine, Refused

_COUNT_THE_IMAGE = ("btrfs", "zfs")
"""Storage that counts what the image holds with what a container adds to it."""
_OF_THE_CAP = ("storage-opt", "storage opt", "quota", "storage driver")
"""Words in the refusals of engines whose storage has no sizes."""


class Creation:
    """Makes containers.

    Args:
        engine: Where.
        host: What it says of the machine that it runs on.
    """

    def __init__(self, engine: Engine, host: Mapping[str, Any]) -> None:
        self._engine = engine
        self._host = host
        self.caps_disks: bool | None = None
        """Whether the engine's storage holds disks to a size; None while nobody has asked it for that."""

    async def create(self, container: str, image: str, spec: DevboxSpec, labels: Mapping[str, str]) -> None:
        """Makes a devbox's container.

        Raises:
            Refused: The engine refuses.
        """
        cap = await self._cap(image, spec)
        try:
            await self._ask(container, image, spec, labels, cap)
        except Refused as refused:
            for_another_reason = cap is None or self.caps_disks
            if for_another_reason or not any(words in refused.message.lower() for words in _OF_THE_CAP):
                raise
            self.caps_disks = False
            await self._ask(container, image, spec, labels, None)
        else:
            if cap is not None:
                self.caps_disks = True

    async def _ask(
        self, container: str, image: str, spec: DevboxSpec, labels: Mapping[str, str], cap: int | None
    ) -> None:
        request = configuration(
            image,
            spec,
            labels,
            processors=self._host.get("NCPU"),
            podman=self._engine.is_podman,
            disk_cap=cap,
        )
        await self._engine.post("/containers/create", request, name=container)

    async def _cap(self, image: str, spec: DevboxSpec) -> int | None:
        if spec.limits.disk_bytes is None or self.caps_disks is False:
            return None
        cap = spec.limits.disk_bytes + DISK_SLACK
        if self._host.get("Driver") in _COUNT_THE_IMAGE:
            about = await self._engine.get(f"/images/{image}/json")
            cap += int(about.get("Size") or 0)
        return cap
