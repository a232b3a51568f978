"""How the tests of scoring speak: a solver works, then a contract is scored in one of the modes."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from probed_driver import ProbedDriver

from runloop_mcp.api.ids import IdPrefix, new_id
from runloop_mcp.api.models.scoring import (
    ScoringContract,
    ScoringContractResult,
    ScoringFunctionResult,
    ScoringMode,
)
from runloop_mcp.devbox.port import DEFAULT_WORKING_DIRECTORY, Command, Devbox, DevboxSpec, Driver, FileData
from runloop_mcp.engine.file_lock import FileLock
from runloop_mcp.engine.scoring.contract import run_contract
from runloop_mcp.engine.scoring.protected import DEFAULT_PROTECTED, capture_protected
from runloop_mcp.engine.scoring.scoring_devbox import (
    OneDevbox,
    ScoredDisk,
    ScoringDevboxes,
    freeze,
    fresh_devboxes,
)
from runloop_mcp.engine.scoring.toolbox import Toolbox
from runloop_mcp.engine.scoring.tools import ScorerTools
from runloop_mcp.engine.store.database import Database

PATIENCE_SECONDS = 30


@dataclass
class Prepared:
    """What scorers run in: the first of the devboxes."""

    devbox: Devbox
    devboxes: ScoringDevboxes

    @property
    def mode(self) -> ScoringMode:
        """What it is made of."""
        return self.devboxes.mode

    @property
    def restored_files(self) -> list[str]:
        """Which protected files were put back."""
        return self.devboxes.restored_files


@dataclass
class Solver:
    """A solver's devbox, and what is known of it from before the solver came."""

    driver: Driver
    devbox: Devbox
    state: Path
    pristine: Mapping[str, FileData] = field(default_factory=dict)
    snapshots: list[str] = field(default_factory=list)

    async def run(self, script: str, *, environment: Mapping[str, str] | None = None) -> int:
        """The exit status of a shell command of the solver's."""
        return (await run(self.devbox, script, environment=environment))[0]

    async def does(self, script: str) -> str:
        """What a shell command of the solver's prints; it must succeed."""
        status, output = await run(self.devbox, script)
        assert status == 0, output
        return output

    @asynccontextmanager
    async def devboxes(
        self, mode: ScoringMode = ScoringMode.CLEAN, *, frozen: str = "", tools: ScorerTools | None = None
    ) -> AsyncIterator[ScoringDevboxes]:
        """Where its disk is scored, as it is now or, where it was frozen under this name before, was then."""
        frozen = frozen or new_id(IdPrefix.SNAPSHOT)
        disk = ScoredDisk(
            frozen_snapshot_id=frozen,
            pristine_home_snapshot_id=None,
            protected_names=DEFAULT_PROTECTED,
            pristine=self.pristine,
            read_only=(tools or ScorerTools()).read_only,
        )
        if mode is ScoringMode.LIVE:
            yield OneDevbox(self.devbox, disk)
            return
        self.snapshots.append(frozen)
        await freeze(self.driver, self.devbox, frozen)
        async with fresh_devboxes(self.driver, self.devbox.spec, disk, mode) as devboxes:
            yield devboxes

    @asynccontextmanager
    async def prepared(self, mode: ScoringMode = ScoringMode.CLEAN, *, frozen: str = "") -> AsyncIterator[Prepared]:
        """The scoring devbox that one function gets."""
        async with self.devboxes(mode, frozen=frozen) as devboxes:
            yield Prepared(await devboxes.next(further=False), devboxes)

    async def tools_for(self, *scorers: dict[str, Any]) -> ScorerTools:
        """What these scorers need, as a server that has just started gets it."""
        async with Database(self.state / "store.db") as database:
            toolbox = Toolbox(self.driver, database, lambda name: FileLock(self.state / f"{name}.lock", taken="Held"))
            return await toolbox.tools_for(contract(*scorers))

    async def score(
        self, *scorers: dict[str, Any], mode: ScoringMode = ScoringMode.CLEAN, **options: Any
    ) -> ScoringContractResult:
        """Scores with these scorers, of equal weight."""
        with anyio.fail_after(PATIENCE_SECONDS):
            tools = await self.tools_for(*scorers)
            async with self.devboxes(mode, tools=tools) as devboxes:
                return await run_contract(contract(*scorers), devboxes, tools=tools, **options)


@asynccontextmanager
async def solver(
    state: Path, *, before: str = "true", working_directory: str = DEFAULT_WORKING_DIRECTORY
) -> AsyncIterator[Solver]:
    """A solver's devbox, in which a script has laid out the environment."""
    async with ProbedDriver(state) as driver:
        devbox = await driver.create(new_id(IdPrefix.DEVBOX), DevboxSpec(working_directory))
        status, output = await run(devbox, before)
        assert status == 0, output
        solver = Solver(driver, devbox, state, await capture_protected(devbox, DEFAULT_PROTECTED))
        try:
            yield solver
        finally:
            await driver.remove(devbox.id)
            for snapshot in solver.snapshots:
                await driver.remove_snapshot(snapshot)


@dataclass
class Scoring:
    """A contract that is being scored."""

    task: asyncio.Task[ScoringContractResult | None]
    scope: anyio.CancelScope

    async def cancel(self) -> None:
        """Stops it, as the engine does, and waits for its end."""
        self.scope.cancel()
        with anyio.fail_after(PATIENCE_SECONDS):
            await asyncio.wait({self.task})


@asynccontextmanager
async def scoring(devbox: Devbox, scorer: dict[str, Any]) -> AsyncIterator[Scoring]:
    """A contract that is being scored, once its scorer has made `started` beside the working directory."""
    scope = anyio.CancelScope()

    async def work() -> ScoringContractResult | None:
        with scope:
            return await run_contract(contract(scorer), OneDevbox(devbox), losses_count=False)
        return None

    under_way = Scoring(asyncio.create_task(work()), scope)
    try:
        assert await run(devbox, "until [ -e ../started ]; do sleep 0.02; done") == (0, "")
        yield under_way
    finally:
        await under_way.cancel()


async def run(devbox: Devbox, script: str, *, environment: Mapping[str, str] | None = None) -> tuple[int, str]:
    """A shell command's exit status and all its output."""
    output = bytearray()

    async def keep(data: bytes) -> None:
        output.extend(data)

    with anyio.fail_after(PATIENCE_SECONDS):
        process = await devbox.start(
            Command(("bash", "-c", script), environment=environment or {}), stdout=keep, stderr=keep
        )
        exit_ = await process.wait()
    return exit_.status, output.decode()


def contract(*scorers: dict[str, Any]) -> ScoringContract:
    """A contract with these scorers, of equal weight."""
    functions = [
        {"name": f"function_{number}", "weight": 1 / len(scorers), "scorer": scorer}
        for number, scorer in enumerate(scorers, start=1)
    ]
    return ScoringContract.model_validate({"scoring_function_parameters": functions})


def command(text: str) -> dict[str, Any]:
    """A command scorer."""
    return {"type": "command_scorer", "command": text}


def script(text: str) -> dict[str, Any]:
    """A scorer that prints its score."""
    return {"type": "bash_script_scorer", "bash_script": text}


def with_files(text: str, files: Mapping[str, str]) -> dict[str, Any]:
    """A scorer with test files."""
    laid_out = [{"file_path": path, "file_contents": contents} for path, contents in files.items()]
    return {"type": "test_based_scorer", "test_command": text, "test_files": laid_out}


def only(result: ScoringContractResult) -> ScoringFunctionResult:
    """The result of the one function."""
    [function] = result.scoring_function_results
    return function
