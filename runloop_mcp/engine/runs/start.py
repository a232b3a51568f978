"""Starting a run: everything that can be refused is refused before anything is made."""

from collections.abc import Iterable, Sequence
from sqlite3 import Connection

from runloop_mcp.api.access import Principal
from runloop_mcp.api.disclosure import disclosure_of
from runloop_mcp.api.errors import InvalidState, Unavailable
from runloop_mcp.api.ids import IdPrefix, new_id
from runloop_mcp.api.models.devbox import DevboxStatus
from runloop_mcp.api.models.mounts import Mount
from runloop_mcp.api.models.run import RunProfile, RunState, ScenarioRunView, StartRunParams
from runloop_mcp.api.models.scenario import LaunchParameters, ScenarioEnvironment, ScenarioStatus, ScenarioView
from runloop_mcp.api.models.scoring import ScoringMode
from runloop_mcp.api.trace import EventKind
from runloop_mcp.devbox.port import Capability
from runloop_mcp.engine.agents.mounted import agents_of
from runloop_mcp.engine.benchmarks.profile import profile_of
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.devboxes.beginning import begin
from runloop_mcp.engine.devboxes.capability import refuse_impossible
from runloop_mcp.engine.devboxes.places import Places
from runloop_mcp.engine.devboxes.variables import refuse_bad_variables
from runloop_mcp.engine.environments.bases import Base, base_of, over, refuse_lost
from runloop_mcp.engine.runs.launch import refuse_unsupported
from runloop_mcp.engine.runs.required import refuse_missing
from runloop_mcp.engine.runs.view import RunRecord, load, view
from runloop_mcp.engine.scenarios.environment import with_additions
from runloop_mcp.engine.scenarios.library import ScenarioRecord
from runloop_mcp.engine.scenarios.requirements import missing_programs
from runloop_mcp.engine.scoring.sealing import seal_version
from runloop_mcp.engine.store import devboxes, events, idempotency, places, runs, versions
from runloop_mcp.engine.store import mounts as kept_mounts
from runloop_mcp.engine.store.devboxes import DevboxData, DevboxRow
from runloop_mcp.engine.store.runs import RunData, RunRow
from runloop_mcp.engine.store.versions import Version

_IDEMPOTENCY_SCOPE = "start_run"


async def start_run(
    engine: EngineContext, params: StartRunParams, *, principal: Principal, idempotency_key: str | None
) -> ScenarioRunView:
    """Starts a run; see `Scenarios.start_run`."""
    scope, arguments = f"{_IDEMPOTENCY_SCOPE}:{principal.id}", idempotency.fingerprint(params)
    if idempotency_key is not None:
        started = await engine.database.look(lambda c: idempotency.find(c, scope, idempotency_key, arguments))
        if started is not None:
            return view(await engine.database.recall(load, started))
    record = await engine.library.record(params.scenario_id)
    _refuse_unstartable(record)
    profile = await _profile(engine, params)
    # A run that could never run a command is not started: it would count as an attempt.
    refuse_bad_variables(profile.env_vars or {}, profile.secrets or {})
    await refuse_missing(
        engine.secrets,
        profile,
        variables=record.view.required_environment_variables,
        secrets=record.view.required_secret_names,
    )
    environment = record.view.environment or ScenarioEnvironment()
    base = await _base(engine, environment)
    launch = over(base.launch_with(environment.launch_parameters), profile.launch_parameters)
    refuse_unsupported(launch)
    mounts = await engine.mounting.settled(profile.mounts or [])
    capability = await engine.driver.probe()
    refuse_impossible(capability)
    await refuse_lost(engine.driver, base)
    await _refuse_missing_programs(engine, record.view)
    version = versions.version_of(await engine.custom_scorers.with_scripts(record.view, record.root))
    row, devbox = _rows(engine, params, profile, principal, record, version, base, launch, capability)
    kept_of_mounts = engine.mounting.kept(mounts)
    _note_additions(row, devbox, profile, [mount for mount, _ in kept_of_mounts])

    def work(connection: Connection) -> RunRecord:
        # Looked up once more inside the transaction: the same key may have come to another server meanwhile.
        if idempotency_key is not None:
            started = idempotency.find(connection, scope, idempotency_key, arguments)
            if started is not None:
                return load(connection, started)
            idempotency.keep(connection, scope, idempotency_key, arguments, row.id, row.start_time_ms)
        profile_of(connection, params)  # its benchmark run may have ended meanwhile
        base_of(connection, environment)  # it may have been deleted meanwhile; from here on it can't be
        _count_attempt(connection, row)
        versions.keep(connection, version)
        _insert(connection, row, devbox, engine.places, record.view.name)
        if mounts:
            kept_mounts.keep(connection, devbox.id, kept_of_mounts)
        return _begun(connection, row, devbox)

    made = await begin(engine, devbox.id, mounts, work, lambda made: (made.row.devbox_id, made.devbox_status))
    run = view(made)
    if made.row is row:  # and not one that was started before with this key
        run.started_from = record.view
    return run


async def _profile(engine: EngineContext, params: StartRunParams) -> RunProfile:
    if params.benchmark_run_id is None:
        return params.run_profile or RunProfile()
    return await engine.database.look(lambda connection: profile_of(connection, params))


async def _base(engine: EngineContext, environment: ScenarioEnvironment) -> Base:
    if environment.snapshot_id is None and environment.blueprint_id is None:
        return Base()
    return await engine.database.look(lambda connection: base_of(connection, environment))


def _begun(connection: Connection, row: RunRow, devbox: DevboxRow) -> RunRecord:
    """A run that has just been kept, as `load` would give it: no commands and no scores yet."""
    queued = devbox.status is DevboxStatus.QUEUED
    return RunRecord(
        row=row,
        devbox_status=devbox.status,
        attempts=row.attempt,
        commands=0,
        queue=places.place_of(connection, devbox.id) if queued else None,
        rescorings=[],
    )


def _insert(connection: Connection, row: RunRow, devbox: DevboxRow, queue: Places, scenario: str) -> None:
    """Keeps a run and its devbox, which has a place, or waits for one: then the run's time has not begun."""
    has_place = places.is_free(connection, queue.rules)
    if has_place:
        row.expires_ms = runs.expiry(row.data, row.start_time_ms)
    else:
        devbox.status, devbox.data.status_after_queue = DevboxStatus.QUEUED, devbox.status
    runs.insert(connection, row)
    devboxes.insert(connection, devbox)
    places.keep(connection, devbox.id, queue.server(), given=has_place)
    started: dict[str, object] = {
        "move": "start",
        "state": row.state,
        "scenario_id": row.scenario_id,
        "scenario": scenario,
        "attempt": row.attempt,
        "devbox_id": row.devbox_id,
        "isolation": row.data.isolation,
        "environment_hash": row.data.environment_hash,
        "sealed": row.data.sealed and row.data.sealed.model_dump(exclude_none=True),
    }
    events.begin(connection, row.id, EventKind.STATE, row.start_time_ms, started)
    if not has_place:
        places.note_queued(connection, row.id, devbox.id, now_ms=row.start_time_ms)


def _rows(
    engine: EngineContext,
    params: StartRunParams,
    profile: RunProfile,
    principal: Principal,
    record: ScenarioRecord,
    version: Version,
    base: Base,
    launch: LaunchParameters,
    capability: Capability,
) -> tuple[RunRow, DevboxRow]:
    now = now_ms()
    scenario = record.view
    working_directory = (scenario.environment or ScenarioEnvironment()).working_directory or base.working_directory
    isolation = f"{capability.driver}:{capability.tier}"
    # What happens after idle time overrides the keep-alive time.
    keep_alive = None if launch.idle_rule() else launch.keep_alive_time_seconds or engine.settings.keep_alive_seconds
    files_key = record.files.key if record.files else None
    run_id, devbox_id = new_id(IdPrefix.RUN), new_id(IdPrefix.DEVBOX)
    row = RunRow(
        id=run_id,
        scenario_id=scenario.id,
        devbox_id=devbox_id,
        principal=principal.id,
        attempt=1,
        state=RunState.RUNNING,
        name=params.run_name,
        start_time_ms=now,
        end_time_ms=None,
        expires_ms=None,
        data=RunData(
            scenario_version=version.id,
            sealed=seal_version(version, files_key),
            files_key=files_key,
            metadata=params.metadata or {},
            purpose=profile.purpose,
            benchmark_run_id=params.benchmark_run_id,
            environment_variables=profile.env_vars or {},
            secrets=profile.secrets or {},
            working_directory=working_directory,
            environment_hash=record.environment_hash,
            isolation=isolation,
            disclosure=disclosure_of(scenario),
            scoring=_scoring_mode(record),
            commands_limit=_limit(scenario, "max_commands"),
            attempts_limit=_limit(scenario, "max_attempts"),
            keep_alive_seconds=keep_alive,
        ),
        result=None,
    )
    devbox = DevboxRow(
        id=devbox_id,
        run_id=run_id,
        status=DevboxStatus.PROVISIONING,
        create_time_ms=now,
        end_time_ms=None,
        data=DevboxData(
            working_directory=working_directory,
            launch_parameters=launch,
            isolation=isolation,
            base_snapshot=base.kept_as,
            snapshot_id=base.snapshot_id,
            blueprint_id=base.blueprint_id,
            # Noted before it is taken, so that what a server leaves that is killed between the two is found.
            pristine_home_snapshot=new_id(IdPrefix.SNAPSHOT) if launch.launch_commands else None,
        ),
    )
    return row, devbox


def _note_additions(row: RunRow, devbox: DevboxRow, profile: RunProfile, mounts: Sequence[Mount]) -> None:
    """What the run itself adds to the scenario's environment is part of what it starts from."""
    if mounts:
        devbox.data.has_mounts = True
        devbox.data.agents = agents_of(mounts)
        devbox.data.pristine_home_snapshot = devbox.data.pristine_home_snapshot or new_id(IdPrefix.SNAPSHOT)
    if mounts or profile.launch_parameters is not None:
        row.data.scenario_environment_hash = row.data.environment_hash
        row.data.environment_hash = with_additions(row.data.environment_hash, mounts, profile.launch_parameters)


def _limit(scenario: ScenarioView, key: str) -> int | None:
    value = scenario.metadata.get(key)
    return int(value) if value else None


def _count_attempt(connection: Connection, row: RunRow) -> None:
    row.attempt = runs.count_attempts(connection, row.scenario_id, row.principal) + 1
    limit = row.data.attempts_limit
    if limit is not None and row.attempt > limit:
        raise InvalidState(
            f"All {limit} attempts at this scenario are used up.",
            hint="The scores of earlier runs stand; list the runs of the scenario to see them.",
        )


def _refuse_unstartable(record: ScenarioRecord) -> None:
    scenario = record.view
    if not record.present:
        raise InvalidState(
            f"The folder of scenario {scenario.name!r} is gone or no longer valid, so it can't be started.",
            hint="Its author can see what is wrong with: runloop-mcp scenarios list",
        )
    if scenario.status == ScenarioStatus.ARCHIVED:
        raise InvalidState(
            f"The scenario {scenario.name!r} is archived, so it can't be started.",
            hint="List the scenarios for those that can.",
        )


def _names(names: Iterable[str]) -> str:
    return ", ".join(names)


async def _refuse_missing_programs(engine: EngineContext, scenario: ScenarioView) -> None:
    if missing := await missing_programs(scenario, engine.driver):
        raise Unavailable(
            f"The scenario {scenario.name!r} needs programs that devboxes here have not: {_names(missing)}.",
            hint="Install them on the machine that runs the devboxes, or choose another scenario.",
        )


def _scoring_mode(record: ScenarioRecord) -> ScoringMode:
    """What the scoring devbox of a run is made of.

    Who names a working directory says where the answer is. Who creates a scenario without one, as users of Runloop's
    SDKs do, whose commands begin in the home, may look for it anywhere there.
    """
    environment = record.view.environment
    says_where = record.pack is not None or (environment is not None and environment.working_directory is not None)
    return ScoringMode(record.view.metadata.get("scoring", ScoringMode.CLEAN if says_where else ScoringMode.FORK))
