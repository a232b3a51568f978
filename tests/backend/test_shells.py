"""The contract of named shells."""

import anyio
import pytest
from backend_cases import OpenBackend
from greeting_scenario import greeting, run_command, started

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import Conflict, InvalidRequest, InvalidState
from runloop_mcp.api.models.devbox import ExecuteParams, ExecutionView, StdinSignal
from runloop_mcp.api.models.run import ScenarioRunView


async def ask(
    backend: Backend, run: ScenarioRunView, command: str, *, name: str = "main", wait: float = 20, **more: object
) -> ExecutionView:
    """A command in a named shell."""
    params = ExecuteParams.model_validate({"command": command, "shell_name": name, **more})
    return await backend.devboxes.execute(run.devbox_id, params, wait_seconds=wait)


async def said(backend: Backend, run: ScenarioRunView, command: str, *, name: str = "main") -> str:
    """What a command in a named shell printed that must succeed."""
    execution = await ask(backend, run, command, name=name)
    assert (execution.status, execution.exit_status) == ("completed", 0), execution
    return execution.stdout or ""


def notes(execution: ExecutionView) -> str:
    """What the caller was told beside the result."""
    return " ".join(execution.x_runloop_mcp.notes) if execution.x_runloop_mcp else ""


@pytest.mark.needs("has_rights_outside_home")
async def test_a_named_shell_keeps_its_state(open_backend: OpenBackend) -> None:
    """It begins in the working directory with the run's variables, is told apart by its name, and bears interrupts."""
    async with open_backend() as backend:
        run = await started(backend, greeting(working_directory="/srv/task"), envVars={"COLOUR": "red"})
        assert await said(backend, run, "pwd; echo $COLOUR; cd /usr; x=1; f() { echo f$1; }") == "/srv/task\nred\n"
        assert await said(backend, run, "pwd; f $x") == "/usr\nf1\n"
        assert await said(backend, run, "pwd; echo ${x-unset}", name="other") == "/srv/task\nunset\n"
        assert (await run_command(backend, run, "pwd; echo ${x-unset}")).stdout == "/srv/task\nunset\n"
        failed = await ask(backend, run, "echo out; echo err >&2; (exit 3)")
        assert (failed.exit_status, failed.stdout, failed.stderr, failed.shell_name) == (3, "out\n", "err\n", "main")
        again = await backend.devboxes.execution(run.devbox_id, failed.execution_id)
        assert (again.shell_name, notes(again)) == ("main", "")
        begun = await ask(backend, run, "echo up; sleep 1000; echo on", wait=0)
        place = (run.devbox_id, begun.execution_id)
        while (await backend.devboxes.execution(*place)).stdout != "up\n":
            await anyio.lowlevel.checkpoint()
        await backend.devboxes.send_stdin(*place, signal=StdinSignal.INTERRUPT)
        ended = await backend.devboxes.execution(*place, wait_seconds=20)
        assert (ended.exit_status, ended.stdout, notes(ended)) == (130, "up\n", "")
        assert await said(backend, run, "pwd; f $x") == "/usr\nf1\n"


async def test_commands_of_one_shell_take_turns(open_backend: OpenBackend) -> None:
    """They run in the order in which they were asked for, are queued till then, and others run side by side."""
    async with open_backend() as backend:
        run = await started(backend)
        first = await ask(backend, run, "read x; echo $x >> order", wait=0, attach_stdin=True)
        assert first.status == "running"
        later = [await ask(backend, run, f"echo {number} >> order", wait=0) for number in range(5)]
        assert {each.status for each in later} == {"queued"}
        assert await said(backend, run, "echo aside", name="other") == "aside\n"
        assert (await run_command(backend, run, "echo beside; ls")).stdout == "beside\n"
        await backend.devboxes.send_stdin(run.devbox_id, first.execution_id, text="first\n")
        ended = await backend.devboxes.execution(run.devbox_id, later[-1].execution_id, wait_seconds=20)
        assert (ended.status, ended.exit_status) == ("completed", 0)
        assert await said(backend, run, "cat order") == "first\n0\n1\n2\n3\n4\n"
        # Killed, interrupted or its call canceled before its turn, a command never runs.
        first = await ask(backend, run, "read x", wait=0, attach_stdin=True)
        killed, interrupted = [await ask(backend, run, "touch ran", wait=0, attach_stdin=True) for _ in range(2)]
        with pytest.raises(Conflict, match="turn"):
            await backend.devboxes.send_stdin(run.devbox_id, killed.execution_id, text="x")
        killed = await backend.devboxes.kill(run.devbox_id, killed.execution_id)
        assert (killed.status, killed.exit_status) == ("completed", 137)
        assert "never ran" in notes(killed)
        place = (run.devbox_id, interrupted.execution_id)
        await backend.devboxes.send_stdin(*place, signal=StdinSignal.INTERRUPT)
        assert (await backend.devboxes.execution(*place, wait_seconds=20)).exit_status == 130
        with anyio.move_on_after(0.1):
            await ask(backend, run, "touch ran")
        await backend.devboxes.send_stdin(run.devbox_id, first.execution_id, signal=StdinSignal.EOF)
        assert await said(backend, run, "ls") == "order\n"


async def test_names_and_numbers_of_shells_are_bounded(open_backend: OpenBackend) -> None:
    """What is no name, no variable, or one shell too many is refused; the shells there are work on."""
    async with open_backend() as backend:
        run = await started(backend)
        for name in ("", " ", "a\nb", "x" * 101, "\0"):
            with pytest.raises(InvalidRequest, match="name"):
                await ask(backend, run, "true", name=name)
        names = [f"shell {number} é" for number in range(32)]
        for name in names:
            await said(backend, run, "true", name=name)
        with pytest.raises(InvalidState, match="32 shells"):
            await ask(backend, run, "true", name="one too many")
        await ask(backend, run, "exit", name=names[7])
        assert await said(backend, run, "echo fits", name="one too many") == "fits\n"
        with pytest.raises(InvalidRequest, match="variable"):
            await ask(backend, run, "true", name=names[0], environment={"NOT-A": "variable"})
        assert await said(backend, run, "echo works", name=names[0]) == "works\n"


async def test_a_shell_that_ended_is_begun_afresh(open_backend: OpenBackend) -> None:
    """Exit, time limit and kill end it; the command says so, and so does the one that begins it again."""
    async with open_backend() as backend:
        run = await started(backend)
        for command, more, status in (("exit 3", {}, 3), ("sleep 1000", {"timeout_seconds": 0.3}, 137)):
            await said(backend, run, "x=1; cd /usr")
            ended = await ask(backend, run, command, **more)
            assert ended.exit_status == status
            assert "'main' ended" in notes(ended)
            assert "background processes" in notes(ended)
            fresh = await ask(backend, run, "echo ${x-unset}; pwd")
            assert fresh.stdout == "unset\n/home/user/work\n"
            assert "afresh" in notes(fresh)
            assert "afresh" not in notes(await ask(backend, run, "true"))
        begun = await ask(backend, run, "echo up; sleep 1000; touch after", wait=0)
        killed = await backend.devboxes.kill(run.devbox_id, begun.execution_id)
        assert killed.x_runloop_mcp is not None
        assert (killed.status, killed.x_runloop_mcp.killed) == ("completed", True)
        assert "'main' ended" in notes(killed)
        assert await said(backend, run, "ls") == ""


async def test_shells_end_with_the_devboxs_processes(open_backend: OpenBackend) -> None:
    """After a new boot, by this server or the next, a shell of before is begun anew and says so; a new one does not."""
    async with open_backend() as backend:
        run = await started(backend)
        await said(backend, run, "x=1")
        await said(backend, run, "x=1", name="second")
        queued = [await ask(backend, run, command, wait=0) for command in ("sleep 1000", "touch ran")]
        await backend.devboxes.suspend(run.devbox_id)
        for each in queued:
            ended = await backend.devboxes.execution(run.devbox_id, each.execution_id)
            assert (ended.status, ended.exit_status) == ("completed", 137)
        assert "never ran" in notes(await backend.devboxes.execution(run.devbox_id, queued[1].execution_id))
        fresh = await ask(backend, run, "echo ${x-unset}; ls")
        assert fresh.stdout == "unset\n"
        assert "'main' had ended" in notes(fresh)
    async with open_backend() as backend:
        fresh = await ask(backend, run, "echo ${x-unset}", name="second")
        assert fresh.stdout == "unset\n"
        assert "'second' had ended" in notes(fresh)
        assert "'third'" not in notes(await ask(backend, run, "true", name="third"))
