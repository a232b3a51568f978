"""Long work as tasks, for clients that declare the extension; others see no difference."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp.client.extension import advertise
from mcp.shared.exceptions import MCPError
from mcp_agent import scenario_folder, scorer
from mcp_types import (
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
)
from probed_driver import ProbedDriver
from task_client import TASKS, TakesTasks, Tasker

from runloop_mcp.api.access import LOCAL_OPERATOR, Principal, Role
from runloop_mcp.api.models.devbox import DevboxStatus
from runloop_mcp.api.models.run import StartRunParams
from runloop_mcp.api.models.scenario import ScenarioListParams
from runloop_mcp.engine.backend import EmbeddedEngine
from runloop_mcp.server.app import build_server

DEFER_SECONDS = 0.1
PATIENCE_SECONDS = 20
WAITING = "until test -e go; do sleep 0.05; done"


@asynccontextmanager
async def engine_of(tmp_path: Path, devboxes: Path, **scenario: Any) -> AsyncIterator[EmbeddedEngine]:
    """An engine with one scenario, `box`."""
    if not (tmp_path / "pack").exists():
        scenario_folder(tmp_path / "pack", "box", **scenario)
    async with EmbeddedEngine(tmp_path / "state", ProbedDriver(devboxes), packs=[tmp_path / "pack"]) as engine:
        yield engine


async def run_of_box(engine: EmbeddedEngine) -> str:
    """A run whose devbox is ready."""
    (scenario,) = (await engine.scenarios.list(ScenarioListParams())).items
    run = await engine.scenarios.start_run(StartRunParams(scenario_id=scenario.id))
    devbox = await engine.devboxes.wait(run.devbox_id, until=[DevboxStatus.RUNNING], wait_seconds=PATIENCE_SECONDS)
    assert devbox.status == DevboxStatus.RUNNING
    return run.id


@asynccontextmanager
async def tasker(engine: EmbeddedEngine, principal: Principal = LOCAL_OPERATOR) -> AsyncIterator[Tasker]:
    """A client that takes tasks, on a server of its own."""
    server = build_server(engine, principal=principal, defer_seconds=DEFER_SECONDS)
    async with Client(server, extensions=[TakesTasks()]) as client:
        yield Tasker(client)


def text_of(task: dict[str, Any]) -> str:
    """What the tool of a completed task answers."""
    return str(task["result"]["content"][0]["text"])


async def test_a_command_becomes_a_task_that_outlives_its_server(tmp_path: Path, devboxes: Path) -> None:
    """What takes long is answered with a task at once; a later server on the same state has its result."""
    async with engine_of(tmp_path, devboxes) as engine:
        async with tasker(engine) as agent:
            run_id = await run_of_box(engine)
            short = await agent.call("exec_on_devbox", run_id=run_id, command="echo quick")
            assert "\nquick\n" in short.text
            created = await agent.begin("exec_on_devbox", run_id=run_id, command=f"{WAITING}; echo done; exit 3")
            assert created["resultType"] == "task"
            assert created["status"] == "working"
            assert created["ttlMs"] is None
            assert created["pollIntervalMs"] > 0
            working = await agent.ask("tasks/get", created["taskId"])
            assert working["status"] == "working"
            assert working["resultType"] == "complete"
            assert "result" not in working
            assert await agent.ask("tasks/update", created["taskId"], inputResponses={"x": {"action": "accept"}})
        async with tasker(engine) as agent:
            await agent.call("write_file", run_id=run_id, path="go", content="")
            done = await agent.until(created["taskId"], "completed")
            assert text_of(done).startswith("Exit status 3 after ")
            assert "\ndone\n" in text_of(done)
            assert not done["result"]["isError"]
            assert created["createdAt"] == done["createdAt"] < done["lastUpdatedAt"]
    async with engine_of(tmp_path, devboxes) as engine, tasker(engine) as agent:
        assert text_of(await agent.ask("tasks/get", created["taskId"])) == text_of(done)


async def test_a_task_that_is_canceled_ends_its_command(tmp_path: Path, devboxes: Path) -> None:
    """And is canceled from then on; the record of the run tells of it."""
    async with engine_of(tmp_path, devboxes) as engine, tasker(engine) as agent:
        run_id = await run_of_box(engine)
        created = await agent.begin("exec_on_devbox", run_id=run_id, command="echo $$ > pid; exec sleep 1000")
        await agent.ask("tasks/cancel", created["taskId"])
        ended = await agent.ask("tasks/get", created["taskId"])
        assert ended["status"] == "cancelled"
        assert "get_execution" in ended["statusMessage"]
        alive = await agent.call("exec_on_devbox", run_id=run_id, command="kill -0 $(cat pid) || echo gone")
        assert "\ngone\n" in alive.text
        await agent.ask("tasks/cancel", created["taskId"])
        assert '"tool":"tasks/cancel"' in await agent.read(f"runloop://runs/{run_id}/log")


async def test_who_has_no_tool_that_ends_commands_cancels_no_task(tmp_path: Path, devboxes: Path) -> None:
    """A token for some tools, or a server that only reads, opens nothing else by a task's id."""
    async with engine_of(tmp_path, devboxes) as engine, tasker(engine) as agent:
        run_id = await run_of_box(engine)
        created = await agent.begin("exec_on_devbox", run_id=run_id, command=WAITING)
        looker = Principal(f"run:{run_id}", Role.SOLVER, run_id, frozenset({"get_run", "write_file"}))
        async with tasker(engine, looker) as other:
            with pytest.raises(MCPError, match="no tool that ends"):
                await other.ask("tasks/cancel", created["taskId"])
            assert (await other.ask("tasks/get", created["taskId"]))["status"] == "working"
        await agent.call("write_file", run_id=run_id, path="go", content="")
        await agent.until(created["taskId"], "completed")


async def test_scoring_becomes_a_task_that_canceling_does_not_stop(tmp_path: Path, devboxes: Path) -> None:
    """A score is final and scored in one go: the card comes in the end, as the tool gives it."""
    slow = scorer("slow", 1.0, "sleep 0.5; test -e answer.txt")
    async with engine_of(tmp_path, devboxes, functions=[slow]) as engine, tasker(engine) as agent:
        run_id = await run_of_box(engine)
        await agent.call("write_file", run_id=run_id, path="answer.txt", content="42")
        created = await agent.begin("score_run", run_id=run_id)
        assert created["status"] == "working"
        await agent.ask("tasks/cancel", created["taskId"])
        done = await agent.until(created["taskId"], "completed")
        shown = await agent.call("get_score", run_id=run_id)
        assert done["result"]["structuredContent"] == shown.structured
        assert text_of(done) == shown.text


async def test_a_start_becomes_a_task_until_the_devbox_is_ready(tmp_path: Path, devboxes: Path) -> None:
    """What comes in the end is what start_run says: the run, its devbox and the problem."""
    async with engine_of(tmp_path, devboxes, launch_commands=["sleep 0.5"]) as engine, tasker(engine) as agent:
        created = await agent.begin("start_run", scenario_id="box")
        assert "provisioning" in created["statusMessage"] or "initializing" in created["statusMessage"]
        done = await agent.until(created["taskId"], "completed")
        assert "it is ready" in text_of(done)
        assert "Write 42 into answer.txt." in text_of(done)


async def test_a_start_that_fails_is_a_completed_task_with_the_tools_error(tmp_path: Path, devboxes: Path) -> None:
    """As the protocol has it for tools that fail."""
    failing = ["sleep 0.4; echo no such luck >&2; exit 1"]
    async with engine_of(tmp_path, devboxes, launch_commands=failing) as engine, tasker(engine) as agent:
        created = await agent.begin("start_run", scenario_id="box")
        done = await agent.until(created["taskId"], "completed")
        assert done["result"]["isError"]
        assert "no such luck" in text_of(done)


async def test_only_those_who_declare_tasks_meet_them(tmp_path: Path, devboxes: Path) -> None:
    """Others wait as ever, and are told what they lack if they ask for a task; in the handshake era there is none."""
    async with engine_of(tmp_path, devboxes) as engine:
        server = build_server(engine, defer_seconds=DEFER_SECONDS)
        async with Client(server) as client:
            agent = Tasker(client)
            run_id = await run_of_box(engine)
            waited = await agent.call("exec_on_devbox", run_id=run_id, command="sleep 0.6; echo waited")
            assert "\nwaited\n" in waited.text
            with pytest.raises(MCPError) as refused:
                await agent.ask("tasks/get", f"task-start.{run_id}.1")
            assert refused.value.error.code == MISSING_REQUIRED_CLIENT_CAPABILITY
            assert refused.value.error.data == {"requiredCapabilities": {"extensions": {TASKS: {}}}}
        async with Client(server, mode="legacy", extensions=[advertise(TASKS)]) as client:
            agent = Tasker(client)
            waited = await agent.call("exec_on_devbox", run_id=run_id, command="sleep 0.6; echo waited")
            assert "\nwaited\n" in waited.text
            with pytest.raises(MCPError) as refused:
                await agent.ask("tasks/get", f"task-start.{run_id}.1")
            assert refused.value.error.code == METHOD_NOT_FOUND


async def test_nobody_sees_the_tasks_of_others(tmp_path: Path, devboxes: Path) -> None:
    """A task of another's run is not there for a solver, nor is one that never was for anybody."""
    async with engine_of(tmp_path, devboxes) as engine:
        async with tasker(engine) as agent:
            run_id = await run_of_box(engine)
            created = await agent.begin("exec_on_devbox", run_id=run_id, command=WAITING)
        solver = Principal(id="someone-else", role=Role.SOLVER)
        async with tasker(engine, solver) as agent:
            for task_id in (created["taskId"], f"task-exec.{run_id}.exe_none.1", "task-exec.x.1", "", "../x", "\u0000"):
                for method in ("tasks/get", "tasks/cancel"):
                    with pytest.raises(MCPError) as refused:
                        await agent.ask(method, task_id)
                    assert refused.value.error.code == INVALID_PARAMS
        async with tasker(engine) as agent:
            assert (await agent.ask("tasks/get", created["taskId"]))["status"] == "working"
            far = await agent.ask("tasks/get", f"task-start.{run_id}.{10**13 - 1}")
            assert far["createdAt"].startswith("2286-")
            with pytest.raises(MCPError) as refused:
                await agent.ask("tasks/get", f"task-start.{run_id}.{10**13}")
            assert refused.value.error.code == INVALID_PARAMS
