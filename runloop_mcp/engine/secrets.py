"""Where the values of secrets come from: the environment of the server, under a prefix of their own."""

import os
from collections.abc import Collection, Mapping

PREFIX = "RUNLOOP_MCP_SECRET_"


class Secrets:
    """Values by name; asked for at each use, and never kept with a run."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment

    def missing(self, names: Collection[str]) -> list[str]:
        """Which of these there is no value for, sorted."""
        return sorted({name for name in names if PREFIX + name not in self._environment})

    def values(self, wanted: Mapping[str, str]) -> dict[str, str]:
        """Environment variable → value, from environment variable → name. Names without a value are left out."""
        return {
            variable: self._environment[PREFIX + name]
            for variable, name in wanted.items()
            if PREFIX + name in self._environment
        }
