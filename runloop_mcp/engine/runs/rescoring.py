"""Scoring the frozen disk of a run again, for an operator."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from sqlite3 import Connection

from anyio import to_thread

from runloop_mcp.api.access import Principal
from runloop_mcp.api.errors import InvalidRequest, InvalidState, NotFound
from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.api.models.scoring import ScoringContract, ScoringMode
from runloop_mcp.api.models.trust import RescoreParams, Rescoring
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.runs.launch import spec_of
from runloop_mcp.engine.runs.scored import masked, scored_disk
from runloop_mcp.engine.runs.states import WITH_SCORE, next_calls
from runloop_mcp.engine.scenarios.checks import refuse_faults
from runloop_mcp.engine.scoring.contract import run_contract, unscorable
from runloop_mcp.engine.scoring.scoring_devbox import Purpose, ScoredDiskFailure, fresh_devboxes, scoring_devbox_ids
from runloop_mcp.engine.scoring.sealing import contract_hash, refuse_changed
from runloop_mcp.engine.secrets.masking import Mask
from runloop_mcp.engine.store import devboxes, rescorings, runs, versions
from runloop_mcp.engine.store.devboxes import DevboxRow
from runloop_mcp.engine.store.runs import RunRow


@dataclass(frozen=True, slots=True)
class _Frozen:
    """What is scored again."""

    run: RunRow
    devbox: DevboxRow
    scenario: ScenarioView
    """As it was when the run started."""
    snapshot_id: str


async def rescore(engine: EngineContext, run_id: str, params: RescoreParams, principal: Principal) -> Rescoring:
    """Scores a run's frozen disk again; see `Runs.rescore`."""
    frozen = await _find(engine, run_id)
    mode = params.mode or frozen.run.data.scoring
    if mode is ScoringMode.LIVE:
        raise InvalidRequest("A frozen disk can't be scored in place: nothing runs on it.", hint="Take clean or fork.")
    sealed = frozen.scenario.scoring_contract
    scenario = frozen.scenario
    if params.contract is not None:
        scenario = await _with_contract(engine, frozen.scenario, params.contract)
    contract = scenario.scoring_contract
    values = await engine.secrets.of(frozen.run.data.secrets.values())
    bound = {variable: values[name] for variable, name in frozen.run.data.secrets.items() if name in values}
    tools = await engine.toolbox.tools_for(contract)
    disk = scored_disk(frozen.devbox, frozen.snapshot_id, frozen.scenario, tools)
    like = spec_of(frozen.devbox, engine.settings.network)
    began = time.monotonic()
    async with (
        _alone(engine, frozen.snapshot_id),
        fresh_devboxes(engine.driver, like, disk, mode, purpose=Purpose.RESCORING) as boxes,
    ):
        try:
            result = await run_contract(
                contract,
                boxes,
                timeout_seconds=scenario.scorer_timeout_sec or engine.settings.scorer_timeout_seconds,
                environment={**frozen.run.data.environment_variables, **bound},
                tools=tools,
            )
        except ScoredDiskFailure as error:
            result = unscorable(contract, error.message)
        rescoring = Rescoring(
            time_ms=now_ms(),
            principal=principal.id,
            contract_hash=contract_hash(contract),
            same_contract=contract_hash(contract) == contract_hash(sealed),
            mode=mode,
            duration_ms=round((time.monotonic() - began) * 1000),
            result=masked(result, Mask(values)),
        )
        await engine.database.write(lambda connection: rescorings.keep(connection, run_id, rescoring), durable=True)
    engine.changes.notify(run_id)
    return rescoring


async def _find(engine: EngineContext, run_id: str) -> _Frozen:
    """The frozen disk of a run.

    Raises:
        NotFound: There is no such run, or its disk is no longer kept.
        InvalidState: It has no score, or nothing was frozen for it.
    """

    def look(connection: Connection) -> tuple[RunRow, DevboxRow]:
        run = runs.get(connection, run_id)
        return run, devboxes.get(connection, run.devbox_id)

    run, row = await engine.database.read(look)
    if run.state not in WITH_SCORE:
        raise InvalidState(
            f"The run is {run.state}, so there is no score beside which another could be kept.",
            hint=next_calls(run.state),
        )
    if run.data.scoring is ScoringMode.LIVE:
        raise InvalidState(
            "The run was scored in place (`live`), so that no disk of it was frozen.",
            hint="Only runs that were scored in mode clean or fork can be scored again.",
        )
    snapshot_id = row.data.frozen_snapshot
    if snapshot_id is None or not await engine.driver.has_snapshot(snapshot_id):
        settings = engine.settings
        raise NotFound(
            "The frozen disk of this run is no longer kept: frozen disks go when their run ended "
            f"{settings.retention_days:g} days ago, or earlier when all that is kept takes more than "
            f"{settings.retention_bytes / 1e9:g} GB.",
            hint="Its score and its record stay. RUNLOOP_MCP_RETENTION_DAYS and RUNLOOP_MCP_RETENTION_GB keep disks of "
            "later runs for longer.",
        )
    scenario = await engine.database.read(lambda connection: versions.get(connection, run.data.scenario_version))
    refuse_changed(run.data.sealed, scenario, run.data.files_key)
    return _Frozen(run, row, scenario, snapshot_id)


async def _with_contract(engine: EngineContext, scenario: ScenarioView, contract: ScoringContract) -> ScenarioView:
    """The scenario with another contract and the scripts of its custom scorers.

    Raises:
        InvalidRequest: The contract is not valid, or names a scorer that there is not.
    """
    scenario = scenario.model_copy(update={"scoring_contract": contract})
    refuse_faults(scenario)
    try:
        root = (await engine.library.record(scenario.id)).root
    except NotFound:
        root = ""  # its folder is gone: created scorers, and those of other packs
    return await engine.custom_scorers.with_scripts(scenario, root)


@asynccontextmanager
async def _alone(engine: EngineContext, snapshot_id: str) -> AsyncIterator[None]:
    """Keeps every other process from scoring this disk meanwhile.

    Raises:
        Conflict: One is at it.
    """
    lock = engine.keeper.lock(
        scoring_devbox_ids(snapshot_id, Purpose.RESCORING)[0], taken="This run is just being rescored"
    )
    await to_thread.run_sync(lock.acquire)
    try:
        yield
    finally:
        lock.release(forget=True)
