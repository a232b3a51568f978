"""What servers leave that are killed: found by what comes after them, and never taken for what is in use."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from probed_driver import ProbedDriver
from state_directory import engine_on, executed, left, scenario, started

from runloop_mcp.api.models.devbox import DevboxStatus
from runloop_mcp.api.models.run import RunState, ScenarioRunView
from runloop_mcp.devbox.port import DevboxSpec
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.runs.states import Move
from runloop_mcp.engine.scoring.scoring_devbox import Purpose, scoring_devbox_ids
from runloop_mcp.engine.store import built_tools, devboxes, runs

_FROZEN = "snp_000000000000000000000"


@contextmanager
def _store(state: Path) -> Iterator[sqlite3.Connection]:
    """The store, for what a server would have written before it was killed."""
    with closing(sqlite3.connect(state / "store.db")) as connection, connection:
        yield connection


async def _killed_while_scoring(state: Path) -> ScenarioRunView:
    """A run as a server leaves it that is killed while it scores: frozen disk and scoring devbox are there."""
    async with engine_on(state) as engine:
        run = await started(engine, await scenario(engine))
    async with ProbedDriver(state) as driver:
        await driver.resume(run.devbox_id)
        await driver.snapshot(run.devbox_id, _FROZEN)
        await driver.create(scoring_devbox_ids(_FROZEN, Purpose.SCORING)[0], DevboxSpec(work_snapshot=_FROZEN))
    with _store(state) as connection:
        runs.move(connection, run.id, Move.SCORE, now_ms=now_ms())
        row = devboxes.get(connection, run.devbox_id)
        row.data.frozen_snapshot = _FROZEN
        devboxes.save(connection, row, now_ms=now_ms())
    return run


async def test_a_run_that_is_canceled_before_its_scoring_begins_again_leaves_nothing(state: Path) -> None:
    """The next server ends the run with everything that scoring had made."""
    run = await _killed_while_scoring(state)
    async with engine_on(state) as engine:
        assert (await engine.runs.cancel(run.id)).state == RunState.CANCELED
    assert left(state) == []


async def test_what_scoring_left_goes_when_its_run_has_ended(state: Path) -> None:
    """Where the server that canceled it was killed as well, gc finds it; while the run is scoring it stays."""
    run = await _killed_while_scoring(state)
    async with engine_on(state) as engine:
        assert (await engine.collect(dry_run=True)).removals == []
    with _store(state) as connection:
        runs.move(connection, run.id, Move.CANCEL, now_ms=now_ms())
    async with engine_on(state) as engine:
        await engine.collect()
        assert [name for name in left(state) if not name.startswith("servers/")] == []
        assert (await engine.devboxes.retrieve(run.devbox_id)).status == DevboxStatus.SHUTDOWN


async def test_a_disk_that_was_half_frozen_is_frozen_anew(state: Path) -> None:
    """A server killed while it copies the disk to be scored leaves a run that the next one scores all the same."""
    run = await _killed_while_scoring(state)
    (state / "sandbox" / "snapshots" / f"{_FROZEN}.json").unlink()
    async with engine_on(state) as engine:
        scored = await engine.runs.score(run.id)
        assert (scored.state, scored.score) == (RunState.SCORED, 0.0)
        await engine.runs.complete(run.id)


async def test_a_home_that_was_kept_before_the_boot_was_noted_is_kept_anew(state: Path) -> None:
    """A server killed between the two leaves a devbox that the next one sets up again, and in the end nothing."""
    async with engine_on(state) as engine:
        run = await started(engine, await scenario(engine, command="test -f ~/launched"))
        await executed(engine, run, "echo spoilt > ~/launched; touch ~/more")
    with _store(state) as connection:
        row = devboxes.get(connection, run.devbox_id)
        row.status = DevboxStatus.PROVISIONING
        devboxes.save(connection, row, now_ms=now_ms())
    async with engine_on(state, days=0) as engine:
        assert (await executed(engine, run, "ls -A ~; cat ~/launched")).stdout == "launched\nwork\n"
        assert (await engine.runs.score(run.id)).score == 1.0
        await engine.runs.complete(run.id)
        await engine.collect()
    assert left(state) == []


def _plant(state: Path) -> None:
    """What servers leave that are killed at the worst moments."""
    sandbox = state / "sandbox"
    for name in ("half-made", "given-up", "home"):
        (sandbox / "layers" / f"snapshot-snp_{name}" / "work").mkdir(parents=True)
    (sandbox / "removed" / "snp_given-up.json").write_text('{"home": [], "work": []}')
    record = {"format": 1, "home": ["layers/snapshot-snp_home/work"], "work": []}
    (sandbox / "snapshots" / "snp_home.json").write_text(json.dumps(record))
    (sandbox / "snapshots" / "snp_torn.new").write_text('{"format": 1, "ho')
    (sandbox / "devboxes" / "dbx_barely").mkdir()
    (sandbox / "trash" / "devboxes-4194304999-ab" / "closed").mkdir(parents=True, mode=0o000)
    (sandbox / "tools" / "of-another-version" / "inside").mkdir(parents=True)
    (sandbox / "layers" / "files-of-no-scenario").mkdir()
    (sandbox / "layers" / "files-trial-of-another-version").mkdir()
    (state / "outputs" / "dbx_unknown").mkdir(parents=True)
    (state / "outputs" / "dbx_unknown" / "exe_unknown.stdout").write_text("x" * 10_000)
    (state / "locks" / "dbx_unknown.lock").write_text("")
    (state / "servers" / "4194304999-ab.lock").write_text("")
    (state / "secrets.json.new").write_text('{"format": 1')


def _without_servers(names: list[str]) -> list[str]:
    """Without what says that servers are there: one that begins takes away what a killed one left of that."""
    return [name for name in names if not name.startswith("servers/")]


async def test_what_no_run_knows_goes_at_once_where_no_other_server_is(state: Path) -> None:
    """A dry run says it and touches nothing; then it goes, and a devbox that nobody has booted stays."""
    async with engine_on(state) as engine:
        run = await started(engine, await scenario(engine))
        await executed(engine, run, "touch answer")
    before = left(state)
    _plant(state)
    planted = left(state)
    async with engine_on(state) as engine:
        told = await engine.collect(dry_run=True)
        assert _without_servers(left(state)) == _without_servers(planted)
        done = await engine.collect()
        assert [(each.what, each.id) for each in done.removals] == [(each.what, each.id) for each in told.removals]
        assert done.in_use == 0
        assert done.size >= 10_000
        assert _without_servers(left(state)) == _without_servers(before)
        assert (await executed(engine, run, "ls; cat ~/launched")).stdout == "answer\n"
        assert (await engine.runs.score(run.id)).score == 1.0


async def test_beside_other_servers_it_goes_when_it_is_old_enough(state: Path) -> None:
    """What is young may be in the making by one of them, and what one of them has is never touched."""
    async with engine_on(state) as engine:
        run = await started(engine, await scenario(engine))
        before = left(state)
        _plant(state)
        async with engine_on(state) as other:
            assert (await other.collect()).removals == []
        async with engine_on(state, leftover_seconds=0) as other:
            assert (await other.collect()).removals != []
        assert left(state) == before
        assert (await executed(engine, run, "touch answer; cat ~/launched")).exit_status == 0
        assert (await engine.runs.score(run.id)).score == 1.0


async def test_what_was_built_for_scorers_goes_when_none_has_used_it_for_long(state: Path) -> None:
    """It is kept for two weeks after its last use, however little else is kept."""
    snapshots = {"in-use": 0, "forgotten": 15 * 24 * 3600 * 1000}
    async with ProbedDriver(state) as driver:
        await driver.create("dbx_builder", DevboxSpec())
        for name in snapshots:
            await driver.snapshot("dbx_builder", f"snp_{name}")
        await driver.remove("dbx_builder")
    async with engine_on(state, days=0) as engine:
        await scenario(engine)
        with _store(state) as connection:
            for name, age_ms in snapshots.items():
                built_tools.keep(connection, name, f"snp_{name}", "{}", now_ms=now_ms() - age_ms)
        assert [each.id for each in (await engine.collect()).removals] == ["snp_forgotten"]
    with _store(state) as connection:
        assert list(built_tools.all_of(connection)) == ["snp_in-use"]
