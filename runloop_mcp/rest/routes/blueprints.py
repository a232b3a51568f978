"""Blueprints."""

from typing import Final

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.blueprint import BlueprintListParams, BlueprintLogs, BlueprintParams, BlueprintView
from runloop_mcp.rest.blueprint_preview import preview_dockerfile
from runloop_mcp.rest.call import Call
from runloop_mcp.rest.route import get, post
from runloop_mcp.rest.wire.blueprints import BlueprintPreview
from runloop_mcp.rest.wire.nothing import Nothing

_TAG: Final = "blueprints"
_NOT_FOUND: Final = {404: "Blueprint not found."}


async def list_(call: Call, query: BlueprintListParams) -> Page[BlueprintView]:
    """Lists blueprints."""
    return await call.backend.blueprints.list(query)


async def list_public(call: Call, query: BlueprintListParams) -> Page[BlueprintView]:  # noqa: ARG001 - there are none
    """Lists public blueprints, of which there are none here."""
    return Page[BlueprintView](items=[], has_more=False, total_count=0)


async def create(call: Call, body: BlueprintParams) -> BlueprintView:
    """Creates a blueprint and begins to build it.

    A Dockerfile can be built where devboxes are containers.
    """
    return await call.backend.blueprints.create(body, idempotency_key=call.idempotency_key)


async def preview(call: Call, body: BlueprintParams) -> BlueprintPreview:  # noqa: ARG001 - nothing is looked up
    """Tells what would be built, as a Dockerfile, and builds nothing."""
    if not body.name.strip():
        raise InvalidRequest("name: the name of a blueprint can't be blank.")
    return BlueprintPreview(dockerfile=preview_dockerfile(body))


async def retrieve(call: Call, blueprint_id: str) -> BlueprintView:
    """Retrieves a blueprint, also one that is deleted."""
    return await call.backend.blueprints.retrieve(blueprint_id)


async def logs(call: Call, blueprint_id: str) -> BlueprintLogs:
    """Lists what the build of a blueprint has said."""
    return await call.backend.blueprints.logs(blueprint_id)


async def delete(call: Call, blueprint_id: str) -> Nothing:
    """Deletes a blueprint that nothing uses."""
    await call.backend.blueprints.delete(blueprint_id)
    return Nothing()


ROUTES: Final = (
    get("/v1/blueprints", _TAG, list_, items="blueprints"),
    post("/v1/blueprints", _TAG, create),
    get("/v1/blueprints/list_public", _TAG, list_public, items="blueprints"),
    post("/v1/blueprints/preview", _TAG, preview, is_deduplicated=False),
    get("/v1/blueprints/{blueprint_id}", _TAG, retrieve, errors=_NOT_FOUND),
    get("/v1/blueprints/{blueprint_id}/logs", _TAG, logs, errors=_NOT_FOUND),
    post("/v1/blueprints/{blueprint_id}/delete", _TAG, delete, errors=_NOT_FOUND),
)
