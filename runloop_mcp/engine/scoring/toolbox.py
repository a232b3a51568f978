"""Gets a contract's scorers what they need before their devbox is made."""

import os
from collections.abc import Callable

from runloop_mcp.api.models.scoring import AstGrepScorer, PythonScriptScorer, ScoringContract
from runloop_mcp.devbox.port import Driver, Files, WorkOf
from runloop_mcp.engine.file_lock import FileLock
from runloop_mcp.engine.scoring.python_build import BuildFailed
from runloop_mcp.engine.scoring.python_builder import PythonBuilder
from runloop_mcp.engine.scoring.tools import (
    AST_GREP,
    UV,
    BuiltPython,
    PythonNeeds,
    ScorerTools,
    find_program,
    program_files,
    tool_folder,
)
from runloop_mcp.engine.store.database import Database


class Toolbox:
    """The tools of one engine's scorers.

    Args:
        driver: Makes the devboxes that tools are built in.
        database: Keeps what was built where.
        lock: Gives the lock of a devbox, which one server at a time can hold.
    """

    def __init__(self, driver: Driver, database: Database, lock: Callable[[str], FileLock]) -> None:
        self._builder = PythonBuilder(driver, database, lock, os.environ)

    @staticmethod
    def file_keys() -> set[str]:
        """The keys of the programs that are laid out in devboxes as they are on this machine; may block."""
        programs = (find_program(name) for name in (AST_GREP, UV))
        return {program_files(program).key for program in programs if program is not None}

    async def tools_for(self, contract: ScoringContract) -> ScorerTools:
        """What these scorers need, as far as it can be had: a scorer that lacks something says so when it runs.

        Raises:
            Unavailable: Our own machinery or the network broke.
        """
        read_only: dict[str, Files | WorkOf] = {}
        pythons: dict[PythonNeeds, BuiltPython | str] = {}
        ast_grep = None
        for function in contract.scoring_function_parameters:
            scorer = function.scorer
            if isinstance(scorer, AstGrepScorer) and (program := find_program(AST_GREP)) is not None:
                folder = tool_folder(AST_GREP)
                read_only[folder] = program_files(program)
                ast_grep = f"{folder}/{program.name}"
            if not isinstance(scorer, PythonScriptScorer) or (needs := PythonNeeds.of(scorer)) is None:
                continue
            if needs not in pythons:
                try:
                    pythons[needs], layer = await self._builder.build(needs)
                except BuildFailed as error:
                    pythons[needs] = str(error)
                else:
                    read_only[await self._builder.folder(needs)] = layer
        return ScorerTools(ast_grep, pythons, read_only)
