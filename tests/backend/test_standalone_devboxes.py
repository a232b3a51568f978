"""The contract of devboxes that belong to no run: made, used, found again, and shut down."""

import anyio
import pytest
from backend_cases import OpenBackend, OpenWith
from greeting_scenario import keep_secret, started

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import Conflict, InvalidRequest, InvalidState, NotFound
from runloop_mcp.api.models.blueprint import BlueprintParams
from runloop_mcp.api.models.devbox import (
    DevboxCreateParams,
    DevboxListParams,
    DevboxStatus,
    DevboxUpdateParams,
    DevboxView,
    ExecuteParams,
    OutputStream,
)
from runloop_mcp.api.models.scenario import LaunchParameters
from runloop_mcp.api.models.snapshot import SnapshotParams

_SETTLED = {DevboxStatus.RUNNING, DevboxStatus.FAILURE, DevboxStatus.SHUTDOWN}


async def _made(backend: Backend, **params: object) -> DevboxView:
    """A devbox that has booted, or failed to."""
    made = await backend.devboxes.create(DevboxCreateParams.model_validate(params))
    return await backend.devboxes.wait(made.id, until=_SETTLED, wait_seconds=20)


async def _said(backend: Backend, devbox_id: str, command: str) -> str | None:
    return (await backend.devboxes.execute(devbox_id, ExecuteParams(command=command))).stdout


async def test_a_devbox_is_made_used_and_shut_down(open_backend: OpenBackend) -> None:
    """It boots by itself, keeps its disk while it is there, and tells of each status that it had."""
    async with open_backend() as backend:
        made = await backend.devboxes.create(DevboxCreateParams(name="mine", metadata={"team": "a"}))
        assert made.status in {DevboxStatus.PROVISIONING, DevboxStatus.INITIALIZING, DevboxStatus.RUNNING}
        assert (made.name, made.metadata, made.initiator_type, made.initiator_id) == (
            "mine",
            {"team": "a"},
            "api",
            None,
        )
        assert await _said(backend, made.id, "echo kept > file; cat file") == "kept\n"
        assert (await backend.devboxes.read_file(made.id, "file")).data == b"kept\n"
        running = await backend.devboxes.retrieve(made.id)
        assert running.status == DevboxStatus.RUNNING
        ended = await backend.devboxes.shutdown(made.id)
        assert (ended.status, ended.shutdown_reason) == (DevboxStatus.SHUTDOWN, "api_shutdown")
        assert ended.end_time_ms is not None
        passed = [transition["status"] for transition in ended.state_transitions]
        assert (passed[0], passed[-2:]) == ("provisioning", ["running", "shutdown"])
        assert await backend.devboxes.shutdown(made.id) == ended
        with pytest.raises(InvalidState, match="shut down"):
            await backend.devboxes.execute(made.id, ExecuteParams(command="true"))


async def test_devboxes_are_listed_newest_first(open_backend: OpenBackend) -> None:
    """Those of runs are among them; a page follows the one before, and a status picks some."""
    async with open_backend() as backend:
        first = await _made(backend, name="first")
        run = await started(backend)
        last = await _made(backend, name="last")
        page = await backend.devboxes.list(DevboxListParams(limit=2))
        assert [each.id for each in page.items] == [last.id, run.devbox_id]
        assert (page.has_more, page.total_count) == (True, 3)
        assert (page.items[1].initiator_type, page.items[1].initiator_id) == ("scenario", run.id)
        rest = await backend.devboxes.list(DevboxListParams(limit=2, starting_after=run.devbox_id))
        assert ([each.id for each in rest.items], rest.has_more) == ([first.id], False)
        await backend.devboxes.shutdown(first.id)
        ended = await backend.devboxes.list(DevboxListParams(status=DevboxStatus.SHUTDOWN))
        assert ([each.id for each in ended.items], ended.total_count) == ([first.id], 1)
        with pytest.raises(InvalidRequest, match="dbx_nothing"):
            await backend.devboxes.list(DevboxListParams(starting_after="dbx_nothing"))


async def test_a_name_and_metadata_can_be_replaced(open_backend: OpenBackend) -> None:
    """What is not given stays, an empty value clears, and a name can't be blank."""
    async with open_backend() as backend:
        made = await _made(backend, name="old", metadata={"a": "1"})
        renamed = await backend.devboxes.update(made.id, DevboxUpdateParams(name="new"))
        assert (renamed.name, renamed.metadata) == ("new", {"a": "1"})
        cleared = await backend.devboxes.update(made.id, DevboxUpdateParams(metadata={}))
        assert (cleared.name, cleared.metadata) == ("new", {})
        with pytest.raises(InvalidRequest, match="blank"):
            await backend.devboxes.update(made.id, DevboxUpdateParams(name=" "))
        with pytest.raises(NotFound):
            await backend.devboxes.update("dbx_nothing", DevboxUpdateParams(name="new"))


async def test_the_same_key_makes_one_devbox(open_backend: OpenBackend) -> None:
    """Asked for twice with one key it is made once; the key with other arguments is refused."""
    async with open_backend() as backend:
        async with anyio.create_task_group() as group:
            made: list[DevboxView] = []

            async def make() -> None:
                made.append(await backend.devboxes.create(DevboxCreateParams(name="one"), idempotency_key="k"))

            group.start_soon(make)
            group.start_soon(make)
        assert made[0].id == made[1].id
        assert (await backend.devboxes.list(DevboxListParams())).total_count == 1
        with pytest.raises(InvalidRequest, match="other arguments"):
            await backend.devboxes.create(DevboxCreateParams(name="other"), idempotency_key="k")


async def test_commands_have_the_variables_and_secrets_of_their_devbox(open_backend: OpenBackend) -> None:
    """Values of secrets reach commands and are covered in what they print, also after the end."""
    async with open_backend() as backend:
        await keep_secret(backend, "TOKEN", "hunter2-hunter2")
        made = await _made(backend, environment_variables={"COLOUR": "red"}, secrets={"API_TOKEN": "TOKEN"})
        command = 'echo "$COLOUR ${#API_TOKEN} $API_TOKEN"'
        execution = await backend.devboxes.execute(made.id, ExecuteParams(command=command))
        assert (execution.stdout or "").startswith("red 15 [")
        await backend.devboxes.shutdown(made.id)
        again = await backend.devboxes.execution(made.id, execution.execution_id)
        assert again.stdout == execution.stdout
        assert "hunter2" not in (again.stdout or "")
        with pytest.raises(InvalidRequest, match="MISSING"):
            await backend.devboxes.create(DevboxCreateParams(secrets={"X": "MISSING"}))


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"name": " "}, "blank"),
        ({"snapshot_id": "snp_a", "blueprint_name": "b"}, "both given"),
        ({"blueprint_id": "bpt_a", "blueprint_name": "b"}, "both given"),
        ({"environment_variables": {"A=": "b"}}, "A="),
        ({"entrypoint": ""}, "entrypoint"),
        ({"launch_parameters": {"resource_size_request": "HUGE"}}, "HUGE"),
        ({"launch_parameters": {"architecture": "pdp11"}}, "The devbox needs architecture pdp11"),
    ],
)
async def test_what_can_not_be_had_is_refused_by_name(
    open_backend: OpenBackend, params: dict[str, object], told: str
) -> None:
    """Nothing is made of it."""
    async with open_backend() as backend:
        with pytest.raises(InvalidRequest, match=told):
            await backend.devboxes.create(DevboxCreateParams.model_validate(params))
        assert (await backend.devboxes.list(DevboxListParams())).total_count == 0


async def test_an_unknown_base_is_not_found(open_backend: OpenBackend) -> None:
    """By its id, and a blueprint by its name."""
    async with open_backend() as backend:
        for params in ({"snapshot_id": "snp_no"}, {"blueprint_id": "bpt_no"}, {"blueprint_name": "no"}):
            with pytest.raises(NotFound, match="no"):
                await backend.devboxes.create(DevboxCreateParams.model_validate(params))


async def test_a_failed_launch_command_fails_the_devbox(open_backend: OpenBackend) -> None:
    """The devbox says what the command said, and can't be used."""
    async with open_backend() as backend:
        failed = await _made(backend, launch_parameters={"launch_commands": ["true", "echo no luck; exit 3"]})
        assert (failed.status, failed.failure_reason) == (DevboxStatus.FAILURE, "execution_failed")
        assert failed.x_runloop_mcp is not None
        assert "no luck" in (failed.x_runloop_mcp.failure_message or "")
        with pytest.raises(InvalidState, match="no luck"):
            await backend.devboxes.execute(failed.id, ExecuteParams(command="true"))
        assert (await backend.devboxes.shutdown(failed.id)).status == DevboxStatus.FAILURE


async def test_the_keep_alive_time_ends_a_devbox(open_backend: OpenBackend) -> None:
    """Commands do not make it longer; to be kept alive does."""
    async with open_backend() as backend:
        launch = {"keep_alive_time_seconds": 2}
        left, kept = await _made(backend, launch_parameters=launch), await _made(backend, launch_parameters=launch)
        async with anyio.create_task_group() as group:

            async def keep_alive() -> None:
                while True:
                    await backend.devboxes.keep_alive(kept.id)
                    await anyio.sleep(0.5)

            group.start_soon(keep_alive)
            ended = await backend.devboxes.wait(left.id, until={DevboxStatus.SHUTDOWN}, wait_seconds=20)
            group.cancel_scope.cancel()
        assert (ended.status, ended.shutdown_reason) == (DevboxStatus.SHUTDOWN, "keep_alive_timeout")
        assert (await backend.devboxes.retrieve(kept.id)).status == DevboxStatus.RUNNING
        ended = await backend.devboxes.wait(kept.id, until={DevboxStatus.SHUTDOWN}, wait_seconds=20)
        assert ended.shutdown_reason == "keep_alive_timeout"


@pytest.mark.proof
async def test_idle_time_overrides_the_keep_alive_time(open_backend: OpenBackend) -> None:
    """What nobody uses is shut down, or suspended and resumed at the next call; the keep-alive time counts no more."""
    async with open_backend() as backend:
        launch = {"keep_alive_time_seconds": 1, "after_idle": {"idle_time_seconds": 2, "on_idle": "shutdown"}}
        going = await _made(backend, launch_parameters=launch)
        launch["after_idle"] = {"idle_time_seconds": 1, "on_idle": "suspend"}
        staying = await _made(backend, launch_parameters=launch)
        await _said(backend, staying.id, "echo hello > file")
        ended = await backend.devboxes.wait(going.id, until={DevboxStatus.SHUTDOWN}, wait_seconds=20)
        assert (ended.status, ended.shutdown_reason) == (DevboxStatus.SHUTDOWN, "idle")
        asleep = await backend.devboxes.wait(staying.id, until={DevboxStatus.SUSPENDED}, wait_seconds=20)
        assert asleep.status == DevboxStatus.SUSPENDED
        assert await _said(backend, staying.id, "cat file") == "hello\n"


@pytest.mark.proof
async def test_a_suspended_devbox_keeps_its_disk_and_its_time(open_backend: OpenBackend) -> None:
    """Its keep-alive time stands still meanwhile and begins anew when it is resumed; it can be shut down asleep."""
    async with open_backend() as backend:
        asleep = await _made(backend)
        made = await _made(backend, launch_parameters={"keep_alive_time_seconds": 2})
        await _said(backend, made.id, "echo hello > file")
        for each in (made, asleep):
            assert (await backend.devboxes.suspend(each.id)).status == DevboxStatus.SUSPENDED
        assert (await backend.devboxes.shutdown(asleep.id)).shutdown_reason == "api_shutdown"
        still = await backend.devboxes.wait(made.id, until={DevboxStatus.SHUTDOWN}, wait_seconds=2.5)
        assert still.status == DevboxStatus.SUSPENDED
        assert (await backend.devboxes.resume(made.id)).status == DevboxStatus.RUNNING
        assert await _said(backend, made.id, "cat file") == "hello\n"
        ended = await backend.devboxes.wait(made.id, until={DevboxStatus.SHUTDOWN}, wait_seconds=20)
        assert ended.shutdown_reason == "keep_alive_timeout"


async def test_a_devbox_waits_for_its_turn(open_with: OpenWith) -> None:
    """Where as many are up as may be it is queued, tells its place, and boots once another one is shut down."""
    async with open_with(max_devboxes=1) as backend:
        first = await _made(backend)
        second = await backend.devboxes.create(DevboxCreateParams())
        assert second.status == DevboxStatus.QUEUED
        assert second.x_runloop_mcp is not None
        assert second.x_runloop_mcp.queue is not None
        assert second.x_runloop_mcp.queue.place == 1
        await backend.devboxes.shutdown(first.id)
        assert await _said(backend, second.id, "echo up") == "up\n"
        third = await backend.devboxes.create(DevboxCreateParams())
        assert (await backend.devboxes.shutdown(third.id)).status == DevboxStatus.SHUTDOWN


async def test_shutting_a_devbox_down_cancels_its_run(open_backend: OpenBackend) -> None:
    """A run that is not scored is canceled with it; a score stays, and such a run can still be completed."""
    async with open_backend() as backend:
        run = await started(backend)
        assert (await backend.devboxes.shutdown(run.devbox_id)).shutdown_reason == "api_shutdown"
        assert (await backend.runs.retrieve(run.id)).state == "canceled"
        scored = await started(backend)
        await _said(backend, scored.devbox_id, "echo hello > greeting.txt")
        assert (await backend.runs.score(scored.id)).score == 1.0
        ended = await backend.devboxes.shutdown(scored.devbox_id)
        assert (ended.status, ended.shutdown_reason) == (DevboxStatus.SHUTDOWN, "api_shutdown")
        kept = await backend.runs.retrieve(scored.id)
        assert (kept.state, kept.score) == ("scored", 1.0)
        assert await backend.devboxes.shutdown(scored.devbox_id) == ended
        assert (await backend.runs.complete(scored.id)).state == "completed"


async def test_a_devbox_can_be_shut_down_while_it_boots(open_backend: OpenBackend) -> None:
    """Asked for several times at once, all are answered once it has ended; whoever waits for it is told."""
    async with open_backend() as backend:
        launch = {"launch_commands": ["sleep 1000"]}
        made = await backend.devboxes.create(DevboxCreateParams.model_validate({"launch_parameters": launch}))
        await backend.devboxes.wait(made.id, until={DevboxStatus.INITIALIZING}, wait_seconds=20)
        ended: list[DevboxView] = []

        async def wait_for_it() -> None:
            with pytest.raises(InvalidState, match="ended"):
                await backend.devboxes.execute(made.id, ExecuteParams(command="true"))

        async def shut_down() -> None:
            ended.append(await backend.devboxes.shutdown(made.id))

        async with anyio.create_task_group() as group:
            group.start_soon(wait_for_it)
            await anyio.wait_all_tasks_blocked()
            for _ in range(3):
                group.start_soon(shut_down)
        assert {(each.status, each.shutdown_reason) for each in ended} == {("shutdown", "api_shutdown")}


async def test_the_entrypoint_runs_from_the_boot_on(open_backend: OpenBackend) -> None:
    """It has the devbox's variables and runs at home; the devbox is there for as long as it runs."""
    async with open_backend() as backend:
        entrypoint = 'pwd; echo "for $WHOM"; until test -e enough; do sleep 0.02; done; echo over; exit 3'
        made = await _made(backend, entrypoint=entrypoint, environment_variables={"WHOM": "you"})
        await _said(backend, made.id, "until pgrep -f enough; do sleep 0.02; done; touch ~/enough")
        ended = await backend.devboxes.wait(made.id, until={DevboxStatus.SHUTDOWN}, wait_seconds=20)
        assert (ended.status, ended.shutdown_reason) == (DevboxStatus.SHUTDOWN, "entrypoint_exit")
        log = [line for line in (await backend.devboxes.logs(made.id)).logs if line.source == "entrypoint"]
        assert log[0].cmd == entrypoint
        assert [line.message for line in log[1:-1]] == ["/home/user", "for you", "over"]
        assert (log[-1].exit_code, log[-1].level) == (3, "error")


async def test_the_entrypoint_runs_again_when_a_devbox_is_resumed(open_backend: OpenBackend) -> None:
    """Suspending is no end of its own; it keeps no devbox from being idle, either."""
    async with open_backend() as backend:
        launch = {"after_idle": {"idle_time_seconds": 1, "on_idle": "suspend"}}
        made = await _made(backend, entrypoint="echo up >> ~/boots; exec sleep 1000", launch_parameters=launch)
        asleep = await backend.devboxes.wait(made.id, until={DevboxStatus.SUSPENDED}, wait_seconds=20)
        assert asleep.status == DevboxStatus.SUSPENDED
        seen = 'until test "$(wc -l < ~/boots)" = 2; do sleep 0.02; done; pgrep sleep | wc -l'
        assert await _said(backend, made.id, seen) == "1\n"


def _as_asked(message: str | None) -> str:
    """A message with paths relative to the working directory, however they went to the server."""
    return (message or "").replace("/home/user/work/", "")


async def test_a_log_tells_what_happened_in_order(open_backend: OpenBackend) -> None:
    """Launch commands, files and commands, with what they said and how they ended; also after the end, and in parts."""
    async with open_backend() as backend:
        await keep_secret(backend, "TOKEN", "hunter2-hunter2")
        launch = {"launch_commands": ["echo $TOKEN launched", "true"]}
        made = await _made(backend, launch_parameters=launch, secrets={"TOKEN": "TOKEN"})
        await backend.devboxes.write_file(made.id, "a.txt", b"12345")
        command = "echo out; echo err >&2; exit 4"
        plain = await backend.devboxes.execute(made.id, ExecuteParams(command=command))
        await backend.devboxes.execute(made.id, ExecuteParams(command="echo $TOKEN", shell_name="one"))
        await backend.devboxes.shutdown(made.id)
        logs = (await backend.devboxes.logs(made.id)).logs
        assert [line.timestamp_ms for line in logs] == sorted(line.timestamp_ms for line in logs)
        assert not any("hunter2" in line.model_dump_json() for line in logs)
        setup = [(line.cmd, line.message, line.exit_code) for line in logs if line.source == "setup_commands"]
        assert (setup[0][0], setup[2], setup[3:]) == (
            "echo $TOKEN launched",
            (None, None, 0),
            [("true", None, None), (None, None, 0)],
        )
        assert (setup[1][1] or "").endswith(" launched")
        assert [_as_asked(line.message) for line in logs if line.source == "files"] == ["Wrote a.txt (5 bytes)"]
        of_one = (await backend.devboxes.logs(made.id, execution_id=plain.execution_id)).logs
        assert [(line.level, line.cmd, line.message, line.exit_code) for line in of_one] == [
            ("info", command, None, None),
            ("info", None, "out", None),
            ("error", None, "err", None),
            ("error", None, None, 4),
        ]
        assert {line.cmd_id for line in of_one} == {plain.execution_id}
        of_shell = (await backend.devboxes.logs(made.id, shell_name="one")).logs
        assert {(line.source, line.shell_name) for line in of_shell} == {("exec", "one")}
        with pytest.raises(NotFound):
            await backend.devboxes.logs("dbx_nothing")


async def test_a_log_tells_of_what_still_runs(open_backend: OpenBackend) -> None:
    """A command is there from its beginning on, with what it has said so far; a run's devbox has a log as well."""
    async with open_backend() as backend:
        run = await started(backend)
        await backend.devboxes.write_file(run.devbox_id, "a.txt", b"1")
        command = "echo so far; exec sleep 1000"
        begun = await backend.devboxes.execute(run.devbox_id, ExecuteParams(command=command), wait_seconds=0)
        await backend.devboxes.read_output(run.devbox_id, begun.execution_id, OutputStream.STDOUT, wait_seconds=20)
        logs = (await backend.devboxes.logs(run.devbox_id)).logs
        assert [(line.source, line.cmd or _as_asked(line.message)) for line in logs] == [
            ("files", "Wrote a.txt (1 bytes)"),
            ("exec", command),
            ("exec", "so far"),
        ]


async def test_a_log_leaves_out_what_it_could_not_cover(open_backend: OpenBackend) -> None:
    """Where a secret is deleted after the devbox has ended, nobody knows what of its output was the value."""
    async with open_backend() as backend:
        await keep_secret(backend, "TOKEN", "hunter2-hunter2")
        made = await _made(backend, secrets={"TOKEN": "TOKEN"})
        await _said(backend, made.id, "echo $TOKEN")
        await backend.devboxes.shutdown(made.id)
        await backend.secrets.delete("TOKEN")
        logs = (await backend.devboxes.logs(made.id)).logs
        assert [line.cmd or line.exit_code or "left out" in (line.message or "") for line in logs] == [
            "echo $TOKEN",
            True,
            False,
        ]


@pytest.mark.proof
async def test_usage_counts_the_time_that_a_devbox_was_up(open_backend: OpenBackend) -> None:
    """By what its size grants it; nothing is added while it is suspended, and nothing after its end."""
    async with open_backend() as backend:
        made = await _made(backend, launch_parameters={"resource_size_request": "MEDIUM"})
        await _said(backend, made.id, "sleep 1.2")
        await backend.devboxes.suspend(made.id)
        await anyio.sleep(1.2)
        await backend.devboxes.shutdown(made.id)
        usage = await backend.devboxes.usage(made.id)
        assert (usage.id, usage.status, usage.start_time_ms) == (made.id, "shutdown", made.create_time_ms)
        assert usage.end_time_ms is not None
        assert 1 <= usage.total_active_seconds < usage.total_elapsed_seconds
        assert usage.vcpu_seconds == pytest.approx(usage.total_active_seconds * 2, abs=2)
        assert usage.memory_gb_seconds == pytest.approx(usage.total_active_seconds * 4, abs=3)
        assert usage.disk_gb_seconds == pytest.approx(usage.total_active_seconds * 8, abs=5)
        assert await backend.devboxes.usage(made.id) == usage


async def test_a_snapshot_in_the_making_holds_a_shutdown_up(open_backend: OpenBackend) -> None:
    """It is refused until that is made, unless it is forced: then the snapshot has failed, and says why."""
    async with open_backend() as backend:
        made = await _made(backend)
        await _said(backend, made.id, "head -c 100M /dev/zero > large")
        begun = await backend.snapshots.create(made.id, SnapshotParams(), wait_seconds=0)
        with pytest.raises(Conflict, match="snapshot"):
            await backend.devboxes.shutdown(made.id)
        assert (await backend.devboxes.shutdown(made.id, force=True)).status == DevboxStatus.SHUTDOWN
        status = await backend.snapshots.query_status(begun.id)
        assert status.status == "error"
        assert "shut down" in (status.error_message or "")


async def test_a_devbox_begins_as_a_snapshot_of_another(open_backend: OpenBackend) -> None:
    """And names it; what it began as can't be deleted from under it."""
    async with open_backend() as backend:
        first = await _made(backend)
        await _said(backend, first.id, "echo kept > file; echo home > ~/file")
        snapshot = await backend.snapshots.create(first.id, SnapshotParams())
        await backend.devboxes.shutdown(first.id)
        second = await _made(backend, snapshot_id=snapshot.id)
        assert second.snapshot_id == snapshot.id
        assert await _said(backend, second.id, "cat file ~/file") == "kept\nhome\n"
        with pytest.raises(InvalidState, match=second.id):
            await backend.snapshots.delete(snapshot.id)
        await backend.devboxes.shutdown(second.id)
        await backend.snapshots.delete(snapshot.id)
        with pytest.raises(InvalidState, match="deleted"):
            await backend.devboxes.create(DevboxCreateParams(snapshot_id=snapshot.id))


async def test_a_devbox_begins_as_the_newest_blueprint_of_a_name(open_backend: OpenBackend) -> None:
    """With its launch parameters, over which its own go."""
    async with open_backend() as backend:
        for text in ("old", "new"):
            blueprint = await backend.blueprints.create(
                BlueprintParams(
                    name="base",
                    file_mounts={"said": text},
                    launch_parameters=LaunchParameters(launch_commands=["cat ~/said > launched"]),
                )
            )
            blueprint = await backend.blueprints.wait(blueprint.id, wait_seconds=30)
        made = await _made(backend, blueprint_name="base", launch_parameters={"keep_alive_time_seconds": 77})
        assert (made.blueprint_id, made.launch_parameters.keep_alive_time_seconds) == (blueprint.id, 77)
        assert await _said(backend, made.id, "cat launched") == "new"
