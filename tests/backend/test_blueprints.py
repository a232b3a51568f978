"""The contract of blueprints: built once, reused, begun from, and never taken from under anyone."""

from pathlib import Path

import pytest
from backend_cases import OpenBackend, OpenWith
from code_host import repositories
from greeting_scenario import contract, greeting, keep_secret, run_command, started

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import InvalidRequest, InvalidState, NotFound
from runloop_mcp.api.models.blueprint import BlueprintListParams, BlueprintParams, BlueprintStatus, BlueprintView
from runloop_mcp.api.models.scenario import LaunchParameters, ScenarioCreateParams, ScenarioEnvironment
from runloop_mcp.api.models.snapshot import SnapshotListParams, SnapshotParams

PATIENCE_SECONDS = 30


async def built(backend: Backend, **fields: object) -> BlueprintView:
    """A blueprint whose build has ended."""
    made = await backend.blueprints.create(BlueprintParams.model_validate({"name": "base", **fields}))
    return await backend.blueprints.wait(made.id, wait_seconds=PATIENCE_SECONDS)


async def said(backend: Backend, blueprint: BlueprintView) -> list[str]:
    """The lines of a build's log."""
    return [line.message for line in (await backend.blueprints.logs(blueprint.id)).logs]


def beginning_from(blueprint: BlueprintView, **changes: object) -> ScenarioCreateParams:
    """A scenario that begins from a blueprint; `changes` are those of the greeting's."""
    scenario = greeting(**changes)  # type: ignore[arg-type] # fields of many types
    environment = scenario.environment_parameters or ScenarioEnvironment()
    return scenario.model_copy(
        update={"environment_parameters": environment.model_copy(update={"blueprint_id": blueprint.id})}
    )


async def test_a_scenario_begins_from_a_blueprint_and_is_scored_on_it(open_backend: OpenBackend) -> None:
    """Its devbox has what files and commands made, in order; a clean score sees that and not the solver's home."""
    right = {"type": "command_scorer", "command": "~/bin/answer | grep -x 'of the blueprint'"}
    async with open_backend() as backend:
        blueprint = await built(
            backend,
            file_mounts={"~/bin/answer": "#!/bin/sh\ncat ~/said\n", "notes/read.me": "kept\n"},
            system_setup_commands=["chmod +x bin/answer; echo 'of the blueprint' > said", "cat said"],
            metadata={"kind": "x"},
        )
        assert (blueprint.status, blueprint.state, blueprint.metadata) == ("build_complete", "created", {"kind": "x"})
        assert blueprint.build_finish_time_ms is not None
        log = await said(backend, blueprint)
        assert log.index("Writing /home/user/bin/answer") < log.index("$ cat said") < log.index("of the blueprint")
        functions = contract(("right", 1.0, right))
        scenario = beginning_from(blueprint, scoring_contract=functions, metadata={"scoring": "clean"})
        run = await started(backend, scenario)
        assert (await backend.devboxes.retrieve(run.devbox_id)).blueprint_id == blueprint.id
        shown = await run_command(backend, run, "~/bin/answer; cat ~/notes/read.me; echo mine > ~/said; ls")
        assert shown.stdout == "of the blueprint\nkept\n"
        await backend.devboxes.suspend(run.devbox_id)
        assert (await run_command(backend, run, "~/bin/answer")).stdout == "mine\n"
        assert (await backend.runs.score(run.id)).score == 1.0


async def test_what_was_built_is_reused_and_built_upon(open_backend: OpenBackend) -> None:
    """The same contents are built once, whatever they are called; another blueprint adds to them by id or name."""
    once = ["date +%s%N > ~/built; echo ran"]
    async with open_backend() as backend:
        first = await built(backend, system_setup_commands=once)
        second = await built(backend, name="again", system_setup_commands=once, metadata={"a": "b"})
        assert second.id != first.id
        assert (await said(backend, second)) == [f"Built before, as {first.id}: that is reused."]
        assert second.x_runloop_mcp is not None
        assert second.x_runloop_mcp.reused
        more = ["cat ~/built"]
        by_id = await built(backend, name="more", base_blueprint_id=first.id, system_setup_commands=more)
        by_name = await built(backend, name="more", base_blueprint_name="again", system_setup_commands=more)
        assert by_name.base_blueprint_id == second.id
        assert by_name.x_runloop_mcp is not None
        assert by_name.x_runloop_mcp.reused
        runs = [await started(backend, beginning_from(each)) for each in (first, second, by_id)]
        assert len({(await run_command(backend, run, "cat ~/built")).stdout for run in runs}) == 1
    async with open_backend() as backend:
        third = await built(backend, system_setup_commands=once)
        assert third.x_runloop_mcp is not None
        assert third.x_runloop_mcp.reused


@pytest.mark.proof
async def test_two_that_build_the_same_at_once_build_it_once(open_backend: OpenBackend) -> None:
    """One builds, the other waits and takes over what that built."""
    async with open_backend() as one, open_backend() as other:
        params = BlueprintParams(name="both", system_setup_commands=["sleep 0.2; echo built"])
        made = [await backend.blueprints.create(params) for backend in (one, other)]
        ended = [await one.blueprints.wait(each.id, wait_seconds=PATIENCE_SECONDS) for each in made]
        assert [each.status for each in ended] == ["build_complete"] * 2
        assert sorted(each.x_runloop_mcp.reused for each in ended if each.x_runloop_mcp) == [False, True]


async def test_a_build_that_fails_says_why_and_leaves_nothing_to_begin_from(open_backend: OpenBackend) -> None:
    """The first command that fails ends it; view and log say which and what it printed, and later ones never ran."""
    async with open_backend() as backend:
        commands = ["echo fine", "echo no such thing >&2; exit 3", "echo never"]
        failed = await built(backend, system_setup_commands=commands)
        assert (failed.status, failed.failure_reason) == (BlueprintStatus.FAILED, "build_failed")
        assert failed.x_runloop_mcp is not None
        told = failed.x_runloop_mcp.failure_message or ""
        assert "command 2 of 3 failed with exit status 3" in told
        assert "no such thing" in told
        log = (await backend.blueprints.logs(failed.id)).logs
        assert [line.level for line in log] == ["info"] * (len(log) - 1) + ["error"]
        assert "never" not in [line.message for line in log]
        with pytest.raises(InvalidState, match="failed"):
            await backend.scenarios.create(beginning_from(failed))
        again = await built(backend, system_setup_commands=commands)
        assert again.status == BlueprintStatus.FAILED
        await backend.blueprints.delete(failed.id)


async def test_a_blueprint_is_not_deleted_while_it_is_used(open_backend: OpenBackend) -> None:
    """Scenarios, devboxes, snapshots and blueprints on it are named; what two share stays for the other."""
    async with open_backend() as backend:
        base = await built(backend, system_setup_commands=["echo kept > ~/file"])
        twin = await built(backend, name="twin", system_setup_commands=["echo kept > ~/file"])
        upon = await built(backend, name="upon", base_blueprint_id=base.id)
        run = await started(backend, beginning_from(base))
        snapshot = await backend.snapshots.create(run.devbox_id, SnapshotParams())
        assert snapshot.source_blueprint_id == base.id
        for blueprint, of_it in ((base, [snapshot.id]), (twin, [])):
            page = await backend.snapshots.list(SnapshotListParams(source_blueprint_id=blueprint.id))
            assert [each.id for each in page.items] == of_it
        for user, let_go in (
            (run.scenario_id, backend.scenarios.archive(run.scenario_id)),
            (run.devbox_id, backend.runs.cancel(run.id)),
            (snapshot.id, backend.snapshots.delete(snapshot.id)),
            (upon.id, backend.blueprints.delete(upon.id)),
        ):
            with pytest.raises(InvalidState, match=user):
                await backend.blueprints.delete(base.id)
            await let_go
        await backend.blueprints.delete(base.id)
        assert (await backend.blueprints.retrieve(base.id)).state == "deleted"
        listed = await backend.blueprints.list(BlueprintListParams())
        assert [each.id for each in listed.items] == [twin.id]
        other = await started(backend, beginning_from(twin))
        assert (await run_command(backend, other, "cat ~/file")).stdout == "kept\n"
        with pytest.raises(InvalidRequest, match="deleted"):
            await backend.scenarios.create(beginning_from(base))


async def test_blueprints_are_listed(open_backend: OpenBackend) -> None:
    """Newest first, in pages, by their exact name or by status; one that is not there is told."""
    async with open_backend() as backend:
        made = [await built(backend, name=name) for name in ("a", "b", "a")]
        page = await backend.blueprints.list(BlueprintListParams(limit=2))
        assert ([each.id for each in page.items], page.has_more, page.total_count) == (
            [made[2].id, made[1].id],
            True,
            3,
        )
        rest = await backend.blueprints.list(BlueprintListParams(limit=2, starting_after=made[1].id))
        assert [each.id for each in rest.items] == [made[0].id]
        named = await backend.blueprints.list(BlueprintListParams(name="b"))
        assert [each.id for each in named.items] == [made[1].id]
        for status, count in ((BlueprintStatus.BUILD_COMPLETE, 3), (BlueprintStatus.FAILED, 0)):
            page = await backend.blueprints.list(BlueprintListParams(status=status))
            assert (len(page.items), page.total_count) == (count, count)
        with pytest.raises(NotFound):
            await backend.blueprints.retrieve("bpt_missing")


async def test_launch_parameters_of_a_blueprint_hold_where_a_scenario_says_nothing(open_backend: OpenBackend) -> None:
    """User and launch commands come from the blueprint; what the scenario says itself goes before."""
    launch = LaunchParameters.model_validate(
        {"user_parameters": {"uid": 501, "username": "ann"}, "launch_commands": ["echo of the blueprint > launched"]}
    )
    async with open_backend() as backend:
        blueprint = await built(backend, system_setup_commands=["id -un > ~/who"], launch_parameters=launch)
        run = await started(backend, beginning_from(blueprint))
        shown = await run_command(backend, run, "id -un; cat ~/who launched")
        assert shown.stdout == "ann\nann\nof the blueprint\n"
        own = await started(backend, beginning_from(blueprint, launch_commands=["echo own > launched"]))
        assert (await run_command(backend, own, "cat launched")).stdout == "own\n"


NO_BLUEPRINTS: tuple[tuple[dict[str, object], str], ...] = (
    ({"dockerfile": "FROM scratch"}, "containers"),
    ({"services": [{"name": "db", "image": "postgres"}]}, "services"),
    ({"name": " "}, "name"),
    ({"file_mounts": {"/etc/passwd": "x"}}, "/etc/passwd"),
    ({"file_mounts": {"../x": "x"}}, "'../x'"),
    ({"code_mounts": [{"repo_owner": "a", "repo_name": "../b"}]}, "repo_name"),
    ({"code_mounts": [{"repo_owner": "a", "repo_name": "b", "git_ref": "--upload-pack=x"}]}, "git_ref"),
    ({"secrets": {"TOKEN": "MISSING"}}, "MISSING"),
    ({"base_blueprint_name": "nothing"}, "nothing"),
    ({"launch_parameters": {"resource_size_request": "HUGE"}}, "HUGE"),
)


async def test_what_can_be_no_blueprint_is_refused(open_backend: OpenBackend) -> None:
    """Before anything is built, with the field and what is valid."""
    async with open_backend() as backend:
        for fields, told in NO_BLUEPRINTS:
            with pytest.raises(InvalidRequest, match=told):
                await backend.blueprints.create(BlueprintParams.model_validate({"name": "base", **fields}))
        assert (await backend.blueprints.list(BlueprintListParams())).items == []


@pytest.mark.needs("reaches_this_machine")
async def test_repositories_are_cloned_with_a_token_that_stays_nowhere(open_with: OpenWith, tmp_path: Path) -> None:
    """A clone lies at home at its ref, files are written into it, it is installed; the token is kept nowhere."""
    mount = {
        "repo_owner": "them",
        "repo_name": "tool",
        "git_ref": "one",
        "token": "let-me-in",
        "install_command": "cat version extra > ~/installed; echo $KEY $(printf let-%s me-in)",
    }
    with repositories(tmp_path / "host") as host:
        async with open_with(code_host=host) as backend:
            await keep_secret(backend, "SOME_KEY", "hidden-value")
            fields = {"file_mounts": {"tool/extra": "more\n"}, "secrets": {"KEY": "SOME_KEY"}}
            blueprint = await built(backend, code_mounts=[mount], **fields)
            log = await said(backend, blueprint)
            assert blueprint.status == "build_complete", log
            assert "[secret SOME_KEY] [secret token of tool]" in log
            assert "let-me-in" not in blueprint.model_dump_json() + "".join(log)
            run = await started(backend, beginning_from(blueprint))
            shown = await run_command(backend, run, "cat ~/installed; grep -rl $(printf let-%s me-in) ~; env")
            assert shown.stdout.startswith("one\nmore\n")
            assert "/home/user/tool" not in shown.stdout
            assert "hidden-value" not in shown.stdout
            strange = await built(backend, code_mounts=[{**mount, "token": "wrong"}])
            assert strange.x_runloop_mcp is not None
            assert "Cloning them/tool failed" in (strange.x_runloop_mcp.failure_message or "")
            again = await built(backend, code_mounts=[mount], **fields)
            assert again.x_runloop_mcp is not None
            assert not again.x_runloop_mcp.reused  # what a tag means may have changed
        store = (tmp_path / "state" / "store.db").read_bytes()
        assert b"let-me-in" not in store
        assert b"hidden-value" not in store


async def test_a_build_whose_server_ends_has_failed(open_backend: OpenBackend) -> None:
    """The next server says so, and builds the same when it is created again."""
    async with open_backend() as backend:
        made = await backend.blueprints.create(BlueprintParams(name="long", system_setup_commands=["sleep 1000"]))
    async with open_backend() as backend:
        ended = await backend.blueprints.retrieve(made.id)
        assert (ended.status, ended.failure_reason) == ("failed", "build_failed")
        await backend.blueprints.delete(made.id)
