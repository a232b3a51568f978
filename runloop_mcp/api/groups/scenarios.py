"""The port of a group: what can be solved."""

from abc import ABC, abstractmethod

from runloop_mcp.api.access import LOCAL_OPERATOR, Principal
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.run import ScenarioRunView, StartRunParams
from runloop_mcp.api.models.scenario import (
    ScenarioCreateParams,
    ScenarioListParams,
    ScenarioUpdateParams,
    ScenarioView,
)


class Scenarios(ABC):
    """What can be solved."""

    @abstractmethod
    async def create(self, params: ScenarioCreateParams, *, idempotency_key: str | None = None) -> ScenarioView:
        """Keeps a new scenario.

        The same idempotency key gives the same scenario, once.

        Raises:
            InvalidRequest: A field is not valid; the message names it and says what is. Or the key was used for other
                arguments.
        """

    @abstractmethod
    async def retrieve(self, scenario_id: str) -> ScenarioView:
        """One scenario.

        Raises:
            NotFound: There is none with this id.
        """

    @abstractmethod
    async def update(self, scenario_id: str, params: ScenarioUpdateParams) -> ScenarioView:
        """Replaces parts of a scenario; runs that have started keep what they started from.

        Raises:
            NotFound: There is none with this id.
            InvalidRequest: A field is not valid, or the scenario comes from a folder, where it is edited.
        """

    @abstractmethod
    async def list(self, params: ScenarioListParams) -> Page[ScenarioView]:
        """One page of scenarios, newest first.

        Raises:
            InvalidRequest: `starting_after` names no scenario.
        """

    @abstractmethod
    async def archive(self, scenario_id: str) -> ScenarioView:
        """Takes a scenario out of lists; it can't be started any more, and its runs stay.

        Raises:
            NotFound: There is none with this id.
            InvalidRequest: It came with the program, for everybody.
        """

    @abstractmethod
    async def unarchive(self, scenario_id: str) -> ScenarioView:
        """Makes an archived scenario one that can be started again.

        Raises:
            NotFound: There is none with this id.
            InvalidRequest: It came with the program, for everybody.
        """

    @abstractmethod
    async def start_run(
        self, params: StartRunParams, *, principal: Principal = LOCAL_OPERATOR, idempotency_key: str | None = None
    ) -> ScenarioRunView:
        """Starts a run: answers at once with `running`, while its devbox may still be booting.

        Where as many devboxes are up as may be at once, its devbox is `queued`: it boots when its turn comes, first
        come first served, and the run's time begins then.

        The same idempotency key gives the same run, once.

        Raises:
            NotFound: There is no such scenario, or no such benchmark run.
            InvalidRequest: Something that the scenario requires is missing, or it is none of the benchmark run's, or
                the key was used for other arguments.
            InvalidState: The scenario is archived, its attempts are used up, or the benchmark run has ended.
            Unavailable: No devbox can run here; the hint says how to mend it.
        """
