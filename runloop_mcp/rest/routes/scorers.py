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
from runloop_mcp.rest.call import Call
from runloop_mcp.rest.route import get, post

_TAG: Final = "scorers"
_NONE: Final = {404: "There is no such custom scorer."}


async def list_(call: Call, query: ScorerListParams) -> Page[ScorerView]:
    """Lists custom scorers, newest first."""
    return await call.backend.scorers.list(query)


async def create(call: Call, body: ScorerCreateParams) -> ScorerView:
    """Creates a custom scorer under a type of its own."""
    return await call.backend.scorers.create(body)


async def retrieve(call: Call, scorer_id: str) -> ScorerView:
    """Retrieves a custom scorer."""
    return await call.backend.scorers.retrieve(scorer_id)


async def update(call: Call, scorer_id: str, body: ScorerUpdateParams) -> ScorerView:
    """Replaces a custom scorer.

    Runs that have started keep the one that they started with.
    """
    return await call.backend.scorers.update(scorer_id, body)


async def validate(call: Call, scorer_id: str, body: ScorerValidateParams) -> ScorerValidation:
    """Tries a custom scorer in a devbox of its own, and tells what it gave."""
    return await call.backend.scorers.validate(scorer_id, body)


_ONE: Final = "/v1/scenarios/scorers/{scorer_id}"

ROUTES: Final = (
    get("/v1/scenarios/scorers", _TAG, list_, items="scorers"),
    post("/v1/scenarios/scorers", _TAG, create),
    get(_ONE, _TAG, retrieve, errors=_NONE),
    post(_ONE, _TAG, update, errors=_NONE),
    post(f"{_ONE}/validate", _TAG, validate, errors={**_NONE, 503: "No devbox can run here."}, is_held=True),
)
