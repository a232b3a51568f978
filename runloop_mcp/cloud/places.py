"""Where commands start on a devbox, and which run it belongs to: asked once for each devbox."""

from dataclasses import dataclass
from typing import Final

from runloop_mcp.api.errors import ApiError
from runloop_mcp.api.models.devbox import DevboxStatus, DevboxView
from runloop_mcp.client.runloop_client import RunloopClient

HOME: Final = "~"
_REMEMBERED: Final = 10_000
_UNDER_WAY: Final = frozenset({DevboxStatus.QUEUED, DevboxStatus.PROVISIONING, DevboxStatus.INITIALIZING})


@dataclass(frozen=True, slots=True)
class Place:
    """A devbox's working directory, and its run."""

    directory: str
    """An absolute path, or `~` where nobody said."""
    run_id: str | None


class Places:
    """Remembers the places of devboxes, which stay what they are."""

    def __init__(self, client: RunloopClient) -> None:
        self._client = client
        self._known: dict[str, Place] = {}

    async def of(self, devbox_id: str) -> Place:
        """The place of a devbox.

        Raises:
            NotFound: There is no such devbox.
        """
        if (known := self._known.get(devbox_id)) is not None:
            return known
        view = await self._client.devboxes.retrieve(devbox_id)
        return await self.learn(view)

    async def learn(self, view: DevboxView) -> Place:
        """The place of a devbox that was just seen."""
        run_id = view.initiator_id if view.initiator_type == "scenario" else None
        directory = view.x_runloop_mcp.working_directory if view.x_runloop_mcp else ""
        if not directory and run_id is not None:
            directory = await self._of_scenario(run_id)
        place = Place(directory or HOME, run_id)
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        if view.status not in _UNDER_WAY or directory:
            self._known[view.id] = place
        return place

    def set(self, devbox_id: str, place: Place) -> None:
        """Remembers what its run told."""
        self._known[devbox_id] = place

    async def _of_scenario(self, run_id: str) -> str:
        try:
            run = await self._client.runs.retrieve(run_id)
            scenario = await self._client.scenarios.retrieve(run.scenario_id)
        except ApiError:
            return ""  # the home does for commands, and the call that needs scenarios says what is wrong
        return (scenario.environment and scenario.environment.working_directory) or ""
