"""Agents: programs that solve scenarios, and where they come from."""

from pydantic import Field

from runloop_mcp.api.models.base import NOT_BLANK, PageParams, WireModel


class NpmSource(WireModel):
    """A package of npm."""

    package_name: str
    registry_url: str | None = None
    agent_setup: list[str] | None = None
    """Commands that run once it is installed."""


class PipSource(WireModel):
    """A package of PyPI."""

    package_name: str
    registry_url: str | None = None
    agent_setup: list[str] | None = None


class GitSource(WireModel):
    """A repository."""

    repository: str
    ref: str | None = None
    agent_setup: list[str] | None = None


class ObjectSource(WireModel):
    """An object that holds the agent: a file, or an archive that is unpacked."""

    object_id: str
    agent_setup: list[str] | None = None


class AgentSource(WireModel):
    """Where an agent comes from: the field that `type` names."""

    type: str
    """`npm`, `pip`, `git` or `object`."""
    npm: NpmSource | None = None
    pip: PipSource | None = None
    git: GitSource | None = None
    object: ObjectSource | None = None


class AgentCreateParams(WireModel):
    """A new agent."""

    name: str = Field(json_schema_extra=NOT_BLANK)
    version: str | None = None
    source: AgentSource | None = None


class AgentListParams(PageParams):
    """Which agents to list: filters are combined."""

    name: str | None = None
    """The exact name."""
    search: str | None = None
    """Part of the name or id, in any case."""
    version: str | None = None
    is_public: bool | None = None


class AgentView(WireModel):
    """An agent."""

    id: str
    name: str
    create_time_ms: int
    is_public: bool = False
    source: AgentSource | None = None
    version: str | None = None


class AgentDevboxCounts(WireModel):
    """How many devboxes are up that have an agent mounted, by the agent's name."""

    counts: dict[str, int] = Field(default_factory=dict)
    total_count: int = 0
