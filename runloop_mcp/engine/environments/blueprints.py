"""The `Blueprints` port of the embedded engine."""

import hashlib
import json
from dataclasses import dataclass
from sqlite3 import Connection

from runloop_mcp.api.errors import Conflict, InvalidRequest, InvalidState, Unavailable
from runloop_mcp.api.groups.environments import Blueprints
from runloop_mcp.api.ids import IdPrefix, new_id
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.blueprint import (
    BUILD_ENDED,
    BlueprintDetails,
    BlueprintListParams,
    BlueprintLogs,
    BlueprintParams,
    BlueprintStatus,
    BlueprintView,
    CodeMount,
)
from runloop_mcp.devbox.port import Capability
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.environments.bases import Base, base_of_blueprint, refuse_lost
from runloop_mcp.engine.environments.blueprint_builder import BlueprintBuilder
from runloop_mcp.engine.environments.blueprint_checks import is_settled, refuse_faults
from runloop_mcp.engine.store import blueprints, idempotency, users_of_bases
from runloop_mcp.engine.store.blueprints import CREATED, DELETED, BlueprintData, BlueprintRow

_ABANDONED = "The server that built it ended before it was done. Create it again."
_SCOPE = "blueprint"


@dataclass(frozen=True, slots=True)
class _Foundation:
    """The blueprint that another one is built on."""

    id: str | None
    base: Base


class EngineBlueprints(Blueprints):
    """Blueprints of the embedded engine."""

    def __init__(self, engine: EngineContext, builder: BlueprintBuilder) -> None:
        self._engine = engine
        self._builder = builder

    async def create(self, params: BlueprintParams, *, idempotency_key: str | None = None) -> BlueprintView:
        """See `Blueprints.create`."""
        engine = self._engine
        arguments = idempotency.fingerprint(params)
        if idempotency_key is not None:
            made = await engine.database.read(lambda c: idempotency.find(c, _SCOPE, idempotency_key, arguments))
            if made is not None:
                return await self.retrieve(made)
        refuse_faults(params, engine.driver)
        missing = await engine.secrets.missing((params.secrets or {}).values())
        if missing:
            raise InvalidRequest(
                f"The blueprint can't be built: secrets {', '.join(missing)} have no value on this server.",
                hint=f"Set it with: runloop-mcp secrets set {missing[0]}",
            )
        capability = await engine.driver.probe()
        _refuse_impossible(capability)
        await self._note_abandoned()
        on = await engine.database.read(lambda connection: _foundation(connection, params))
        await refuse_lost(engine.driver, on.base)
        row = self._row_of(params, on, capability)

        def work(connection: Connection) -> str:
            if idempotency_key is not None:
                made = idempotency.find(connection, _SCOPE, idempotency_key, arguments)
                if made is not None:
                    return made
                idempotency.keep(connection, _SCOPE, idempotency_key, arguments, row.id, row.create_time_ms)
            _foundation(connection, params)  # it may have been deleted meanwhile
            row.server = engine.places.server()
            blueprints.insert(connection, row)
            return row.id

        blueprint_id = await engine.database.write(work, durable=True)
        if blueprint_id == row.id:
            engine.tasks.start_soon(self._builder.build, row, params)
        return await self.retrieve(blueprint_id)

    def _row_of(self, params: BlueprintParams, on: _Foundation, capability: Capability) -> BlueprintRow:
        kept = params.model_copy(update={"code_mounts": _without_tokens(params.code_mounts)})
        return BlueprintRow(
            id=new_id(IdPrefix.BLUEPRINT),
            name=params.name,
            state=CREATED,
            status=BlueprintStatus.QUEUED,
            build_key=_build_key(params, on, capability),
            snapshot_id=new_id(IdPrefix.SNAPSHOT),
            base_blueprint_id=on.id,
            create_time_ms=now_ms(),
            server="",
            data=BlueprintData(
                parameters=kept, base_snapshot_id=on.base.kept_as, working_directory=on.base.working_directory
            ),
        )

    async def retrieve(self, blueprint_id: str) -> BlueprintView:
        """See `Blueprints.retrieve`."""
        return _view(await self._row(blueprint_id))

    async def wait(self, blueprint_id: str, *, wait_seconds: float) -> BlueprintView:
        """See `Blueprints.wait`."""
        row = await self._engine.changes.wait(
            blueprint_id, lambda: self._row(blueprint_id), lambda seen: seen.status in BUILD_ENDED, seconds=wait_seconds
        )
        return _view(row)

    async def _row(self, blueprint_id: str) -> BlueprintRow:
        row = await self._engine.database.read(lambda connection: blueprints.get(connection, blueprint_id))
        if row.status in BUILD_ENDED:
            return row
        await self._note_abandoned()
        return await self._engine.database.read(lambda connection: blueprints.get(connection, blueprint_id))

    async def _note_abandoned(self) -> None:
        """Marks as failed what a server was building that has ended."""
        database = self._engine.database
        alive = self._engine.places.rules.alive
        if await database.read(blueprints.unfinished):
            await database.write(
                lambda connection: blueprints.fail_abandoned(connection, alive, _ABANDONED, now_ms=now_ms())
            )

    async def list(self, params: BlueprintListParams) -> Page[BlueprintView]:
        """See `Blueprints.list`."""
        await self._note_abandoned()
        rows, total, more = await self._engine.database.read(lambda connection: blueprints.page(connection, params))
        return Page(items=[_view(row) for row in rows], has_more=more, total_count=total)

    async def logs(self, blueprint_id: str) -> BlueprintLogs:
        """See `Blueprints.logs`."""
        await self._row(blueprint_id)
        lines = await self._engine.database.read(lambda connection: blueprints.logs(connection, blueprint_id))
        return BlueprintLogs(blueprint_id=blueprint_id, logs=lines)

    async def delete(self, blueprint_id: str) -> None:
        """See `Blueprints.delete`."""
        await self._note_abandoned()

        def work(connection: Connection) -> str | None:
            row = blueprints.get(connection, blueprint_id)
            if row.state == DELETED:
                return None
            if row.status not in BUILD_ENDED:
                raise Conflict("The blueprint is being built.", hint="Wait for its build to end.", retry_after=5)
            users = users_of_bases.users(connection, "blueprint_id", blueprint_id)
            users += users_of_bases.dependents(connection, blueprint_id)
            if users:
                raise InvalidState(
                    f"The blueprint {blueprint_id} is in use: {', '.join(users)}.",
                    hint="Delete what was made on it, archive or change the scenarios, and end the devboxes first.",
                )
            row.state = DELETED
            blueprints.save(connection, row)
            wanted = blueprints.needed(connection) | users_of_bases.still_wanted(connection)
            return None if row.snapshot_id in wanted else row.snapshot_id

        unneeded = await self._engine.database.write(work, durable=True)
        if unneeded is not None:
            await self._engine.driver.remove_snapshot(unneeded)


def _refuse_impossible(capability: Capability) -> None:
    if not capability.available:
        raise Unavailable("No devbox can run here, to build in.", hint="Look with: runloop-mcp doctor")


def _foundation(connection: Connection, params: BlueprintParams) -> _Foundation:
    if params.base_blueprint_id is not None:
        return _Foundation(
            params.base_blueprint_id, base_of_blueprint(blueprints.get(connection, params.base_blueprint_id))
        )
    if params.base_blueprint_name is not None:
        row = blueprints.named(connection, params.base_blueprint_name)
        if row is None:
            raise InvalidState(
                f"No blueprint called {params.base_blueprint_name!r} is built.",
                hint="List the blueprints, and name one that is built in base_blueprint_name.",
            )
        return _Foundation(row.id, base_of_blueprint(row))
    return _Foundation(None, Base())


def _without_tokens(mounts: list[CodeMount] | None) -> list[CodeMount] | None:
    return None if mounts is None else [mount.model_copy(update={"token": None}) for mount in mounts]


_CONTENTS = {
    "system_setup_commands",
    "file_mounts",
    "code_mounts",
    "secrets",
    "dockerfile",
    "build_args",
}
"""What decides what a build results in, beside what it is built on and where."""


def _build_key(params: BlueprintParams, on: _Foundation, capability: Capability) -> str:
    """Names what the build will result in; of what changes with time, such as a branch, each build is its own."""
    if not is_settled(params):
        return new_id(IdPrefix.BLUEPRINT)
    user = params.launch_parameters.user_parameters if params.launch_parameters else None
    contents = {
        "on": on.base.kept_as,
        "devboxes": [capability.driver, capability.image or capability.python],
        "user": user.model_dump(mode="json") if user else None,
        **params.model_dump(mode="json", include=_CONTENTS, exclude_none=True),
    }
    return hashlib.sha256(json.dumps(contents, sort_keys=True).encode()).hexdigest()


def _view(row: BlueprintRow) -> BlueprintView:
    data = row.data
    return BlueprintView(
        id=row.id,
        name=row.name,
        create_time_ms=row.create_time_ms,
        state=row.state,
        status=row.status,
        parameters=data.parameters,
        base_blueprint_id=row.base_blueprint_id,
        build_finish_time_ms=data.finish_time_ms,
        failure_reason=data.failure_reason,
        metadata=data.parameters.metadata or {},
        x_runloop_mcp=BlueprintDetails(failure_message=data.failure_message, reused=data.reused),
    )
