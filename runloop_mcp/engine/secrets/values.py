"""Where values of secrets come from: the server's environment first, then the file of secrets."""

import os
from collections.abc import Collection, Mapping

from runloop_mcp.engine.secrets.file import SecretsFile
from runloop_mcp.engine.secrets.masking import NOTHING, Mask

PREFIX = "RUNLOOP_MCP_SECRET_"


class SecretValues:
    """Values by name; looked up at each use, and never kept with a run.

    Args:
        file: Where they are kept.
        environment: Where variables `RUNLOOP_MCP_SECRET_<NAME>` beat the file; None: the server's own environment.
    """

    def __init__(self, file: SecretsFile, environment: Mapping[str, str] | None = None) -> None:
        self._file = file
        self._environment = os.environ if environment is None else environment

    async def of(self, names: Collection[str]) -> dict[str, str]:
        """Name → value, of those that have one.

        Raises:
            Unavailable: The file of secrets can't be used.
        """
        wanted = set(names)
        found = {name: value for name in wanted if (value := self._environment.get(PREFIX + name))}
        if wanted - found.keys():
            kept = await self._file.look()
            found.update({name: kept[name].value for name in wanted - found.keys() if name in kept})
        return found

    async def missing(self, names: Collection[str]) -> list[str]:
        """Which of these there is no value for, sorted."""
        return sorted(set(names) - (await self.of(names)).keys())

    async def mask(self, names: Collection[str]) -> Mask:
        """Covers the values that these names have now."""
        return Mask(await self.of(names)) if names else NOTHING
