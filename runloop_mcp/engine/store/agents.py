"""Agents in the database. Every function runs on the database's threads, inside its transaction."""

import sqlite3

from runloop_mcp.api.errors import NotFound
from runloop_mcp.api.models.agent import AgentListParams, AgentSource, AgentView
from runloop_mcp.engine.store.paging import Filters, Listing

_COLUMNS = "id, name, version, create_time_ms, source"
_LISTING = Listing("agents", _COLUMNS, "agent")


def _view(values: tuple[object, ...]) -> AgentView:
    fields = dict(zip(_COLUMNS.split(", "), values, strict=True))
    source = fields["source"]
    return AgentView.model_validate(
        {**fields, "source": AgentSource.model_validate_json(str(source)) if source else None}
    )


def insert(connection: sqlite3.Connection, view: AgentView) -> None:
    """Keeps a new agent."""
    source = view.source.model_dump_json(exclude_none=True) if view.source else None
    connection.execute(
        f"INSERT INTO agents ({_COLUMNS}) VALUES (?,?,?,?,?)",  # noqa: S608 - constant column names
        (view.id, view.name, view.version, view.create_time_ms, source),
    )


def get(connection: sqlite3.Connection, agent_id: str) -> AgentView:
    """One agent.

    Raises:
        NotFound: There is none with this id (any more).
    """
    values = connection.execute(
        f"SELECT {_COLUMNS} FROM agents WHERE id = ? AND delete_time_ms IS NULL",  # noqa: S608 - constant column names
        (agent_id,),
    ).fetchone()
    if values is None:
        raise NotFound(
            f"There is no agent {agent_id!r}.",
            hint="Agent ids begin with agt_; list the agents to see those there are.",
        )
    return _view(values)


def kept(connection: sqlite3.Connection, agent_id: str) -> AgentView | None:
    """One agent, also one that is deleted, if there ever was it."""
    values = connection.execute(
        f"SELECT {_COLUMNS} FROM agents WHERE id = ?",  # noqa: S608 - constant column names
        (agent_id,),
    ).fetchone()
    return None if values is None else _view(values)


def newest(connection: sqlite3.Connection, name: str) -> AgentView | None:
    """The newest agent of a name, if there is one."""
    values = connection.execute(
        f"SELECT {_COLUMNS} FROM agents WHERE name = ? AND delete_time_ms IS NULL ORDER BY number DESC LIMIT 1",  # noqa: S608 - constant column names
        (name,),
    ).fetchone()
    return None if values is None else _view(values)


def page(connection: sqlite3.Connection, params: AgentListParams) -> tuple[list[AgentView], int, bool]:
    """One page, newest first; how many match in all; and whether there are more.

    Raises:
        InvalidRequest: `starting_after` names no agent.
    """
    filters = Filters()
    filters.add("delete_time_ms IS NULL")
    filters.equal("name", params.name)
    filters.equal("version", params.version)
    filters.contains("id || ' ' || name", params.search)
    if params.is_public:
        filters.add("0")  # none is
    rows, total, more = _LISTING.page(connection, filters, limit=params.limit, starting_after=params.starting_after)
    return [_view(values) for values in rows], total, more


def delete(connection: sqlite3.Connection, agent_id: str, *, now_ms: int) -> None:
    """Deletes an agent.

    Raises:
        NotFound: There is none with this id (any more).
    """
    get(connection, agent_id)
    connection.execute("UPDATE agents SET delete_time_ms = ? WHERE id = ?", (now_ms, agent_id))
