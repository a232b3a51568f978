"""Builds what Python scripts need, in a devbox that has a network: packages, and an interpreter where none fits.

Built once for each content and kept as a snapshot, which scoring devboxes get read-only. Nothing is built on the host.
"""

import json
import posixpath
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Final

import anyio
from anyio import to_thread

from runloop_mcp.api.errors import Conflict, Unavailable
from runloop_mcp.api.ids import IdPrefix, stable_id
from runloop_mcp.devbox.port import DevboxSpec, Driver, Network, WorkOf
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.devboxes.sizes import SIZES
from runloop_mcp.engine.file_lock import FileLock
from runloop_mcp.engine.scoring.python_build import BUILD_SECONDS, PythonBuild
from runloop_mcp.engine.scoring.tools import UV, BuiltPython, PythonNeeds, find_program, program_files, tool_folder
from runloop_mcp.engine.store import built_tools
from runloop_mcp.engine.store.database import Database

_LOOK_AGAIN_SECONDS: Final = 0.5
_REMOVE_SECONDS: Final = 30.0
_PASSED_ON: Final = re.compile(
    r"UV_(DEFAULT_INDEX|INDEX|INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|INDEX_STRATEGY|PYTHON_INSTALL_MIRROR)"
    r"|UV_INDEX_.*_(USERNAME|PASSWORD)|UV_HTTP_(RETRIES|TIMEOUT)"
    r"|PIP_(INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|TRUSTED_HOST|CERT|RETRIES|DEFAULT_TIMEOUT)"
    r"|(NPM_CONFIG|npm_config)_(REGISTRY|registry|CAFILE|cafile|STRICT_SSL|strict_ssl)|NODE_EXTRA_CA_CERTS"
    r"|(HTTPS?|ALL|NO)_PROXY|(https?|all|no)_proxy|SSL_CERT_(FILE|DIR)"
)
"""Where packages come from is the machine's own affair; the variables that say so reach the builder."""


def package_sources(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that say where packages come from, and how that is reached."""
    return {name: value for name, value in environment.items() if _PASSED_ON.fullmatch(name)}


class PythonBuilder:
    """Builds what Python scripts need, or finds it built.

    Args:
        driver: Makes the devbox to build in.
        database: Keeps what was built where.
        lock: Gives the lock of a devbox, which one server at a time can hold.
        environment: The server's variables; those that say where packages come from reach the builder.
    """

    def __init__(
        self,
        driver: Driver,
        database: Database,
        lock: Callable[[str], FileLock],
        environment: Mapping[str, str],
    ) -> None:
        self._driver = driver
        self._database = database
        self._lock = lock
        self._environment = package_sources(environment)
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
                with anyio.fail_after(BUILD_SECONDS):
                    return await self._find(key) or await self._build(needs, key)
            except TimeoutError as error:
                raise Unavailable(
                    f"Installing what a scorer requires took longer than {BUILD_SECONDS:g} s.",
                    hint="Look at the network of this machine, then score the run again.",
                    retryable=True,
                ) from error

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
        built = BuiltPython(**json.loads(found[1]))
        system_has = posixpath.basename(built.interpreter)
        if not built.interpreter.startswith(tool_folder("")) and await self._driver.missing_programs([system_has]):
            return None  # the machine's own, and since removed
        await self._database.write(lambda connection: built_tools.touch(connection, key, now_ms=now_ms()))
        return built, WorkOf(found[0])

    async def _build(self, needs: PythonNeeds, key: str) -> tuple[BuiltPython, WorkOf]:
        # The same ids for everyone: of two servers that build the same, one has the devbox, and the other waits.
        devbox_id = stable_id(IdPrefix.DEVBOX, "python-builder", key)
        snapshot_id = stable_id(IdPrefix.SNAPSHOT, "python-builder", key)
        uv = find_program(UV)
        spec = DevboxSpec(
            working_directory=tool_folder(f"python-{key}"),
            read_only={tool_folder(UV): program_files(uv)} if uv else {},
            limits=SIZES["MEDIUM"],
            network=Network.HOST,
        )
        async with self._held(devbox_id):
            if (found := await self._find(key)) is not None:
                return found  # by the one who had the devbox before
            devbox = await self._driver.create(devbox_id, spec)
            build = PythonBuild(devbox, needs, spec.working_directory, environment=self._environment, uv=uv is not None)
            built = await build.carry_out()
            await self._driver.remove_snapshot(snapshot_id)  # one that is not known: it was half made, or is too old
            await devbox.stop()  # so that its disk is taken as it is, and not copied
            await self._driver.snapshot(devbox_id, snapshot_id)
            data = json.dumps(asdict(built))
            await self._database.write(
                lambda connection: built_tools.keep(connection, key, snapshot_id, data, now_ms=now_ms())
            )
        return built, WorkOf(snapshot_id)

    @asynccontextmanager
    async def _held(self, devbox_id: str) -> AsyncIterator[None]:
        """No other server has the devbox with this id inside the block, and there is none before and after it."""
        lock = self._lock(devbox_id)
        while True:
            try:
                await to_thread.run_sync(lock.acquire)
                break
            except Conflict:
                await anyio.sleep(_LOOK_AGAIN_SECONDS)
        try:
            await self._driver.remove(devbox_id)  # of a server that died
            yield
        finally:
            try:
                with anyio.move_on_after(_REMOVE_SECONDS, shield=True):
                    await self._driver.remove(devbox_id)
            finally:
                lock.release(forget=True)
