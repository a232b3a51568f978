"""Making a devbox that belongs to no run: everything that can be refused is refused before anything is made."""

from sqlite3 import Connection

from runloop_mcp.api.access import Principal
from runloop_mcp.api.errors import InvalidRequest, NotFound
from runloop_mcp.api.ids import IdPrefix, new_id
from runloop_mcp.api.models.devbox import DevboxCreateParams, DevboxStatus, DevboxView
from runloop_mcp.api.models.mounts import CodeMountOfDevbox, FileMount, Mount
from runloop_mcp.api.models.scenario import LaunchParameters
from runloop_mcp.devbox.port import Capability
from runloop_mcp.engine.agents.mounted import agents_of
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.devboxes.beginning import begin
from runloop_mcp.engine.devboxes.capability import refuse_impossible
from runloop_mcp.engine.devboxes.variables import refuse_bad_variables
from runloop_mcp.engine.devboxes.view import load, view, with_queue
from runloop_mcp.engine.environments.bases import Base, base_of_blueprint, base_of_snapshot, refuse_lost
from runloop_mcp.engine.runs.launch import refuse_unsupported
from runloop_mcp.engine.store import blueprints, devboxes, idempotency, places, snapshots
from runloop_mcp.engine.store import mounts as kept_mounts
from runloop_mcp.engine.store.devboxes import DevboxData, DevboxRow, OwnData


async def create_devbox(
    engine: EngineContext, params: DevboxCreateParams, *, principal: Principal, idempotency_key: str | None
) -> DevboxView:
    """Makes a devbox; see `Devboxes.create`."""
    scope, arguments = f"create_devbox:{principal.id}", idempotency.fingerprint(params)
    if idempotency_key is not None:
        made = await engine.database.read(lambda c: idempotency.find(c, scope, idempotency_key, arguments))
        if made is not None:
            return view(*await engine.database.read(lambda c: load(c, made)))
    row = await _startable(engine, params, principal)
    mounts = await engine.mounting.settled(_mounts(params))
    row.data.has_mounts, row.data.agents = bool(mounts), agents_of(mounts)

    def work(connection: Connection) -> DevboxRow:
        # Looked up once more inside the transaction: the same key may have come to another server meanwhile.
        if idempotency_key is not None:
            made = idempotency.find(connection, scope, idempotency_key, arguments)
            if made is not None:
                return devboxes.get(connection, made)
            idempotency.keep(connection, scope, idempotency_key, arguments, row.id, row.create_time_ms)
        _base(connection, params)  # it may have been deleted meanwhile; from here on it can't be
        has_place = places.is_free(connection, engine.places.rules)
        if has_place:
            devboxes.begin_time(row, now_ms=row.create_time_ms)
        else:
            row.status, row.data.status_after_queue = DevboxStatus.QUEUED, row.status
        devboxes.insert(connection, row)
        if mounts:
            kept_mounts.keep(connection, row.id, engine.mounting.kept(mounts))
        places.keep(connection, row.id, engine.places.server(), given=has_place)
        return row

    kept = await begin(engine, row.id, mounts, work, lambda made: (made.id, made.status))
    return view(*await engine.database.read(lambda connection: with_queue(connection, kept)))


async def _startable(engine: EngineContext, params: DevboxCreateParams, principal: Principal) -> DevboxRow:
    """The devbox as it will be kept, once nothing stands in its way."""
    _refuse_faults(params)
    missing = await engine.secrets.missing((params.secrets or {}).values())
    if missing:
        raise InvalidRequest(
            f"The devbox can't be made: secrets {', '.join(missing)} have no value on this server.",
            hint=f"Set it with: runloop-mcp secrets set {missing[0]}",
        )
    base = await engine.database.read(lambda connection: _base(connection, params))
    launch = base.launch_with(params.launch_parameters)
    refuse_unsupported(launch, of="devbox")
    capability = await engine.driver.probe()
    refuse_impossible(capability)
    await refuse_lost(engine.driver, base)
    return _row(engine, params, principal, base, launch, capability)


_HOSTED_ONLY = ("tunnel", "gateways", "mcp")
"""What only the hosted service has, and what would be missed in a devbox without it."""


def _refuse_faults(params: DevboxCreateParams) -> None:
    for field in _HOSTED_ONLY:
        if (params.model_extra or {}).get(field):
            raise InvalidRequest(f"{field}: devboxes of this server can't have that.", hint="Leave it out.")
    if params.name is not None:
        refuse_blank_name(params.name)
    if params.snapshot_id is not None and (params.blueprint_id is not None or params.blueprint_name is not None):
        raise InvalidRequest("snapshot_id and a blueprint are both given.", hint="A devbox begins as one of the two.")
    if params.blueprint_id is not None and params.blueprint_name is not None:
        raise InvalidRequest("blueprint_id and blueprint_name are both given.", hint="Give one of the two.")
    refuse_bad_variables(params.environment_variables or {}, params.secrets or {})
    if params.entrypoint is not None and (not params.entrypoint.strip() or "\0" in params.entrypoint):
        raise InvalidRequest("entrypoint: must be a command.", hint="Leave it out where there is none.")


def refuse_blank_name(name: str) -> None:
    """Refuses a name that nobody could read.

    Raises:
        InvalidRequest: It is blank.
    """
    if not name.strip():
        raise InvalidRequest("name: the name of a devbox can't be blank.", hint="Give a name, or leave it out.")


def _mounts(params: DevboxCreateParams) -> list[Mount]:
    """All that is to be mounted, by whichever field it was asked for."""
    code = [CodeMountOfDevbox(type="code_mount", **dict(mount)) for mount in params.code_mounts or []]
    files = [
        FileMount(type="file_mount", target=target, content=content)
        for target, content in (params.file_mounts or {}).items()
    ]
    return [*code, *(params.mounts or []), *files]


def _base(connection: Connection, params: DevboxCreateParams) -> Base:
    if params.snapshot_id is not None:
        return base_of_snapshot(snapshots.get(connection, params.snapshot_id))
    if params.blueprint_id is not None:
        return base_of_blueprint(blueprints.get(connection, params.blueprint_id))
    if params.blueprint_name is not None:
        named = blueprints.named(connection, params.blueprint_name)
        if named is None:
            raise NotFound(
                f"No blueprint called {params.blueprint_name!r} is built.",
                hint="List the blueprints, and name one that is built.",
            )
        return base_of_blueprint(named)
    return Base()


def _row(
    engine: EngineContext,
    params: DevboxCreateParams,
    principal: Principal,
    base: Base,
    launch: LaunchParameters,
    capability: Capability,
) -> DevboxRow:
    # What happens after idle time overrides the keep-alive time.
    keep_alive = None if launch.idle_rule() else launch.keep_alive_time_seconds or engine.settings.keep_alive_seconds
    return DevboxRow(
        id=new_id(IdPrefix.DEVBOX),
        run_id=None,
        status=DevboxStatus.PROVISIONING,
        create_time_ms=now_ms(),
        end_time_ms=None,
        data=DevboxData(
            working_directory=base.working_directory,
            launch_parameters=launch,
            isolation=f"{capability.driver}:{capability.tier}",
            base_snapshot=base.kept_as,
            snapshot_id=base.snapshot_id,
            blueprint_id=base.blueprint_id,
            name=params.name,
            metadata=params.metadata or {},
            own=OwnData(
                principal=principal.id,
                environment_variables=params.environment_variables or {},
                secrets=params.secrets or {},
                entrypoint=params.entrypoint,
                keep_alive_seconds=keep_alive,
            ),
        ),
    )
