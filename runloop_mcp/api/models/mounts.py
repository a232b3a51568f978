"""Mounts: what a devbox gets beside its base before anything else runs in it."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from runloop_mcp.api.models.base import WireModel
from runloop_mcp.api.models.blueprint import CodeMount


class AgentMount(WireModel):
    """An agent, installed: by its id, or by its name, which means the newest of that name."""

    type: Literal["agent_mount"]
    agent_id: str | None = None
    agent_name: str | None = None
    agent_path: str | None = None
    """Where it goes, for agents from git and from objects; absolute, or below the home."""
    auth_token: SecretStr | None = None
    """For a repository that is not public: used for the clone, and kept nowhere."""


class ObjectMount(WireModel):
    """An object: a file, or an archive that is unpacked."""

    type: Literal["object_mount"]
    object_id: str
    object_path: str
    """Where it goes; relative paths begin at the home, as `~/` does. Of an archive, the directory."""


class CodeMountOfDevbox(CodeMount):
    """A repository that is cloned into the home, under its name."""

    type: Literal["code_mount"]


class FileMount(WireModel):
    """A text file."""

    type: Literal["file_mount"]
    target: str
    """Where it goes; relative paths begin at the home, as `~/` does."""
    content: str


Mount = Annotated[AgentMount | ObjectMount | CodeMountOfDevbox | FileMount, Field(discriminator="type")]
