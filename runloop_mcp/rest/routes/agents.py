"""Agents."""

from typing import Final

from runloop_mcp.api.models.agent import AgentCreateParams, AgentDevboxCounts, AgentListParams, AgentView
from runloop_mcp.api.models.base import Page
from runloop_mcp.rest.call import Call
from runloop_mcp.rest.route import get, post
from runloop_mcp.rest.wire.nothing import Nothing

_TAG: Final = "agents"
_NOT_FOUND: Final = {404: "Agent not found."}


async def list_(call: Call, query: AgentListParams) -> Page[AgentView]:
    """Lists agents."""
    return await call.backend.agents.list(query)


async def list_public(call: Call, query: AgentListParams) -> Page[AgentView]:
    """Lists public agents."""
    return await call.backend.agents.list(query.model_copy(update={"is_public": True}))


async def create(call: Call, body: AgentCreateParams) -> AgentView:
    """Registers an agent."""
    return await call.backend.agents.create(body, idempotency_key=call.idempotency_key)


async def devbox_counts(call: Call) -> AgentDevboxCounts:
    """Counts the devboxes that are up with each agent."""
    return await call.backend.agents.devbox_counts()


async def retrieve(call: Call, agent_id: str) -> AgentView:
    """Retrieves an agent."""
    return await call.backend.agents.retrieve(agent_id)


async def delete(call: Call, agent_id: str) -> Nothing:
    """Deletes an agent; devboxes that have it keep it."""
    await call.backend.agents.delete(agent_id)
    return Nothing()


ROUTES: Final = (
    get("/v1/agents", _TAG, list_, items="agents"),
    post("/v1/agents", _TAG, create),
    get("/v1/agents/devbox_counts", _TAG, devbox_counts),
    get("/v1/agents/list_public", _TAG, list_public, items="agents"),
    get("/v1/agents/{agent_id}", _TAG, retrieve, errors=_NOT_FOUND),
    post("/v1/agents/{agent_id}/delete", _TAG, delete, errors=_NOT_FOUND),
)
