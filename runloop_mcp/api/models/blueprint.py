"""Blueprints: recipes for environments, each built once."""

from enum import StrEnum
from typing import Any

from pydantic import Field, SecretStr

from runloop_mcp.api.models.base import NOT_BLANK, PageParams, WireModel
from runloop_mcp.api.models.scenario import LaunchParameters


class BlueprintStatus(StrEnum):
    """How far the build of a blueprint is."""

    QUEUED = "queued"
    PROVISIONING = "provisioning"
    BUILDING = "building"
    FAILED = "failed"
    BUILD_COMPLETE = "build_complete"


BUILD_ENDED = frozenset({BlueprintStatus.FAILED, BlueprintStatus.BUILD_COMPLETE})
"""Nothing changes any more."""


class CodeMount(WireModel):
    """A repository that is cloned into the home, under its name."""

    repo_name: str
    repo_owner: str
    git_ref: str | None = None
    """A branch, a tag or a commit; the default branch where absent."""
    install_command: str | None = None
    """Run by bash in the clone."""
    token: SecretStr | None = None
    """For a repository that is not public: used for the clone, and kept nowhere."""


class BlueprintParams(WireModel):
    """What a blueprint is made of: what `create` takes and what the view repeats."""

    name: str = Field(json_schema_extra=NOT_BLANK)
    """Several blueprints may have one name: it means the newest of them that is built."""
    base_blueprint_id: str | None = None
    base_blueprint_name: str | None = None
    system_setup_commands: list[str] | None = None
    """Run by bash in the home, one after the other, with a network. The first that fails fails the build."""
    file_mounts: dict[str, str] | None = None
    """Path → contents. Relative paths begin at the home, as `~/` does."""
    code_mounts: list[CodeMount] | None = None
    secrets: dict[str, str] | None = None
    """Environment variable of the build → name of the secret."""
    launch_parameters: LaunchParameters | None = None
    """Of the build's devbox, and of devboxes that begin from the blueprint, where a scenario says nothing else."""
    metadata: dict[str, str] | None = None
    dockerfile: str | None = None
    """Needs devboxes that are containers, as `build_args`, `build_context` and `services` do."""
    build_args: dict[str, str] | None = None
    build_context: dict[str, Any] | None = None
    services: list[dict[str, Any]] | None = None
    network_policy_id: str | None = None


class BlueprintListParams(PageParams):
    """Which blueprints to list: filters are combined."""

    name: str | None = None
    """The exact name."""
    status: BlueprintStatus | None = None


class BlueprintDetails(WireModel):
    """What the wire has no field for."""

    failure_message: str | None = None
    """Why the build failed, with the end of what it said."""
    reused: bool = False
    """Whether it was built before, under another id, so that nothing had to be run."""


class BlueprintView(WireModel):
    """A blueprint."""

    id: str
    name: str
    create_time_ms: int
    state: str = "created"
    """`created` or `deleted`."""
    status: BlueprintStatus | str
    parameters: BlueprintParams
    """As they were given, without tokens."""
    base_blueprint_id: str | None = None
    build_finish_time_ms: int | None = None
    failure_reason: str | None = None
    """`out_of_memory`, `out_of_disk` or `build_failed`."""
    is_public: bool = False
    metadata: dict[str, str] = Field(default_factory=dict)
    x_runloop_mcp: BlueprintDetails | None = None


class BlueprintLog(WireModel):
    """A line of a build's log."""

    level: str
    """`info`, or `error` for why it failed."""
    message: str
    timestamp_ms: int


class BlueprintLogs(WireModel):
    """What a build said, from its beginning; values of secrets are covered."""

    blueprint_id: str
    logs: list[BlueprintLog]
