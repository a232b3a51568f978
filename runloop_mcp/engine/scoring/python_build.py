"""One build of what a Python script needs, in a devbox that has a network: an interpreter, and packages for it.

uv installs, where it is there; else pip, for an interpreter that is there already.
"""

import logging
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from runloop_mcp.api.errors import Unavailable
from runloop_mcp.devbox.port import HOME, Command, Devbox
from runloop_mcp.engine.scoring.captured import CapturedOutput
from runloop_mcp.engine.scoring.running import BASH, run_to_end
from runloop_mcp.engine.scoring.tools import UV, BuiltPython, PythonNeeds, tool_folder

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

BUILD_SECONDS: Final = 900.0
"""How long a build may take."""

_OUTPUT_BYTES: Final = 8_000
_INTERPRETERS: Final = """\
for each in /usr/bin/python3 /usr/bin/python3.[0-9]* /usr/local/bin/python3.[0-9]* "$1"/*/bin/python3; do
  case $each in *-config) continue ;; esac
  [ -x "$each" ] && "$each" -I -c 'import sys; print(sys.argv[1], "%d.%d.%d" % sys.version_info[:3])' "$each"
done 2> /dev/null
true
"""
_PIP: Final = """\
if "$1" -I -m pip --version > /dev/null 2>&1; then echo "$1"; exit; fi
if "$1" -I -m venv "$2" > /dev/null 2>&1; then echo "$2/bin/python3"; fi
"""
"""An interpreter of the same version that has pip: many systems' own has none, but can give one to an environment."""
_NETWORK_FAILED: Final = re.compile(
    r"dns error|failed to lookup|error sending request|connection (refused|reset)|tcp connect"
    r"|client error \(connect\)|timed out|network is unreachable|no route to host"
    r"|name resolution|name or service not known|failed to establish a new connection",
    re.IGNORECASE,
)

logger = logging.getLogger(__name__)


class BuildFailed(Exception):
    """What a script needs can't be had; the message says why. Trying again would not change that."""


class PythonBuild:
    """One build.

    Args:
        devbox: Where to build: it has a network.
        needs: What is needed.
        folder: Where the result is to lie, here as in scoring devboxes.
        environment: Says where packages come from. Not the devbox's own, which is written down: passwords can be in it.
        uv: Whether the devbox has uv.
    """

    def __init__(
        self, devbox: Devbox, needs: PythonNeeds, folder: str, *, environment: Mapping[str, str], uv: bool
    ) -> None:
        self._devbox = devbox
        self._needs = needs
        self._folder = folder
        self._environment = {**environment, "UV_PYTHON_DOWNLOADS": "manual"}
        self._uv = [f"{tool_folder(UV)}/{UV}", "--no-config", "--no-cache"] if uv else None

    async def carry_out(self) -> BuiltPython:
        """Finds or fetches an interpreter, then installs the packages for it.

        Raises:
            BuildFailed: What is needed can't be had.
            Unavailable: Our own machinery or the network broke.
        """
        packages = f"{self._folder}/packages"
        interpreter = await self._interpreter()
        if self._needs.requirements:
            requirements = f"{self._folder}/requirements.txt"
            await self._devbox.write_file(requirements, self._needs.requirements.encode(errors="replace") + b"\n")
            await self._install(*await self._installer(interpreter), "--target", packages, "-r", requirements)
        return BuiltPython(interpreter, packages)

    async def _interpreter(self) -> str:
        # A start of the server need not pay for it.
        from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415

        constraint = self._needs.constraint
        try:
            wanted = SpecifierSet(constraint)
        except InvalidSpecifier as error:
            raise BuildFailed(
                f"python_version_constraint {constraint!r} is no version specifier, such as '>=3.11'."
            ) from error
        there = await self._interpreters()
        if (found := _first(there, wanted)) is not None:
            return found
        none_fits = (
            f"No Python here satisfies {constraint!r}; there is {', '.join(sorted(set(there.values()))) or 'none'}."
        )
        if self._uv is None:
            raise BuildFailed(
                f"{none_fits} uv, which can fetch others, is not installed beside the server: pip install"
                " 'runloop-mcp[scorers]'."
            )
        # A failing network is no error of ours here: a machine without one has the interpreters that it has.
        _, said = await self._run(*self._uv, "python", "install", "--install-dir", f"{self._folder}/python", constraint)
        if (found := _first(await self._interpreters(), wanted)) is None:
            raise BuildFailed(f"{none_fits} uv could not fetch one:\n{said.strip()}")
        return found

    async def _interpreters(self) -> Mapping[str, str]:
        """Interpreters by path, with their versions, the system's own first."""
        _, said = await self._run(*BASH, "-c", _INTERPRETERS, "interpreters", f"{self._folder}/python")
        pairs = [line.split(" ", 1) for line in said.splitlines()]
        return {path: version for path, version in pairs if path.startswith("/")}

    async def _installer(self, interpreter: str) -> list[str]:
        """The command that installs packages for an interpreter."""
        if self._uv is not None:
            return [*self._uv, "pip", "install", "--python", interpreter, "--link-mode", "copy", "--compile-bytecode"]
        _, found = await self._run(*BASH, "-c", _PIP, "pip", interpreter, f"{HOME}/pip")
        if not found:
            raise BuildFailed(
                "Its requirements need uv, or a Python that has pip or venv, and none of these is here. Install uv"
                " beside the server: pip install 'runloop-mcp[scorers]', or put uv on the server's PATH."
            )
        return [found.strip(), "-I", "-m", "pip", "install", "--no-cache-dir", "--no-input", "--quiet"]

    async def _install(self, *argv: str) -> None:
        status, said = await self._run(*argv)
        if status == 0:
            return
        if _NETWORK_FAILED.search(said):
            # What was to be fetched is for the operator alone: a solver reads why its run was not scored.
            logger.warning("What a scorer requires can't be fetched:\n%s", said.strip())
            raise Unavailable(
                "What a scorer requires can't be fetched: the network, or where packages come from, does not answer.",
                hint="Look at the server's log and at the network of this machine, then score the run again.",
                retryable=True,
            )
        raise BuildFailed(f"What it requires can't be installed:\n{said.strip()}")

    async def _run(self, *argv: str) -> tuple[int, str]:
        said = CapturedOutput(_OUTPUT_BYTES)

        async def keep(data: bytes) -> None:
            said.feed(data)

        command = Command(argv, timeout_seconds=BUILD_SECONDS, environment=self._environment)
        exit_ = await run_to_end(self._devbox, command, stdout=keep, stderr=keep)
        return exit_.status, said.text()


def _first(interpreters: Mapping[str, str], wanted: "SpecifierSet") -> str | None:
    return next((path for path, version in interpreters.items() if wanted.contains(version, prereleases=True)), None)
