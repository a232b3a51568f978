"""Where the values of secrets come from: the environment of the server, under a prefix of their own."""

import os
from collections.abc import Collection, Mapping

PREFIX = "RUNLOOP_MCP_SECRET_"
_SHORTEST = 4
"""Characters of a value that is masked: shorter ones would blot out words that have nothing to do with it."""


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

    def masked(self, text: str, wanted: Mapping[str, str]) -> str:
        """The text with each value replaced by the name of its secret; `wanted` as for `values`."""
        for variable, value in self.values(wanted).items():
            if len(value) >= _SHORTEST:
                text = text.replace(value, f"[secret {wanted[variable]}]")
        return text
