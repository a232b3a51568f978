"""The contract of mounts: what is there before a devbox's launch commands run, of devboxes and of runs."""

from pathlib import Path

import pytest
from backend_cases import OpenBackend, OpenWith
from code_host import repositories
from greeting_scenario import GREETING_IS_RIGHT, contract, greeting, run_command, started

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import InvalidRequest, InvalidState
from runloop_mcp.api.models.devbox import (
    DevboxCreateParams,
    DevboxListParams,
    DevboxStatus,
    DevboxView,
    ExecuteParams,
)

_SETTLED = {DevboxStatus.RUNNING, DevboxStatus.FAILURE, DevboxStatus.SHUTDOWN}
_CODE = {"type": "code_mount", "repo_owner": "them", "repo_name": "tool"}


def _file(target: str, content: str) -> dict[str, object]:
    return {"type": "file_mount", "target": target, "content": content}


async def made_devbox(backend: Backend, **params: object) -> DevboxView:
    """A devbox that has booted, or failed to."""
    made = await backend.devboxes.create(DevboxCreateParams.model_validate(params))
    return await backend.devboxes.wait(made.id, until=_SETTLED, wait_seconds=30)


async def said(backend: Backend, devbox_id: str, command: str) -> str | None:
    """What a command prints."""
    return (await backend.devboxes.execute(devbox_id, ExecuteParams(command=command))).stdout


async def test_files_are_there_before_launch_commands_run(open_backend: OpenBackend) -> None:
    """By either field, at home unless the path says otherwise, with the directories that they need."""
    async with open_backend() as backend:
        made = await made_devbox(
            backend,
            mounts=[_file("notes/a.txt", "a\n"), _file("~/b.txt", "b\n")],
            file_mounts={"/home/user/work/c.txt": "c\n"},
            launch_parameters={"launch_commands": ["cat ~/notes/a.txt ~/b.txt c.txt > ~/all"]},
        )
        assert await said(backend, made.id, "cat ~/all") == "a\nb\nc\n"
        assert [step["status"] for step in made.state_transitions] == ["provisioning", "initializing", "running"]


async def test_files_of_a_mount_stay_what_the_devbox_made_of_them(open_backend: OpenBackend) -> None:
    """A devbox that is booted again on its disk is not set up again."""
    async with open_backend() as backend:
        made = await made_devbox(backend, mounts=[_file("a.txt", "mounted")])
        await said(backend, made.id, "echo mine > ~/a.txt")
        await backend.devboxes.suspend(made.id)
        assert await said(backend, made.id, "cat ~/a.txt") == "mine\n"


@pytest.mark.parametrize(
    ("mount", "told"),
    [
        (_file("../a", "a"), r"mounts\[0\].target: '../a'"),
        (_file("a/", "a"), r"mounts\[0\].target"),
        ({**_CODE, "repo_name": "-x"}, r"mounts\[0\].repo_name"),
        ({**_CODE, "git_ref": "--x"}, r"mounts\[0\].git_ref"),
    ],
)
async def test_what_can_not_be_mounted_is_refused_by_field(
    open_backend: OpenBackend, mount: dict[str, object], told: str
) -> None:
    """Nothing is made of it."""
    async with open_backend() as backend:
        with pytest.raises(InvalidRequest, match=told):
            await backend.devboxes.create(DevboxCreateParams.model_validate({"mounts": [mount]}))
        assert (await backend.devboxes.list(DevboxListParams())).total_count == 0


async def test_a_file_that_can_not_be_written_fails_the_devbox(open_backend: OpenBackend) -> None:
    """It says which."""
    async with open_backend() as backend:
        failed = await made_devbox(backend, mounts=[_file("/usr/bin/tool", "x")])
        assert (failed.status, failed.failure_reason) == (DevboxStatus.FAILURE, "execution_failed")
        with pytest.raises(InvalidState, match="/usr/bin/tool can't be written"):
            await said(backend, failed.id, "true")


@pytest.mark.needs("reaches_this_machine")
async def test_a_repository_is_cloned_where_the_devbox_has_no_network(open_with: OpenWith, tmp_path: Path) -> None:
    """It lies at home, installed, and what else is mounted can go into it; its token is kept and shown nowhere."""
    with repositories(tmp_path / "host") as host:
        async with open_with(code_host=host) as backend:
            mount = {**_CODE, "git_ref": "one", "token": "let-me-in", "install_command": "cat version > ~/installed"}
            made = await made_devbox(backend, mounts=[_file("tool/extra", "more\n"), mount])
            shown = "cat ~/installed ~/tool/version ~/tool/extra; git -C ~/tool describe --tags; ls"
            assert await said(backend, made.id, shown) == "one\none\nmore\none\n"
            assert await said(backend, made.id, "grep -rl $(printf let-%s me-in) ~") == ""
            commit = (await said(backend, made.id, "git -C ~/tool rev-parse HEAD") or "").strip()
            assert (await made_devbox(backend, mounts=[{**mount, "git_ref": commit}])).status == DevboxStatus.RUNNING
            # What a token opened is not for those who have another one, or none.
            for token in ({"token": "wrong"}, {"token": None}):
                denied = await made_devbox(backend, mounts=[{**mount, "git_ref": commit, **token}])
                assert denied.status == DevboxStatus.FAILURE
            by_old_field = await made_devbox(
                backend, code_mounts=[{"repo_owner": "them", "repo_name": "tool", "token": "no"}]
            )
            assert by_old_field.x_runloop_mcp is not None
            assert "Cloning them/tool failed" in (by_old_field.x_runloop_mcp.failure_message or "")
        assert b"let-me-in" not in (tmp_path / "state" / "store.db").read_bytes()


@pytest.mark.proof
@pytest.mark.needs("reaches_this_machine")
async def test_a_commit_is_built_once(open_with: OpenWith, tmp_path: Path) -> None:
    """What always means the same is built for the first devbox alone; what a branch means is looked at each time."""
    with repositories(tmp_path / "host", guarded=False) as host:
        async with open_with(code_host=host) as backend:
            built = {**_CODE, "install_command": "date +%s%N > ~/built"}
            moving = [await made_devbox(backend, mounts=[{**built, "git_ref": "main"}]) for _ in range(2)]
            commit = (await said(backend, moving[0].id, "git -C ~/tool rev-parse HEAD") or "").strip()
            settled = [await made_devbox(backend, mounts=[{**built, "git_ref": commit}]) for _ in range(2)]
            times = {await said(backend, each.id, "cat ~/built") for each in (*moving, *settled)}
            assert len(times) == 3
            await said(backend, settled[0].id, "echo changed > ~/built")
            assert await said(backend, settled[1].id, "cat ~/built") in times


@pytest.mark.needs("reaches_this_machine")
async def test_a_run_adds_mounts_to_its_scenario(open_with: OpenWith, tmp_path: Path) -> None:
    """They are part of what it starts from: of its environment hash, and of the devbox that it is scored in."""
    right = {
        "type": "command_scorer",
        "command": "cat ~/tool/version ~/notes.txt | tr '\\n' ' ' | grep -x 'one noted '",
    }
    functions = contract(("greets", 0.5, GREETING_IS_RIGHT), ("mounted", 0.5, right))
    scenario = greeting(scoring_contract=functions, metadata={"scoring": "clean"})
    with repositories(tmp_path / "host", guarded=False) as host:
        async with open_with(code_host=host) as backend:
            mounts = [{**_CODE, "git_ref": "one"}, _file("notes.txt", "noted\n")]
            run = await started(backend, scenario, mounts=mounts)
            assert (await run_command(backend, run, "cat ~/tool/version ~/notes.txt")).stdout == "one\nnoted\n"
            await run_command(backend, run, "echo hello > greeting.txt; rm -rf ~/tool ~/notes.txt")
            assert (await backend.runs.score(run.id)).score == 1.0
            plain = await started(backend, scenario.model_copy(update={"name": "again"}))
            assert run.x_runloop_mcp is not None
            assert plain.x_runloop_mcp is not None
            assert run.x_runloop_mcp.environment_hash != plain.x_runloop_mcp.environment_hash


async def test_a_run_replaces_launch_parameters_of_its_scenario(open_backend: OpenBackend) -> None:
    """Field by field: what it says nothing of stays the scenario's."""
    async with open_backend() as backend:
        scenario = greeting(launch_commands=["echo of the scenario > launched"], resource_size_request="X_SMALL")
        run = await started(backend, scenario, launchParameters={"launch_commands": ["echo of the run > launched"]})
        assert (await run_command(backend, run, "cat launched")).stdout == "of the run\n"
        launch = (await backend.devboxes.retrieve(run.devbox_id)).launch_parameters
        assert launch.resource_size_request == "X_SMALL"
        with pytest.raises(InvalidRequest, match="HUGE"):
            await started(backend, scenario, launchParameters={"resource_size_request": "HUGE"})
