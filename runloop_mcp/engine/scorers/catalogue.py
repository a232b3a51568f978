"""Every custom scorer there is: those of the packs, and those that were created."""

import sqlite3
import time
from collections.abc import Collection, Sequence
from pathlib import Path

import anyio
from anyio import to_thread

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.api.models.scoring import CustomScorer, ScoringContract
from runloop_mcp.engine.scenarios.pack import FolderProblem
from runloop_mcp.engine.scorers.pack_scripts import FOLDER, PackScripts, fault_of_script, fault_of_type, read_packs
from runloop_mcp.engine.store import custom_scorers
from runloop_mcp.engine.store.custom_scorers import CREATED, ScorerRow
from runloop_mcp.engine.store.database import Database

_LOOK_SECONDS = 1.0


class ScorerCatalogue:
    """Looks custom scorers up. Looks for changed files of packs at use, at most once a second.

    Args:
        database: Where they are kept.
        packs: The directories of the packs.
    """

    def __init__(self, database: Database, packs: Sequence[Path]) -> None:
        self._database = database
        self._packs = packs
        self._look_at = 0.0
        self._found: list[PackScripts] = []
        self._lock = anyio.Lock()

    async def roots(self) -> tuple[str, ...]:
        """The places that scorers come from, up to date: created ones first, then the packs."""
        async with self._lock:
            if time.monotonic() >= self._look_at:
                self._found = await to_thread.run_sync(read_packs, self._packs)
                for pack in self._found:
                    await self._keep(pack)
                self._look_at = time.monotonic() + _LOOK_SECONDS
        return (CREATED, *(pack.root for pack in self._found))

    async def problems(self) -> list[FolderProblem]:
        """What is wrong with the packs' scorers, one for each pack that has something wrong."""
        await self.roots()
        return [problem for pack in self._found if (problem := pack.problem()) is not None]

    async def _keep(self, pack: PackScripts) -> None:
        known = await self._database.read(lambda connection: custom_scorers.scripts_of(connection, pack.root))
        if known != pack.scripts:
            await self._database.write(
                lambda connection: custom_scorers.save_pack(connection, pack.root, pack.name, pack.scripts)
            )

    async def refuse_unknown(self, contract: ScoringContract) -> None:
        """Refuses a contract that names a custom scorer which nobody has registered.

        Raises:
            InvalidRequest: It does; the message names the type and what is registered.
        """
        if _types_of(contract):
            await self._look_up(_types_of(contract), await self.roots())

    async def with_scripts(self, scenario: ScenarioView, root: str) -> ScenarioView:
        """The scenario with the scripts of its custom scorers in it, as a run of it is to keep them.

        Args:
            scenario: The scenario.
            root: The directory of its pack, whose scorers come first; empty where it has none.

        Raises:
            InvalidRequest: A scorer that it names is not registered.
        """
        types = _types_of(scenario.scoring_contract)
        if not types:
            return scenario
        roots = await self.roots()
        known = await self._look_up(types, tuple(dict.fromkeys((root, *roots))))
        functions = [
            function.model_copy(
                update={
                    "scorer": function.scorer.model_copy(
                        update={"x_bash_script": known[function.scorer.custom_scorer_type].view.bash_script}
                    )
                }
            )
            if isinstance(function.scorer, CustomScorer)
            else function
            for function in scenario.scoring_contract.scoring_function_parameters
        ]
        contract = scenario.scoring_contract.model_copy(update={"scoring_function_parameters": functions})
        return scenario.model_copy(update={"scoring_contract": contract})

    async def _look_up(self, types: Collection[str], roots: Sequence[str]) -> dict[str, ScorerRow]:
        def work(connection: sqlite3.Connection) -> dict[str, ScorerRow]:
            return custom_scorers.by_type(connection, roots)

        known = await self._database.read(work)
        missing = sorted(set(types) - known.keys())
        if missing:
            there = ", ".join(sorted(known)) or "none"
            unusable = "".join(f"\n{problem}" for problem in await self.problems())
            raise InvalidRequest(
                f"No custom scorer is registered under {', '.join(map(repr, missing))}. Registered: {there}.{unusable}",
                hint=f"Register it, or put its script into the scenario's pack as {FOLDER}/<type>.sh.",
            )
        return known


def refuse_bad(kind: str, bash_script: str) -> None:
    """Refuses a type or a script that can't be one.

    Raises:
        InvalidRequest: The message names the field.
    """
    if fault := fault_of_type(kind):
        raise InvalidRequest(f"type: {fault}", hint="Choose another type.")
    if fault := fault_of_script(bash_script):
        raise InvalidRequest(f"bash_script: {fault}", hint="Give a bash script.")


def _types_of(contract: ScoringContract) -> set[str]:
    return {
        function.scorer.custom_scorer_type
        for function in contract.scoring_function_parameters
        if isinstance(function.scorer, CustomScorer)
    }
