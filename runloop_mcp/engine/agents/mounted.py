"""Devboxes that have agents: which ones, and how their commands find them."""

from collections.abc import Mapping, Sequence
from typing import Final

from runloop_mcp.api.models.mounts import AgentMount, Mount
from runloop_mcp.devbox.port import HOME

PROGRAMS: Final = f"{HOME}/.local/bin"
"""Where programs of agents lie: on the PATH of devboxes that have an agent."""

_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def agents_of(mounts: Sequence[Mount]) -> list[str]:
    """The names of the agents among settled mounts."""
    return [mount.agent_name for mount in mounts if isinstance(mount, AgentMount) and mount.agent_name]


def with_programs(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables of commands, with the programs of agents on the PATH. Scorers have a PATH of their own."""
    return {**environment, "PATH": f"{PROGRAMS}:{environment.get('PATH') or _PATH}"}
