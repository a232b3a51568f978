"""The contract of launch parameters: what the devbox of a run is like."""

import pytest
from backend_cases import OpenBackend
from greeting_scenario import contract, greeting, run_command, started

from runloop_mcp.api.models.run import RunState
from runloop_mcp.api.trace import EventKind

LEAST = {
    "resource_size_request": "CUSTOM_SIZE",
    "custom_cpu_cores": 0.5,
    "custom_gb_memory": 1,
    "custom_disk_size": 2,
}


@pytest.mark.needs("tells_limits")
async def test_a_limit_that_is_hit_is_told(open_backend: OpenBackend) -> None:
    """A command whose process was killed for the devbox's memory learns that, and so does the run's record.

    A later command has nothing of it.
    """
    async with open_backend() as backend:
        run = await started(backend, greeting(**LEAST))
        killed = await run_command(backend, run, "tail /dev/zero")
        assert killed.exit_status == 137
        assert killed.x_runloop_mcp is not None
        assert any("out of memory (1 GiB)" in note for note in killed.x_runloop_mcp.notes)
        later = await run_command(backend, run, "exit 1")
        assert later.x_runloop_mcp is not None
        assert later.x_runloop_mcp.notes == later.x_runloop_mcp.limits == []
        events = await backend.trace.events(run.id)
        recorded = [event.data.get("limits") for event in events if event.kind is EventKind.EXECUTION]
        assert killed.x_runloop_mcp.limits == ["memory"]
        assert recorded == [["memory"], None]


@pytest.mark.needs("tells_limits")
@pytest.mark.proof
async def test_a_launch_that_hits_a_limit_gives_it_as_the_reason(open_backend: OpenBackend) -> None:
    """The devbox fails with the wire's word for it, and the message says which limit it was."""
    async with open_backend() as backend:
        run = await started(backend, greeting(launch_commands=["tail /dev/zero"], **LEAST))
        devbox = await backend.devboxes.retrieve(run.devbox_id)
        assert (run.state, devbox.status, devbox.failure_reason) == (RunState.FAILED, "failure", "out_of_memory")
        assert devbox.x_runloop_mcp is not None
        assert devbox.x_runloop_mcp.failure_message is not None
        assert "out of memory (1 GiB)" in devbox.x_runloop_mcp.failure_message


async def test_the_user_is_who_the_scenario_wants(open_backend: OpenBackend) -> None:
    """Launch commands, commands, shells and scorers run as that user; the home is `/home/user`."""
    shown = {"type": "command_scorer", "command": 'test "$(id -un):$(id -u):$USER" = ann:501:ann -a -O greeting.txt'}
    user = {"user_parameters": {"uid": 501, "username": "ann"}}
    scenario = greeting(
        launch_commands=["id -un > launched"], scoring_contract=contract(("as-ann", 1.0, shown)), **user
    )
    async with open_backend() as backend:
        run = await started(backend, scenario)
        seen = await run_command(backend, run, "id -un; id -u; echo $USER ~; cat launched; touch greeting.txt")
        assert seen.stdout == "ann\n501\nann /home/user\nann\n"
        assert (await backend.runs.score(run.id)).score == 1.0
