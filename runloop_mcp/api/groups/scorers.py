"""The port of a group: custom scorers."""

from abc import ABC, abstractmethod

from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.scorer import (
    ScorerCreateParams,
    ScorerListParams,
    ScorerUpdateParams,
    ScorerValidateParams,
    ScorerValidation,
    ScorerView,
)


class Scorers(ABC):
    """Custom scorers: scripts under types of their own, which scenarios name."""

    @abstractmethod
    async def create(self, params: ScorerCreateParams) -> ScorerView:
        """Registers a custom scorer.

        Raises:
            InvalidRequest: Its type or script is not valid, or there is one of this type already.
        """

    @abstractmethod
    async def retrieve(self, scorer_id: str) -> ScorerView:
        """One custom scorer.

        Raises:
            NotFound: There is none with this id.
        """

    @abstractmethod
    async def list(self, params: ScorerListParams) -> Page[ScorerView]:
        """One page of custom scorers, newest first.

        Raises:
            InvalidRequest: `starting_after` names no custom scorer.
        """

    @abstractmethod
    async def update(self, scorer_id: str, params: ScorerUpdateParams) -> ScorerView:
        """Replaces a custom scorer; runs that have started keep the one that they started with.

        Raises:
            NotFound: There is none with this id.
            InvalidRequest: Its type or script is not valid, another has this type, or it comes from a pack.
        """

    @abstractmethod
    async def validate(self, scorer_id: str, params: ScorerValidateParams) -> ScorerValidation:
        """Runs a custom scorer once, in a devbox of its own, and tells what it gave.

        Raises:
            NotFound: There is none with this id.
            InvalidRequest: The environment is not possible here.
            InvalidState: A launch command failed.
            Unavailable: No devbox can run here.
        """
