"""The library: every scenario there is, from folders and made over the wire."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.ids import IdPrefix, new_id
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.scenario import (
    InputContext,
    InputContextUpdate,
    ScenarioCreateParams,
    ScenarioListParams,
    ScenarioStatus,
    ScenarioUpdateParams,
    ScenarioView,
)
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.scenarios import rows
from runloop_mcp.engine.scenarios.checks import refuse_faults
from runloop_mcp.engine.scenarios.environment import environment_hash
from runloop_mcp.engine.scenarios.index import FolderIndex
from runloop_mcp.engine.scenarios.listing import list_page
from runloop_mcp.engine.scenarios.pack import FolderProblem, bundled_pack
from runloop_mcp.engine.scenarios.rows import CREATED, ScenarioRow
from runloop_mcp.engine.store import idempotency
from runloop_mcp.engine.store.database import Database

__all__ = ["FilesFolder", "FolderProblem", "ScenarioLibrary", "ScenarioRecord", "bundled_pack"]


@dataclass(frozen=True, slots=True)
class FilesFolder:
    """The files that a scenario lays out in the working directory."""

    key: str
    """Names their contents: the same key means the same files."""
    source: Path


@dataclass(frozen=True, slots=True)
class ScenarioRecord:
    """A scenario with what a run of it needs."""

    view: ScenarioView
    files: FilesFolder | None
    pack: str | None
    """The name of its pack; None where it was created over the wire."""
    root: str
    """The directory of its pack; empty where it was created over the wire."""
    environment_hash: str
    """Names exactly what a run starts from: files, launch parameters and base."""
    present: bool = True
    """False where its folder has vanished or is not valid any more: nothing starts from it, past runs refer to it."""


class ScenarioLibrary:
    """Every scenario there is. Looks for changed folders at use, at most every `look_seconds`.

    Args:
        database: Where scenarios and the index of folders are kept.
        packs: Directories of scenario folders; `bundled_pack()` is one.
        look_seconds: How old the last look for changed folders may be; 0 looks at every use.
    """

    def __init__(self, database: Database, packs: Sequence[Path], *, look_seconds: float = 1) -> None:
        self._database = database
        self._index = FolderIndex(database, packs, look_seconds=look_seconds)

    async def create(self, params: ScenarioCreateParams, *, idempotency_key: str | None = None) -> ScenarioView:
        """Keeps a new scenario; the same idempotency key gives the same one, once.

        Raises:
            InvalidRequest: A field is not valid; the message names it and says what is. Or the key was used for others.
        """
        fields = {name: value for name, value in params if name != "environment_parameters" and value is not None}
        view = ScenarioView.model_validate(
            {
                **fields,
                "id": new_id(IdPrefix.SCENARIO),
                "status": ScenarioStatus.ACTIVE,
                "is_public": False,
                "environment": params.environment_parameters,
            }
        )
        refuse_faults(view)

        def work(connection: sqlite3.Connection) -> ScenarioView:
            made = idempotency.once(
                connection,
                "create_scenario",
                idempotency_key,
                params,
                target_id=view.id,
                now_ms=now_ms(),
                make=lambda: rows.save(connection, _created(view)),
            )
            return view if made == view.id else rows.get(connection, made, (CREATED,)).view

        return await self._database.write(work)

    async def retrieve(self, scenario_id: str) -> ScenarioView:
        """One scenario, also one that is archived or whose folder has vanished.

        Raises:
            NotFound: There is none with this id.
        """
        return (await self._row(scenario_id)).view

    async def find(self, ids: Sequence[str]) -> dict[str, ScenarioView]:
        """Those of these scenarios that there are, by id; also ones that are archived or whose folder has vanished."""
        if not ids:
            return {}
        await self._index.refresh()
        roots = self._roots()
        found = await self._database.read(lambda connection: [rows.find(connection, each, roots) for each in ids])
        return {row.view.id: row.view for row in found if row is not None}

    async def record(self, scenario_id: str) -> ScenarioRecord:
        """One scenario with what a run of it needs, exactly as its folder is now.

        Raises:
            NotFound: There is none with this id.
        """
        row = await self._row(scenario_id)
        folder = row.folder if row.root in self._index.roots else None
        if folder is not None and await self._index.refresh_folder(row.root, folder, known=row.signature):
            row = await self._row(scenario_id)
        files = None
        if row.files_key is not None and row.folder is not None:
            files = FilesFolder(row.files_key, Path(row.root, row.folder, "files"))
        return ScenarioRecord(row.view, files, row.pack, row.root, row.environment_hash, row.present)

    async def update(self, scenario_id: str, params: ScenarioUpdateParams) -> ScenarioView:
        """Replaces parts of a created scenario: null or absent keeps, a value replaces whole, an empty one clears.

        Raises:
            NotFound: There is none with this id.
            InvalidRequest: A field is not valid, or the scenario comes from a folder, where it is edited.
        """
        await self._index.refresh()
        roots = self._roots()

        def work(connection: sqlite3.Connection) -> ScenarioView:
            row = rows.get(connection, scenario_id, roots)
            if row.folder is not None:
                raise InvalidRequest(
                    f"Scenario {row.view.name!r} comes from a folder and can't be changed here.",
                    hint=f"Edit {Path(row.root, row.folder, 'scenario.yaml')}; it is read again by itself.",
                )
            view = _updated(row.view, params)
            refuse_faults(view)
            rows.save(connection, _created(view))
            return view

        return await self._database.write(work)

    async def list(self, params: ScenarioListParams) -> Page[ScenarioView]:
        """One page: created scenarios, newest first, then those from folders, by name.

        Raises:
            InvalidRequest: `starting_after` names no scenario.
        """
        await self._index.refresh()
        return await self._database.page(list_page, params, self._roots())

    async def archive(self, scenario_id: str) -> ScenarioView:
        """Takes a scenario out of lists; it stays retrievable.

        Raises:
            NotFound: There is none with this id.
            InvalidRequest: It came with the program.
        """
        return await self._set_status(scenario_id, ScenarioStatus.ARCHIVED)

    async def unarchive(self, scenario_id: str) -> ScenarioView:
        """Puts an archived scenario back into lists.

        Raises:
            NotFound: There is none with this id.
            InvalidRequest: It came with the program.
        """
        return await self._set_status(scenario_id, ScenarioStatus.ACTIVE)

    async def _set_status(self, scenario_id: str, status: ScenarioStatus) -> ScenarioView:
        await self._index.refresh()
        roots = self._roots()

        def work(connection: sqlite3.Connection) -> ScenarioView:
            row = rows.get(connection, scenario_id, roots)
            if row.view.is_public:
                raise InvalidRequest(
                    f"Scenario {row.view.name!r} came with this program, for everybody, and can't be archived.",
                    hint="Archive scenarios of your own.",
                )
            rows.set_status(connection, scenario_id, status)
            return rows.get(connection, scenario_id, roots).view

        return await self._database.write(work)

    async def problems(self) -> Sequence[FolderProblem]:
        """The folders that could not be loaded, with everything that is wrong in them."""
        return await self._index.problems()

    async def _row(self, scenario_id: str) -> ScenarioRow:
        await self._index.refresh()
        roots = self._roots()
        return await self._database.recall(rows.get, scenario_id, roots)

    def _roots(self) -> tuple[str, ...]:
        return (CREATED, *self._index.roots)


def _created(view: ScenarioView) -> ScenarioRow:
    return ScenarioRow(
        view=view,
        root=CREATED,
        pack=None,
        folder=None,
        files_key=None,
        environment_hash=environment_hash(view.environment, None),
        present=True,
    )


_REPLACED_WHOLE = (
    "name",
    "scoring_contract",
    "metadata",
    "reference_output",
    "required_environment_variables",
    "required_secret_names",
    "scorer_timeout_sec",
    "validation_type",
)
_CLEARED_TO_NOTHING = ("reference_output", "required_environment_variables", "required_secret_names")
"""What an empty value takes away, rather than leaving it there empty."""


def _updated(view: ScenarioView, params: ScenarioUpdateParams) -> ScenarioView:
    changes = {name: getattr(params, name) for name in _REPLACED_WHOLE if getattr(params, name) is not None}
    if params.environment_parameters is not None:
        changes["environment"] = params.environment_parameters
    if params.input_context is not None:
        changes["input_context"] = _updated_context(view.input_context, params.input_context)
    for name in _CLEARED_TO_NOTHING:
        if name in changes and not changes[name]:
            changes[name] = None
    return view.model_copy(update=changes)


def _updated_context(context: InputContext, update: InputContextUpdate) -> InputContext:
    changes: dict[str, object] = {}
    if update.problem_statement is not None:
        changes["problem_statement"] = update.problem_statement
    if update.additional_context is not None:
        cleared = update.additional_context in ("", [], {})
        changes["additional_context"] = None if cleared else update.additional_context
    return context.model_copy(update=changes)
