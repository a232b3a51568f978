"""Custom scorers."""

from typing import Final

from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.scorer import (
    ScorerCreateParams,
    ScorerListParams,
    ScorerUpdateParams,
    ScorerValidateParams,
    ScorerValidation,
    ScorerView,
)
from runloop_mcp.client.ask import place
from runloop_mcp.client.bodies import body_of, query_of
from runloop_mcp.client.calls import Calls

_ALL: Final = "/v1/scenarios/scorers"
_ONE: Final = "/v1/scenarios/scorers/{}"


class ScorerCalls(Calls):
    """Custom scorers of the API."""

    async def create(self, params: ScorerCreateParams) -> ScorerView:
        """Registers one."""
        return await self._post(ScorerView, _ALL, body_of(params))

    async def retrieve(self, scorer_id: str) -> ScorerView:
        """One custom scorer."""
        return await self._get(ScorerView, place(_ONE, scorer_id))

    async def list(self, params: ScorerListParams) -> Page[ScorerView]:
        """One page of custom scorers, newest first."""
        return await self._page(ScorerView, _ALL, "scorers", query_of(params))

    async def update(self, scorer_id: str, params: ScorerUpdateParams) -> ScorerView:
        """Replaces one."""
        return await self._post(ScorerView, place(_ONE, scorer_id), body_of(params))

    async def validate(self, scorer_id: str, params: ScorerValidateParams) -> ScorerValidation:
        """Runs it once, on a devbox of its own."""
        path = place(_ONE + "/validate", scorer_id)
        return await self._post(ScorerValidation, path, body_of(params), long=True)
