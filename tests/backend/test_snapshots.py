"""The contract of disk snapshots: kept under names, begun from, and never taken from under anyone."""

import anyio
import pytest
from backend_cases import OpenBackend
from greeting_scenario import contract, greeting, run_command, started

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import InvalidRequest, InvalidState, NotFound
from runloop_mcp.api.models.devbox import DevboxStatus
from runloop_mcp.api.models.run import ScenarioRunView, StartRunParams
from runloop_mcp.api.models.scenario import ScenarioCreateParams, ScenarioEnvironment, ScenarioUpdateParams
from runloop_mcp.api.models.scorer import ScorerCreateParams, ScorerValidateParams
from runloop_mcp.api.models.snapshot import SnapshotListParams, SnapshotParams, SnapshotStatus, SnapshotView

SEES_BASE = {"type": "command_scorer", "command": 'test "$(cat greeting.txt ~/settings)" = "hello\nof the base"'}


async def kept(backend: Backend, command: str, **names: object) -> tuple[ScenarioRunView, SnapshotView]:
    """A run whose devbox this command was run on, and a snapshot of that."""
    run = await started(backend)
    await run_command(backend, run, command)
    return run, await backend.snapshots.create(run.devbox_id, SnapshotParams.model_validate(names))


def beginning_from(snapshot_id: str, **changes: object) -> ScenarioCreateParams:
    """A scenario that begins from a snapshot; `changes` are those of the greeting's."""
    scenario = greeting(**changes)  # type: ignore[arg-type] # fields of many types
    environment = scenario.environment_parameters or ScenarioEnvironment()
    return scenario.model_copy(
        update={"environment_parameters": environment.model_copy(update={"snapshot_id": snapshot_id})}
    )


async def test_snapshots_are_kept_listed_and_renamed(open_backend: OpenBackend) -> None:
    """A snapshot has a name and metadata that can be changed; lists come in pages, newest first, and are filtered."""
    async with open_backend() as backend:
        run, first = await kept(backend, "echo x > file", name="first", metadata={"kind": "a"}, commit_message="why")
        second = await backend.snapshots.create(run.devbox_id, SnapshotParams(name="second", metadata={"kind": "b"}))
        other, third = await kept(backend, "true")
        assert first.id.startswith("snp_")
        assert (first.name, first.metadata, first.commit_message, first.source_devbox_id) == (
            "first",
            {"kind": "a"},
            "why",
            run.devbox_id,
        )
        renamed = await backend.snapshots.update(first.id, SnapshotParams(name="new", metadata={}))
        assert (renamed.name, renamed.metadata, renamed.commit_message) == ("new", {}, "why")
        with pytest.raises(InvalidRequest, match="blank"):
            await backend.snapshots.update(first.id, SnapshotParams(name=" "))
    async with open_backend() as backend:
        assert (await backend.snapshots.retrieve(first.id)).name == "new"
        page = await backend.snapshots.list(SnapshotListParams(limit=2))
        assert ([s.id for s in page.items], page.has_more, page.total_count) == ([third.id, second.id], True, 3)
        rest = await backend.snapshots.list(SnapshotListParams(limit=2, starting_after=second.id))
        assert ([s.id for s in rest.items], rest.has_more) == ([first.id], False)
        of_run = await backend.snapshots.list(SnapshotListParams(devbox_id=other.devbox_id))
        assert [s.id for s in of_run.items] == [third.id]
        of_kind = await backend.snapshots.list(SnapshotListParams(metadata={"kind": ["b", "c"]}))
        assert ([s.id for s in of_kind.items], of_kind.total_count) == ([second.id], 1)
        with pytest.raises(InvalidRequest, match="start after"):
            await backend.snapshots.list(SnapshotListParams(starting_after="snp_missing"))
        with pytest.raises(NotFound):
            await backend.snapshots.retrieve("snp_missing")


async def test_a_scenario_begins_from_a_snapshot_and_is_scored_on_it(open_backend: OpenBackend) -> None:
    """Its devbox has home and working directory of it; a clean score sees that home, and not the solver's."""
    async with open_backend() as backend:
        source, snapshot = await kept(backend, "echo of the base > ~/settings; echo kept > file")
        functions = contract(("base", 1.0, SEES_BASE))
        scenario = beginning_from(snapshot.id, scoring_contract=functions, metadata={"scoring": "clean"})
        run = await started(backend, scenario)
        devbox = await backend.devboxes.retrieve(run.devbox_id)
        assert (devbox.snapshot_id, devbox.blueprint_id) == (snapshot.id, None)
        assert (await run_command(backend, run, "cat ~/settings file")).stdout == "of the base\nkept\n"
        await run_command(backend, run, "echo hello > greeting.txt; echo of the solver > ~/settings")
        assert (await backend.runs.score(run.id)).score == 1.0
        assert (await run_command(backend, source, "cat ~/settings; ls")).stdout == "of the base\nfile\n"


async def test_what_launch_commands_add_to_a_snapshot_is_part_of_the_clean_environment(
    open_backend: OpenBackend,
) -> None:
    """They find what the snapshot has, and a clean score finds both."""
    both = {"type": "command_scorer", "command": 'test "$(cat ~/settings ~/launched)" = "of the base\nof the base"'}
    async with open_backend() as backend:
        _, snapshot = await kept(backend, "echo of the base > ~/settings")
        scenario = beginning_from(
            snapshot.id,
            launch_commands=["cp ~/settings ~/launched"],
            scoring_contract=contract(("both", 1.0, both)),
            metadata={"scoring": "clean"},
        )
        run = await started(backend, scenario)
        await run_command(backend, run, "rm ~/settings ~/launched")
        assert (await backend.runs.score(run.id)).score == 1.0


@pytest.mark.needs("has_rights_outside_home")
async def test_a_snapshot_brings_its_working_directory(open_backend: OpenBackend) -> None:
    """A scenario that names none has it where it was; one that names one has the same files there."""
    async with open_backend() as backend:
        source = await started(backend, greeting(working_directory="/workspace"))
        await run_command(backend, source, "echo kept > file")
        snapshot = await backend.snapshots.create(source.devbox_id, SnapshotParams())
        assert snapshot.x_runloop_mcp is not None
        assert snapshot.x_runloop_mcp.working_directory == "/workspace"
        for directory, seen in ((None, "/workspace\nkept\n"), ("/srv/app", "/srv/app\nkept\n")):
            run = await started(backend, beginning_from(snapshot.id, working_directory=directory))
            assert (await run_command(backend, run, "pwd; cat file")).stdout == seen


async def test_a_working_directory_is_named_after_the_snapshot_was_made(open_backend: OpenBackend) -> None:
    """A scenario that names a directory of the snapshot's home works there, on what it has, and is scored on that."""
    async with open_backend() as backend:
        _, snapshot = await kept(backend, "mkdir ~/project && echo kept > ~/project/file && echo gone > ~/project/gone")
        solved = "grep -qx kept file && grep -qx hello greeting.txt && ! test -e gone"
        there = {"type": "command_scorer", "command": solved}
        named = beginning_from(
            snapshot.id, working_directory="/home/user/project", scoring_contract=contract(("there", 1.0, there))
        )
        run = await started(backend, named)
        assert (await run_command(backend, run, "pwd; cat file")).stdout == "/home/user/project\nkept\n"
        await run_command(backend, run, "echo hello > greeting.txt; rm gone")
        assert (await backend.runs.score(run.id)).score == 1.0


async def test_a_suspended_devbox_is_kept_as_it_lies(open_backend: OpenBackend) -> None:
    """It stays suspended, goes on with its disk afterwards, and what it does then is not in the snapshot."""
    async with open_backend() as backend:
        run = await started(backend)
        await run_command(backend, run, "echo kept > file")
        await backend.devboxes.suspend(run.devbox_id)
        snapshot = await backend.snapshots.create(run.devbox_id, SnapshotParams())
        assert (await backend.devboxes.retrieve(run.devbox_id)).status == DevboxStatus.SUSPENDED
        seen = await run_command(backend, run, "cat file; echo later > file; touch more")
        assert seen.stdout == "kept\n"
        copy = await started(backend, beginning_from(snapshot.id))
        assert (await run_command(backend, copy, "cat file; ls")).stdout == "kept\nfile\n"
        await backend.devboxes.suspend(copy.devbox_id)
        assert (await run_command(backend, copy, "cat file; echo changed > file; cat file")).stdout == "kept\nchanged\n"


async def test_what_comes_at_once_for_a_suspended_devbox_takes_turns(open_backend: OpenBackend) -> None:
    """Snapshots of it, and a command that resumes it, wait for each other and all succeed."""
    async with open_backend() as backend:
        run = await started(backend)
        await backend.devboxes.suspend(run.devbox_id)
        made: list[str] = []

        async def keep() -> None:
            made.append((await backend.snapshots.create(run.devbox_id, SnapshotParams())).id)

        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(keep)
            tasks.start_soon(run_command, backend, run, "true")
        page = await backend.snapshots.list(SnapshotListParams())
        assert {each.id for each in page.items} == set(made)
        assert {(await backend.snapshots.query_status(each)).status for each in made} == {SnapshotStatus.COMPLETE}


async def test_a_devbox_that_no_server_has_up_is_kept_too(open_backend: OpenBackend) -> None:
    """Its server has ended, its run goes on: its disk is kept without booting it."""
    async with open_backend() as backend:
        run = await started(backend)
        await run_command(backend, run, "echo kept > file")
    async with open_backend() as backend:
        snapshot = await backend.snapshots.create(run.devbox_id, SnapshotParams())
        copy = await started(backend, beginning_from(snapshot.id))
        assert (await run_command(backend, copy, "cat file")).stdout == "kept\n"
        assert (await run_command(backend, run, "cat file")).stdout == "kept\n"


@pytest.mark.proof
async def test_a_scorer_is_tried_on_a_snapshot(open_backend: OpenBackend) -> None:
    """Validation of a custom scorer begins from what its environment names, as a run would."""
    async with open_backend() as backend:
        _, snapshot = await kept(backend, "echo 0.25 > ~/score")
        scorer = await backend.scorers.create(ScorerCreateParams(type="tells", bash_script="cat ~/score"))
        environment = ScenarioEnvironment(snapshot_id=snapshot.id)
        found = await backend.scorers.validate(scorer.id, ScorerValidateParams(environment_parameters=environment))
        assert found.scoring_result.score == 0.25
        with pytest.raises(InvalidState, match="snp_missing"):
            await backend.scorers.validate(
                scorer.id, ScorerValidateParams(environment_parameters=ScenarioEnvironment(snapshot_id="snp_missing"))
            )


async def test_a_snapshot_is_not_deleted_while_it_is_used(open_backend: OpenBackend) -> None:
    """Scenarios and devboxes that begin from it are named; once they are gone it goes, and its status is told."""
    async with open_backend() as backend:
        _, snapshot = await kept(backend, "touch file")
        run = await started(backend, beginning_from(snapshot.id))
        with pytest.raises(InvalidState, match=run.scenario_id):
            await backend.snapshots.delete(snapshot.id)
        await backend.scenarios.archive(run.scenario_id)
        with pytest.raises(InvalidState, match=run.devbox_id):
            await backend.snapshots.delete(snapshot.id)
        await backend.runs.cancel(run.id)
        await backend.snapshots.delete(snapshot.id)
        await backend.snapshots.delete(snapshot.id)
        status = await backend.snapshots.query_status(snapshot.id)
        assert (status.status, status.snapshot) == (SnapshotStatus.DELETED, None)
        with pytest.raises(NotFound, match="deleted"):
            await backend.snapshots.retrieve(snapshot.id)
        assert (await backend.snapshots.list(SnapshotListParams())).items == []


async def test_only_snapshots_that_are_there_are_begun_from(open_backend: OpenBackend) -> None:
    """A scenario can't name another one, nor be started when it was archived and the snapshot deleted since."""
    async with open_backend() as backend:
        with pytest.raises(InvalidRequest, match="snp_missing"):
            await backend.scenarios.create(beginning_from("snp_missing"))
        _, snapshot = await kept(backend, "true")
        scenario = await backend.scenarios.create(beginning_from(snapshot.id))
        both = ScenarioEnvironment(snapshot_id=snapshot.id, blueprint_id="bpt_some")
        with pytest.raises(InvalidRequest, match="one of the two"):
            await backend.scenarios.update(scenario.id, ScenarioUpdateParams(environment_parameters=both))
        with pytest.raises(InvalidRequest, match="bpt_missing"):
            await backend.scenarios.update(
                scenario.id,
                ScenarioUpdateParams(environment_parameters=ScenarioEnvironment(blueprint_id="bpt_missing")),
            )


async def test_only_disks_that_are_there_are_kept(open_backend: OpenBackend) -> None:
    """The devbox of a run that has ended can't be kept, nor one that never was."""
    async with open_backend() as backend:
        run = await started(backend)
        await backend.runs.cancel(run.id)
        with pytest.raises(InvalidState, match="ended"):
            await backend.snapshots.create(run.devbox_id, SnapshotParams())
        with pytest.raises(NotFound):
            await backend.snapshots.create("dbx_missing", SnapshotParams())


async def test_one_key_makes_one_snapshot(open_backend: OpenBackend) -> None:
    """A request that comes again gives the same; with other arguments it is refused."""
    async with open_backend() as backend:
        run = await started(backend)
        for _ in range(2):
            made = await backend.snapshots.create(run.devbox_id, SnapshotParams(name="a"), idempotency_key="key")
        page = await backend.snapshots.list(SnapshotListParams())
        assert [each.id for each in page.items] == [made.id]
        with pytest.raises(InvalidRequest, match="other arguments"):
            await backend.snapshots.create(run.devbox_id, SnapshotParams(name="b"), idempotency_key="key")


async def test_a_snapshot_can_be_waited_for(open_backend: OpenBackend) -> None:
    """Asked for without a wait it is answered at once, and its status tells when it is complete."""
    async with open_backend() as backend:
        run = await started(backend)
        made = await backend.snapshots.create(run.devbox_id, SnapshotParams(), wait_seconds=0, idempotency_key="key")
        await backend.snapshots.create(run.devbox_id, SnapshotParams(), wait_seconds=20, idempotency_key="key")
        status = await backend.snapshots.query_status(made.id)
        assert (status.status, status.error_message) == (SnapshotStatus.COMPLETE, None)
        assert status.snapshot is not None
        begun = StartRunParams(scenario_id=(await backend.scenarios.create(beginning_from(made.id))).id)
        await backend.scenarios.start_run(begun)
