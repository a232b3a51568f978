"""A devbox in a container, seen from outside."""

import contextlib
from collections.abc import Mapping, Sequence

from runloop_mcp.api.errors import Unavailable
from runloop_mcp.devbox.port import HOME, DevboxSpec, LimitHit
from runloop_mcp.devbox.sandbox.arguments import environment_bytes
from runloop_mcp.devbox.sandbox.process import Spawn
from runloop_mcp.devbox.sandbox.supervised import ENVIRONMENT

from .agent_devbox import AgentDevbox
from .attachment import Attachment
from .containers import ContainerEnd
from .engine import Engine, Refused

_HITS = {1: LimitHit.MEMORY, 2: LimitHit.PROCESSES}
_NOT_THE_IMAGES = frozenset({"HOME", "USER", "LOGNAME", "HOSTNAME", "TERM", "container"})
"""Variables that are the devbox's or the engine's own, whatever an image says."""


class DockerDevbox(AgentDevbox):
    """A container whose agent answers on its standard streams.

    Args:
        devbox_id: Its id.
        spec: What it is made of.
        engine: Where its container runs.
        container: The container's name.
        variables: The image's, as the engine tells them.
        attachment: The container's streams, owned from now on.
        end: Sees to the container's end.
        spawn: Runs what must go on when nobody waits.
    """

    def __init__(
        self,
        devbox_id: str,
        spec: DevboxSpec,
        engine: Engine,
        container: str,
        variables: Sequence[str],
        attachment: Attachment,
        end: ContainerEnd,
        spawn: Spawn,
    ) -> None:
        self._engine = engine
        self._container = container
        self._end_of_container = end
        super().__init__(devbox_id, spec, attachment, spawn)
        self._environment = environment_bytes(_environment(spec, variables))

    def _on_answer(self, word: str, token: int, number: int, text: str, descriptor: int | None) -> None:
        if word == "hit":
            if number in _HITS:
                self.limits.hit(_HITS[number])
            return
        super()._on_answer(word, token, number, text, descriptor)

    async def _clean_up(self) -> None:
        await self._end_of_container.end()

    async def disk_bytes(self) -> int | None:
        """What has changed on its disk since it was made, in bytes; 0 where nobody can say."""
        with contextlib.suppress(Unavailable, Refused):
            about = await self._engine.get(f"/containers/{self._container}/json", size=True)
            return int(about.get("SizeRw") or 0)
        return 0


def _environment(spec: DevboxSpec, variables: Sequence[str]) -> Mapping[str, str]:
    """What every command begins with: ours, over that the image's, over that the spec's."""
    images = dict(variable.split("=", 1) for variable in variables if "=" in variable)
    images = {name: value for name, value in images.items() if name and name not in _NOT_THE_IMAGES}
    own = {"HOME": HOME, "USER": spec.user.name, "LOGNAME": spec.user.name}
    return {**ENVIRONMENT, **images, **own, **spec.environment}
