"""The `Agents` port of the embedded engine."""

from sqlite3 import Connection

from runloop_mcp.api.errors import InvalidRequest, NotFound
from runloop_mcp.api.groups.agents import Agents
from runloop_mcp.api.ids import IdPrefix, new_id
from runloop_mcp.api.models.agent import AgentCreateParams, AgentDevboxCounts, AgentListParams, AgentView
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.storage_object import ObjectState
from runloop_mcp.engine.agents.checks import refuse_bad_agent
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.store import agents, devboxes, idempotency, objects
from runloop_mcp.engine.store.database import Database


class EngineAgents(Agents):
    """Agents of the embedded engine. What they come from is fetched when one is mounted."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, params: AgentCreateParams, *, idempotency_key: str | None = None) -> AgentView:
        """See `Agents.create`."""
        refuse_bad_agent(params)
        now = now_ms()
        view = AgentView(
            id=new_id(IdPrefix.AGENT),
            name=params.name,
            create_time_ms=now,
            source=params.source,
            version=params.version,
        )

        def work(connection: Connection) -> AgentView:
            _refuse_missing_object(connection, params, now)
            made = idempotency.once(
                connection,
                "create_agent",
                idempotency_key,
                params,
                target_id=view.id,
                now_ms=now,
                make=lambda: agents.insert(connection, view),
            )
            return agents.get(connection, made)

        return await self._database.write(work)

    async def retrieve(self, agent_id: str) -> AgentView:
        """See `Agents.retrieve`."""
        return await self._database.read(lambda connection: agents.get(connection, agent_id))

    async def list(self, params: AgentListParams) -> Page[AgentView]:
        """See `Agents.list`."""
        views, total, more = await self._database.read(lambda connection: agents.page(connection, params))
        return Page(items=views, has_more=more, total_count=total)

    async def delete(self, agent_id: str) -> None:
        """See `Agents.delete`."""
        await self._database.write(lambda connection: agents.delete(connection, agent_id, now_ms=now_ms()))

    async def devbox_counts(self) -> AgentDevboxCounts:
        """See `Agents.devbox_counts`."""
        counts = await self._database.read(devboxes.count_agents)
        return AgentDevboxCounts(counts=counts, total_count=sum(counts.values()))


def _refuse_missing_object(connection: Connection, params: AgentCreateParams, now: int) -> None:
    source = params.source.object if params.source is not None and params.source.type == "object" else None
    if source is None:
        return
    try:
        row = objects.get(connection, source.object_id, now_ms=now)
    except NotFound as error:
        raise InvalidRequest(f"source.object: {error.message}", hint="Upload it first.") from error
    if row.state is ObjectState.DELETED:
        raise InvalidRequest(f"source.object: the object {row.id} is deleted.", hint="Upload it anew.")
