"""The contract of devboxes that nobody uses: suspended, resumed, shut down."""

import anyio
import pytest
from backend_cases import OpenBackend
from greeting_scenario import greeting, run_command, started

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import Conflict, InvalidState, NotFound, Unavailable
from runloop_mcp.api.models.devbox import DevboxStatus, DevboxView, ExecuteParams, StdinSignal
from runloop_mcp.api.models.run import RunState, ScenarioRunView

PATIENCE_SECONDS = 20
SUSPENDS = {"after_idle": {"idle_time_seconds": 1, "on_idle": "suspend"}}
SHUTS_DOWN = {"after_idle": {"idle_time_seconds": 1, "on_idle": "shutdown"}}


async def becomes(backend: Backend, run: ScenarioRunView, status: DevboxStatus) -> DevboxView:
    """The run's devbox, once it has this status."""
    devbox = await backend.devboxes.wait(run.devbox_id, until={status}, wait_seconds=PATIENCE_SECONDS)
    assert devbox.status == status
    return devbox


async def test_a_suspended_devbox_is_resumed_by_the_next_call(open_backend: OpenBackend) -> None:
    """Its processes end, its disk stays, its run goes on and can be scored; whoever uses it next is told.

    What is not running can't be suspended, and what is not suspended can't be resumed.
    """
    async with open_backend() as backend:
        run = await started(backend)
        left = await backend.devboxes.execute(
            run.devbox_id, ExecuteParams(command="echo up; sleep 999"), wait_seconds=0
        )
        await run_command(backend, run, "echo hello > greeting.txt; touch ~/home /tmp/temporary")
        suspended = await backend.devboxes.suspend(run.devbox_id)
        assert (suspended.status, suspended.end_time_ms) == ("suspended", None)
        assert (await backend.runs.retrieve(run.id)).state == RunState.RUNNING
        lost = await backend.devboxes.execution(run.devbox_id, left.execution_id)
        assert (lost.status, lost.exit_status) == ("completed", 137)
        with pytest.raises(InvalidState, match="suspended"):
            await backend.devboxes.suspend(run.devbox_id)
        seen = await run_command(backend, run, "cat greeting.txt; ls ~/home /tmp/temporary; pgrep sleep")
        assert seen.stdout == "hello\n/home/user/home\n/tmp/temporary\n"
        assert seen.x_runloop_mcp is not None
        assert any("suspended and was resumed" in note for note in seen.x_runloop_mcp.notes)
        devbox = await backend.devboxes.retrieve(run.devbox_id)
        statuses = [transition["status"] for transition in devbox.state_transitions]
        assert statuses[-4:] == ["suspending", "suspended", "resuming", "running"]
        assert (await run_command(backend, run, "true")).x_runloop_mcp.notes == []  # type: ignore[union-attr]
        with pytest.raises(InvalidState, match="not suspended"):
            await backend.devboxes.resume(run.devbox_id)
        await backend.devboxes.suspend(run.devbox_id)
        with pytest.raises(InvalidState, match="not running"):
            await backend.devboxes.keep_alive(run.devbox_id)
        assert (await backend.devboxes.resume(run.devbox_id)).status == DevboxStatus.RUNNING
        await backend.devboxes.suspend(run.devbox_id)
        assert (await backend.runs.score(run.id)).score == 1.0
        await backend.devboxes.suspend(run.devbox_id)
        assert (await backend.runs.complete(run.id)).state == RunState.COMPLETED
        for call in (backend.devboxes.suspend, backend.devboxes.resume, backend.devboxes.keep_alive):
            with pytest.raises(InvalidState, match="shutdown"):
                await call(run.devbox_id)
            with pytest.raises(NotFound):
                await call("dbx_none")


async def test_calls_that_meet_a_suspension_are_answered(open_backend: OpenBackend) -> None:
    """Commands asked for meanwhile run before it, wait and resume the devbox, or learn that it ended under them.

    Another server can't suspend it while this one holds it; suspended, any server resumes it.
    """
    async with open_backend() as backend, open_backend() as other:
        run = await started(backend)
        ran: list[str] = []

        async def touch(name: str) -> None:
            try:
                execution = await run_command(backend, run, f"touch {name}")
            except Unavailable:
                return
            if execution.exit_status == 0:
                ran.append(f"{name}\n")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(backend.devboxes.suspend, run.devbox_id)
            for number in range(10):
                tasks.start_soon(touch, str(number))
                for _ in range(number):
                    await anyio.lowlevel.checkpoint()
        there = (await run_command(backend, run, "ls")).stdout or ""
        assert set(ran) <= set(there.splitlines(keepends=True))
        for call in (other.devboxes.suspend, other.devboxes.keep_alive):
            with pytest.raises(Conflict, match="held by another"):
                await call(run.devbox_id)
        await backend.devboxes.suspend(run.devbox_id)
        assert (await run_command(other, run, "echo there")).stdout == "there\n"


async def test_an_idle_devbox_is_suspended_or_shut_down(open_backend: OpenBackend) -> None:
    """Not while a command runs or calls come; nothing else limits the time of such a run."""
    async with open_backend() as backend:
        suspends = await started(backend, greeting(keep_alive_seconds=1, **SUSPENDS))
        shuts_down = await started(backend, greeting(keep_alive_seconds=1, **SHUTS_DOWN))
        assert suspends.x_runloop_mcp is not None
        assert suspends.x_runloop_mcp.budget.time_left_seconds is None
        params = ExecuteParams(command="cat > greeting.txt", attach_stdin=True)
        begun = await backend.devboxes.execute(suspends.devbox_id, params, wait_seconds=0)
        for _ in range(3):
            await backend.devboxes.keep_alive(shuts_down.devbox_id)
            waited = await backend.devboxes.wait(suspends.devbox_id, until={DevboxStatus.SUSPENDED}, wait_seconds=0.5)
            assert waited.status == DevboxStatus.RUNNING
        assert (await run_command(backend, shuts_down, "true")).exit_status == 0
        await backend.devboxes.send_stdin(
            suspends.devbox_id, begun.execution_id, text="hello\n", signal=StdinSignal.EOF
        )
        suspended = await becomes(backend, suspends, DevboxStatus.SUSPENDED)
        assert suspended.launch_parameters.after_idle is not None
        assert (await backend.runs.retrieve(suspends.id)).state == RunState.RUNNING
        assert (await backend.runs.score(suspends.id)).score == 1.0
        ended = await becomes(backend, shuts_down, DevboxStatus.SHUTDOWN)
        assert ended.shutdown_reason == "idle"
        run = await backend.runs.retrieve(shuts_down.id)
        assert run.state == RunState.TIMEOUT
        assert run.x_runloop_mcp is not None
        assert any("not used for 1 s" in note for note in run.x_runloop_mcp.notes)
        with pytest.raises(InvalidState, match="timeout"):
            await run_command(backend, run, "true")


async def test_idle_time_goes_on_while_no_server_runs(open_backend: OpenBackend) -> None:
    """The next server does what has become due, whether a devbox is to be suspended or shut down."""
    async with open_backend() as backend:
        suspends = await started(backend, greeting(**SUSPENDS))
        shuts_down = await started(backend, greeting(**SHUTS_DOWN))
        scored = await started(backend, greeting(**SHUTS_DOWN))
        await run_command(backend, scored, "echo hello > greeting.txt")
        assert (await backend.runs.score(scored.id)).score == 1.0
    async with open_backend() as backend:
        await becomes(backend, suspends, DevboxStatus.SUSPENDED)
        for run in (shuts_down, scored):
            assert (await becomes(backend, run, DevboxStatus.SHUTDOWN)).shutdown_reason == "idle"
        assert (await backend.runs.retrieve(shuts_down.id)).state == RunState.TIMEOUT
        assert (await backend.runs.retrieve(scored.id)).state == RunState.SCORED
        assert (await backend.devboxes.resume(suspends.devbox_id)).status == DevboxStatus.RUNNING
