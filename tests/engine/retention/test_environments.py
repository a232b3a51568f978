"""What is kept to begin from: gc leaves it, and takes what was deleted once nothing is scored on it any more."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from state_directory import engine_on, executed, left, lifecycle, scenario, started

from runloop_mcp.api.errors import NotFound
from runloop_mcp.api.models.blueprint import BlueprintParams, BlueprintStatus
from runloop_mcp.api.models.scenario import ScenarioEnvironment, ScenarioUpdateParams
from runloop_mcp.api.models.snapshot import SnapshotListParams, SnapshotParams, SnapshotStatus
from runloop_mcp.engine.backend import EmbeddedEngine

SETTLE_SECONDS = 20


async def _on(engine: EmbeddedEngine, **base: str) -> str:
    """A scenario that begins from something; gives its id."""
    scenario_id = await scenario(engine, launch_commands=())
    await engine.scenarios.update(
        scenario_id, ScenarioUpdateParams(environment_parameters=ScenarioEnvironment.model_validate(base))
    )
    return scenario_id


async def test_what_has_a_name_stays_until_it_is_deleted(state: Path) -> None:
    """With nothing to be kept of runs, snapshots and what blueprints were built into stay; deleted, all of it goes."""
    async with engine_on(state, days=0, size=0) as engine:
        run = await started(engine, await scenario(engine))
        await executed(engine, run, "touch answer")
        snapshot = await engine.snapshots.create(run.devbox_id, SnapshotParams(name="kept"))
        await engine.runs.cancel(run.id)
        params = BlueprintParams(name="b", system_setup_commands=["touch ~/launched"])
        blueprint = await engine.blueprints.create(params)
        blueprint = await engine.blueprints.wait(blueprint.id, wait_seconds=SETTLE_SECONDS)
        assert blueprint.status == BlueprintStatus.BUILD_COMPLETE
        await engine.collect()
    async with engine_on(state, days=0, size=0) as engine:
        assert (await engine.collect()).removals == []
        for base in ({"snapshot_id": snapshot.id}, {"blueprint_id": blueprint.id}):
            scenario_id = await _on(engine, **base)
            assert (await lifecycle(engine, scenario_id)).score == 1.0
            await engine.scenarios.archive(scenario_id)
        await engine.snapshots.delete(snapshot.id)
        await engine.blueprints.delete(blueprint.id)
        await engine.collect()  # the frozen disks, by which they are known to be needed
        await engine.collect()
        assert [name for name in left(state) if not name.startswith("servers/")] == []


async def test_what_a_score_was_made_on_goes_with_the_frozen_disk(state: Path) -> None:
    """A snapshot that is deleted while a frozen disk was made from it is kept, unseen, as long as that."""
    async with engine_on(state) as engine:
        source = await started(engine, await scenario(engine))
        snapshot = await engine.snapshots.create(source.devbox_id, SnapshotParams())
        await engine.runs.cancel(source.id)
        scenario_id = await _on(engine, snapshot_id=snapshot.id)
        await lifecycle(engine, scenario_id)
        await engine.scenarios.archive(scenario_id)
        await engine.snapshots.delete(snapshot.id)
        assert (await engine.snapshots.list(SnapshotListParams())).items == []
        await engine.collect()
        assert (state / "sandbox" / "snapshots" / f"{snapshot.id}.json").exists()
    async with engine_on(state, days=0) as engine:
        await engine.collect()  # the frozen disk, by which it is known to be needed
        await engine.collect()
        assert [name for name in left(state) if not name.startswith("servers/")] == []


async def test_what_a_killed_server_was_making_has_failed(state: Path) -> None:
    """A snapshot that its server did not finish is told to have failed, and what there is of it goes."""
    async with engine_on(state) as engine:
        run = await started(engine, await scenario(engine))
        snapshot = await engine.snapshots.create(run.devbox_id, SnapshotParams())
        await engine.runs.cancel(run.id)
    with closing(sqlite3.connect(state / "store.db")) as connection, connection:
        connection.execute("UPDATE snapshots SET status = 'in_progress', server = 'dead'")
    async with engine_on(state) as engine:
        status = await engine.snapshots.query_status(snapshot.id)
        assert (status.status, status.snapshot) == (SnapshotStatus.ERROR, None)
        assert "ended before it was done" in (status.error_message or "")
        with pytest.raises(NotFound, match="could not be made"):
            await engine.snapshots.retrieve(snapshot.id)
        await engine.collect()
    assert left(state) == []
