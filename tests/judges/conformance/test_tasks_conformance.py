"""The newest release of the conformance suite judges our tasks, which are commands and runs of the real engine.

No revision scores the tasks extension yet. What its tools are called is the suite's choice: behind them are ours.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
import yaml
from judged import Verdict, verdicts
from mcp.server.mcpserver import Context
from mcp_types import CallToolResult, InputRequiredResult, TextContent, Tool
from probed_driver import ProbedDriver

from runloop_mcp.api.access import LOCAL_OPERATOR
from runloop_mcp.api.models.devbox import DevboxStatus
from runloop_mcp.api.models.run import StartRunParams
from runloop_mcp.api.models.scenario import ScenarioListParams
from runloop_mcp.engine.backend import EmbeddedEngine
from runloop_mcp.server.app import ANSWER_SECONDS, RunloopServer
from runloop_mcp.server.heartbeat import SILENCE_SECONDS
from runloop_mcp.server.services import NONE
from runloop_mcp.server.surface import CORE
from runloop_mcp.server.transports.http import serve_http
from runloop_mcp.server.transports.signals import Stop

SCENARIOS = (
    "tasks-lifecycle",
    "tasks-capability-negotiation",
    "tasks-wire-fields",
    "tasks-request-state-removal",
    "tasks-request-headers",
    "tasks-dispatch-and-envelope",
)
"""All but those about tools that only work as tasks, and tasks that ask for input: we have neither."""

NOT_FOR_US = {"sep-2663-tasks-get-status-failed"}
"""A protocol error while a task is at work: none of our tools has one then, a failure is always the tool's result."""

BOOT_SECONDS = 20


class Renamed(RunloopServer):
    """The server, with the suite's names for calls of its own tools."""

    run_id = ""

    async def list_tools(self) -> list[Tool]:
        """Ours and the suite's."""
        named = ("greet", "slow_compute", "failing_job", "protocol_error_job")
        return [*await super().list_tools(), *(Tool(name=each, input_schema={"type": "object"}) for each in named)]

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """A command in a devbox, or a run that can't start, under the suite's name."""
        match name:
            case "greet":
                return CallToolResult(content=[TextContent(type="text", text=f"Hello, {arguments.get('name')}!")])
            case "slow_compute":
                name = "exec_on_devbox"
                arguments = {"run_id": self.run_id, "command": f"sleep {arguments.get('seconds', 1)}"}
            case "failing_job" | "protocol_error_job":
                name, arguments = "start_run", {"scenario_id": "broken"}
        return await super().call_tool(name, arguments, context)


@pytest.mark.proof
async def test_tasks_are_as_the_extension_says(tmp_path: Path) -> None:
    """Every check that applies passes, each by something that was put to the test."""
    found: dict[str, Verdict] = {}
    async with renamed(tmp_path) as url:
        for scenario in SCENARIOS:
            found |= await verdicts("conformance-newest", url, tmp_path / "results", "--scenario", scenario)
    assert found.keys() == set(SCENARIOS)
    failed = [check["id"] for each in found.values() for check in each.checks if check["status"] != "SUCCESS"]
    assert set(failed) <= NOT_FOR_US
    assert sum(len(each.checks) for each in found.values()) >= 30
    assert [check for each in found.values() for check in each.vacuous] == []


@asynccontextmanager
async def renamed(folder: Path) -> AsyncIterator[str]:
    """The address of a server with a run that is ready and a scenario that can't be started."""
    for name, commands in (("box", []), ("broken", ["sleep 1; echo no such luck >&2; exit 1"])):
        place = folder / "pack" / name
        place.mkdir(parents=True)
        launch = {"keep_alive_time_seconds": 600, "launch_commands": commands}
        scorer = {"name": "any", "weight": 1.0, "scorer": {"type": "command_scorer", "command": "true"}}
        document = {
            "format": 1,
            "name": name,
            "input_context": {"problem_statement": "Nothing to do."},
            "environment": {"launch_parameters": launch},
            "scoring_contract": {"scoring_function_parameters": [scorer]},
        }
        (place / "scenario.yaml").write_text(yaml.safe_dump(document))
    stop, up, address = Stop(), anyio.Event(), list[str]()

    def announce(url: str) -> None:
        address.append(url)
        up.set()

    engine = EmbeddedEngine(folder / "state", ProbedDriver(folder / "devboxes"), packs=[folder / "pack"])
    async with engine, anyio.create_task_group() as tasks:
        server = Renamed(
            engine,
            principal=LOCAL_OPERATOR,
            extensions=(),
            log_level="WARNING",
            silence_seconds=SILENCE_SECONDS,
            surface=CORE,
            services=NONE,
            defer_seconds=0.3,
            answer_seconds=ANSWER_SECONDS,
            minting=None,
        )
        server.run_id = await _ready_run(engine)

        async def serve() -> None:
            await serve_http(server, port=0, ready=announce, stop=stop)

        tasks.start_soon(serve)
        await up.wait()
        try:
            yield address[0]
        finally:
            stop.ask("the test")


async def _ready_run(engine: EmbeddedEngine) -> str:
    (scenario,) = (await engine.scenarios.list(ScenarioListParams(name="box"))).items
    run = await engine.scenarios.start_run(StartRunParams(scenario_id=scenario.id))
    devbox = await engine.devboxes.wait(run.devbox_id, until=[DevboxStatus.RUNNING], wait_seconds=BOOT_SECONDS)
    assert devbox.status == DevboxStatus.RUNNING
    return run.id
