"""Custom scorers over the wire."""

from runloop_mcp.api.groups.scorers import Scorers
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.scorer import (
    ScorerCreateParams,
    ScorerListParams,
    ScorerUpdateParams,
    ScorerValidateParams,
    ScorerValidation,
    ScorerView,
)
from runloop_mcp.cloud.context import CloudContext


class CloudScorers(Scorers):
    """Custom scorers of the cloud."""

    def __init__(self, cloud: CloudContext) -> None:
        self._cloud = cloud
        self._calls = cloud.client.scorers

    async def create(self, params: ScorerCreateParams) -> ScorerView:
        """See `Scorers.create`."""
        await self._cloud.scenarios.required()
        return await self._calls.create(params)

    async def retrieve(self, scorer_id: str) -> ScorerView:
        """See `Scorers.retrieve`."""
        await self._cloud.scenarios.required()
        return await self._calls.retrieve(scorer_id)

    async def list(self, params: ScorerListParams) -> Page[ScorerView]:
        """See `Scorers.list`."""
        await self._cloud.scenarios.required()
        return await self._calls.list(params)

    async def update(self, scorer_id: str, params: ScorerUpdateParams) -> ScorerView:
        """See `Scorers.update`."""
        await self._cloud.scenarios.required()
        return await self._calls.update(scorer_id, params)

    async def validate(self, scorer_id: str, params: ScorerValidateParams) -> ScorerValidation:
        """See `Scorers.validate`."""
        await self._cloud.scenarios.required()
        return await self._calls.validate(scorer_id, params)
