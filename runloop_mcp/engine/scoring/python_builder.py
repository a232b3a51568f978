"""Builds what Python scripts need, in a devbox that has a network: packages, and an interpreter where none fits.

Built once for each content and kept as a snapshot, which scoring devboxes get read-only. Nothing is built on the host.
"""

import json
import re
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import Final

import anyio
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from runloop_mcp.api.errors import Conflict, Unavailable
from runloop_mcp.api.ids import IdPrefix, stable_id
from runloop_mcp.devbox.port import Command, Devbox, DevboxSpec, Driver, Exit, Network, WorkOf
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.scoring.captured import CapturedOutput
from runloop_mcp.engine.scoring.running import run_to_end
from runloop_mcp.engine.scoring.tools import (
    SYSTEM_PYTHON,
    UV,
    BuiltPython,
    PythonNeeds,
    find_program,
    program_files,
    tool_folder,
)
from runloop_mcp.engine.settings import SIZES
from runloop_mcp.engine.store import built_tools
from runloop_mcp.engine.store.database import Database

_BUILD_SECONDS: Final = 900.0
_LOOK_AGAIN_SECONDS: Final = 0.5
_OUTPUT_BYTES: Final = 8_000
_PASSED_ON: Final = re.compile(
    r"UV_(DEFAULT_INDEX|INDEX|INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|INDEX_STRATEGY|PYTHON_INSTALL_MIRROR)"
    r"|UV_INDEX_.*_(USERNAME|PASSWORD)|(HTTPS?|ALL|NO)_PROXY|(https?|all|no)_proxy|SSL_CERT_(FILE|DIR)"
)
"""Where packages come from is the machine's own affair; the variables that say so reach the builder."""
_INTERPRETERS: Final = """\
for each in /usr/bin/python3 /usr/bin/python3.[0-9]* /usr/local/bin/python3.[0-9]* "$@"; do
  case $each in *-config) continue ;; esac
  [ -x "$each" ] && "$each" -I -c 'import sys; print(sys.argv[1], "%d.%d.%d" % sys.version_info[:3])' "$each"
done 2> /dev/null
true
"""
_NETWORK_FAILED: Final = re.compile(
    r"dns error|failed to lookup|error sending request|connection (refused|reset)|tcp connect"
    r"|client error \(connect\)|timed out|network is unreachable|no route to host",
    re.IGNORECASE,
)


class BuildFailed(Exception):
    """What a script needs can't be had; the message says why. Trying again would not change that."""


class PythonBuilder:
    """Builds what Python scripts need, or finds it built.

    Args:
        driver: Makes the devbox to build in.
        database: Keeps what was built where.
        environment: The server's variables; those that say where packages come from reach the builder.
    """

    def __init__(self, driver: Driver, database: Database, environment: Mapping[str, str]) -> None:
        self._driver = driver
        self._database = database
        self._environment = {name: value for name, value in environment.items() if _PASSED_ON.fullmatch(name)}
        self._building: dict[str, anyio.Lock] = {}

    async def build(self, needs: PythonNeeds) -> tuple[BuiltPython, WorkOf]:
        """What a script needs, and where it is kept; it must lie in the devbox at `folder(needs)`.

        Raises:
            BuildFailed: It can't be had.
            Unavailable: Our own machinery or the network broke.
        """
        key = await self._key(needs)
        async with self._building.setdefault(key, anyio.Lock()):
            try:
                with anyio.fail_after(_BUILD_SECONDS):
                    return await self._find(key) or await self._build(needs, key)
            except TimeoutError as error:
                raise BuildFailed(f"Installing its requirements took longer than {_BUILD_SECONDS:g} s.") from error

    async def folder(self, needs: PythonNeeds) -> str:
        """Where in a devbox the build has to lie."""
        return tool_folder(f"python-{await self._key(needs)}")

    async def _key(self, needs: PythonNeeds) -> str:
        # Compiled packages fit one version of the devboxes' own interpreter.
        return needs.key((await self._driver.probe()).python)

    async def _find(self, key: str) -> tuple[BuiltPython, WorkOf] | None:
        found = await self._database.read(lambda connection: built_tools.find(connection, key))
        if found is None or not await self._driver.has_snapshot(found[0]):
            return None
        await self._database.write(lambda connection: built_tools.touch(connection, key, now_ms=now_ms()))
        return BuiltPython(**json.loads(found[1])), WorkOf(found[0])

    async def _build(self, needs: PythonNeeds, key: str) -> tuple[BuiltPython, WorkOf]:
        # The same ids for everyone: two servers that build the same at once meet at the devbox, and one waits.
        devbox_id = stable_id(IdPrefix.DEVBOX, "python-builder", key)
        snapshot_id = stable_id(IdPrefix.SNAPSHOT, "python-builder", key)
        folder = tool_folder(f"python-{key}")
        uv = find_program(UV)
        spec = DevboxSpec(
            working_directory=folder,
            read_only={tool_folder(UV): program_files(uv)} if uv else {},
            environment=self._environment,
            limits=SIZES["MEDIUM"],
            network=Network.HOST,
        )
        async with AsyncExitStack() as stack:
            while True:
                try:
                    devbox = await self._driver.create(devbox_id, spec)
                    break
                except Conflict:
                    try:
                        await self._driver.remove(devbox_id)  # of a server that died, or it is held
                    except Conflict:
                        await anyio.sleep(_LOOK_AGAIN_SECONDS)
                        if (found := await self._find(key)) is not None:
                            return found
            stack.push_async_callback(self._remove, devbox_id)
            built = await _Build(devbox, needs, folder, uv=uv is not None).carry_out()
            await self._driver.remove_snapshot(snapshot_id)  # one that is not known: it was half made, or is too old
            await self._driver.snapshot(devbox_id, snapshot_id)
            data = json.dumps(asdict(built))
            await self._database.write(
                lambda connection: built_tools.keep(connection, key, snapshot_id, data, now_ms=now_ms())
            )
        return built, WorkOf(snapshot_id)

    async def _remove(self, devbox_id: str) -> None:
        with anyio.CancelScope(shield=True):
            await self._driver.remove(devbox_id)


class _Build:
    """One build under way in its devbox."""

    def __init__(self, devbox: Devbox, needs: PythonNeeds, folder: str, *, uv: bool) -> None:
        self._devbox = devbox
        self._needs = needs
        self._folder = folder
        self._uv = [f"{tool_folder(UV)}/{UV}", "--no-config", "--no-cache"] if uv else None

    async def carry_out(self) -> BuiltPython:
        """Finds or fetches an interpreter, then installs the packages for it."""
        packages = f"{self._folder}/packages"
        interpreter = await self._interpreter()
        if self._needs.requirements:
            requirements = f"{self._folder}/requirements.txt"
            await self._devbox.write_file(requirements, self._needs.requirements.encode(errors="replace") + b"\n")
            await self._run_uv(
                "pip", "install", "--python", interpreter, "--target", packages, "--link-mode", "copy",
                "--compile-bytecode", "--requirements", requirements,
            )  # fmt: skip
        return BuiltPython(interpreter, packages)

    async def _interpreter(self) -> str:
        try:
            wanted = SpecifierSet(self._needs.constraint)
        except InvalidSpecifier as error:
            raise BuildFailed(
                f"python_version_constraint {self._needs.constraint!r} is no version specifier, such as '>=3.11'."
            ) from error
        there = await self._interpreters()
        if (found := _first(there, wanted)) is not None:
            return found
        versions = ", ".join(sorted(set(there.values()))) or "none"
        if self._uv is None:
            raise BuildFailed(
                f"No Python here satisfies {self._needs.constraint!r} (there is {versions}), and uv, which can fetch"
                " one, is not installed beside the server: pip install 'runloop-mcp[scorers]'."
            )
        await self._run_uv("python", "install", "--install-dir", f"{self._folder}/python", self._needs.constraint)
        fetched = _first(await self._interpreters(f"{self._folder}/python/*/bin/python3"), wanted)
        if fetched is None:
            raise BuildFailed(f"uv fetched no Python that satisfies {self._needs.constraint!r}; here is {versions}.")
        return fetched

    async def _interpreters(self, pattern: str = "") -> dict[str, str]:
        """Interpreters by path, with their versions, the system's own first."""
        status, said = await self._run("/bin/bash", "-c", _INTERPRETERS.replace('"$@"', pattern))
        pairs = [line.split(" ", 1) for line in said.splitlines()] if status == 0 else []
        return {path: version for path, version in pairs if path.startswith("/")}

    async def _run_uv(self, *arguments: str) -> None:
        if self._uv is None:
            raise BuildFailed(
                "Its requirements need uv, which is not installed beside the server. Install it: "
                "pip install 'runloop-mcp[scorers]', or put uv on the server's PATH."
            )
        status, said = await self._run(*self._uv, *arguments)
        if status == 0:
            return
        if _NETWORK_FAILED.search(said):
            raise Unavailable(
                f"What a scorer needs can't be fetched:\n{said.strip()}",
                hint="Look at the network of this machine, then score the run again.",
                retryable=True,
            )
        raise BuildFailed(f"What it needs can't be installed:\n{said.strip()}")

    async def _run(self, *argv: str) -> tuple[int, str]:
        said = CapturedOutput(_OUTPUT_BYTES)

        async def keep(data: bytes) -> None:
            said.feed(data)

        command = Command(argv, timeout_seconds=_BUILD_SECONDS, environment={"UV_PYTHON_DOWNLOADS": "manual"})
        exit_: Exit = await run_to_end(self._devbox, command, stdout=keep, stderr=keep)
        return exit_.status, said.text()


def _first(interpreters: Mapping[str, str], wanted: SpecifierSet) -> str | None:
    """The first interpreter that will do; the system's own where any version will."""
    fitting = (path for path, version in interpreters.items() if wanted.contains(version, prereleases=True))
    return next(fitting, None) if interpreters else SYSTEM_PYTHON
