"""The tools of MCP over the cloud backend, against a wire with nothing of ours in it, as Runloop's own is."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fault_proxy import FaultProxy, proxying
from mcp.client import Client
from mcp_types import TextContent
from probed_driver import ProbedDriver
from pydantic import SecretStr
from rest_face import serving_rest

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import Unavailable
from runloop_mcp.api.models.run import RunListParams
from runloop_mcp.api.models.scenario import InputContext, ScenarioCreateParams, ScenarioEnvironment
from runloop_mcp.api.models.scoring import ScoringContract
from runloop_mcp.api.models.trust import RescoreParams
from runloop_mcp.cloud.backend import CloudBackend
from runloop_mcp.engine.backend import EmbeddedEngine
from runloop_mcp.server import waiting
from runloop_mcp.server.app import build_server

KEY = "rk-nobody-may-see-this"


def plain(value: Any) -> Any:
    """An answer without what our own server adds to the wire."""
    if isinstance(value, dict):
        return {
            name: plain(held)
            for name, held in value.items()
            if not name.startswith("x_") and name not in {"hint", "scenario"}
        }
    return [plain(each) for each in value] if isinstance(value, list) else value


@asynccontextmanager
async def over_the_wire(
    folder: Path, change: Callable[[Any], Any] | None = None
) -> AsyncIterator[tuple[Backend, FaultProxy]]:
    """The cloud backend, and the proxy that it reaches the REST face through."""
    engine = EmbeddedEngine(folder, ProbedDriver(folder / "sandbox"))
    async with (
        serving_rest(engine) as url,
        proxying(FaultProxy(url, change=change)) as proxy,
        CloudBackend(folder / "here", proxy.url, SecretStr(KEY)) as backend,
    ):
        yield backend, proxy


def scenario(**metadata: str) -> ScenarioCreateParams:
    """A scenario that is solved by a greeting."""
    scorer = {"type": "command_scorer", "command": "grep -q hello greeting.txt"}
    functions = [{"name": "greets", "weight": 1.0, "scorer": scorer}]
    return ScenarioCreateParams(
        name="greeting",
        input_context=InputContext(problem_statement="Say hello in greeting.txt."),
        scoring_contract=ScoringContract.model_validate({"scoring_function_parameters": functions}),
        environment_parameters=ScenarioEnvironment(working_directory="/home/user/work"),
        metadata=metadata or None,
    )


async def called(client: Client, tool: str, /, **arguments: Any) -> str:
    """What a tool says that must succeed."""
    result = await client.call_tool(tool, arguments)
    text = "\n".join(block.text for block in result.content if isinstance(block, TextContent))
    assert not result.is_error, text
    return text


def found(pattern: str, text: str) -> str:
    """What a regular expression finds."""
    match = re.search(pattern, text)
    assert match, f"{pattern!r} is not in: {text}"
    return match[0]


@pytest.mark.parametrize(
    "change", [pytest.param(plain, id="plain"), pytest.param(None, id="ours", marks=pytest.mark.proof)]
)
async def test_a_scenario_is_solved(
    tmp_path: Path, with_tools: Callable[[Path], Path], change: Callable[[Any], Any] | None
) -> None:
    """From the list of scenarios to the score and the end, with commands, output by range, files and a named shell."""
    with_tools(tmp_path / "sandbox")
    async with over_the_wire(tmp_path, change) as (backend, _):
        made = await backend.scenarios.create(scenario(tags="small"))
        async with Client(build_server(backend)) as client:
            assert made.id in await called(client, "list_scenarios", tags=["small"])
            run_id = found(r"scr_\w+", await called(client, "start_run", scenario_id=made.id))
            said = await called(
                client, "exec_on_devbox", run_id=run_id, command="pwd; seq 1 20000; echo oops >&2; exit 3"
            )
            assert "/home/user/work" in said
            assert "oops" in said
            assert "exit status 3" in said.lower() or "exit 3" in said.lower()
            place = {"run_id": run_id, "execution_id": found(r"exe_\w+", said)}
            assert "\n9999\n" in await called(client, "get_execution", **place, offset=48_000, limit=1000)
            assert "20000" in await called(client, "get_execution", **place, offset=-6)
            assert "12345" in await called(client, "get_execution", **place, search="^12345$")
            await called(client, "exec_on_devbox", run_id=run_id, command="cd /tmp; x=7", shell_name="main")
            said = await called(client, "exec_on_devbox", run_id=run_id, command="echo $PWD-$x", shell_name="main")
            assert "/tmp-7" in said
            await called(client, "write_file", run_id=run_id, path="greeting.txt", content="hello\n")
            assert "hello" in await called(client, "read_file", run_id=run_id, path="greeting.txt")
            timed = await called(client, "exec_on_devbox", run_id=run_id, command="sleep 60", timeout_seconds=0.3)
            assert "timed out" in timed.lower() or "time limit" in timed.lower(), timed
            killed = await called(client, "exec_on_devbox", run_id=run_id, command="kill -9 $$", timeout_seconds=60)
            assert "timed out" not in killed.lower(), killed
            assert "time limit" not in killed.lower(), killed
            assert "1.0" in await called(client, "score_run", run_id=run_id)
            assert "completed" in await called(client, "complete_run", run_id=run_id)
            shown = await called(client, "get_run", run_id=run_id)
            assert "completed" in shown
        run = await backend.runs.retrieve(run_id)
        assert run.x_runloop_mcp is not None
        assert (run.x_runloop_mcp.attempt, run.x_runloop_mcp.principal) == (1, "local")
        kinds = [str(event.kind) for event in await backend.trace.events(run_id)]
        assert kinds.count("execution") == 5
        assert {"call", "file", "score", "state"} <= set(kinds)
        with pytest.raises(Unavailable, match="--backend local"):
            await backend.runs.rescore(run_id, RescoreParams())
    kept = b"".join(path.read_bytes() for path in (tmp_path / "here").rglob("*") if path.is_file())
    assert KEY.encode() not in kept


async def test_a_wait_of_a_tool_is_one_request(
    tmp_path: Path, with_tools: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often a tool would look at an engine here, over the wire it asks once and is held."""
    monkeypatch.setattr(waiting, "REPORT_EVERY", 0.1)
    with_tools(tmp_path / "sandbox")
    async with over_the_wire(tmp_path) as (backend, proxy):
        made = await backend.scenarios.create(scenario())
        async with Client(build_server(backend)) as client:
            run_id = found(r"scr_\w+", await called(client, "start_run", scenario_id=made.id))
            await called(client, "exec_on_devbox", run_id=run_id, command="true")
            proxy.requests.clear()
            assert "done" in await called(client, "exec_on_devbox", run_id=run_id, command="sleep 1.6; echo done")
    waits = {name: count for name, count in proxy.requests.items() if "wait_for_status" in name}
    assert sum(waits.values()) == 1, proxy.requests


async def test_a_key_holds_across_servers(tmp_path: Path, with_tools: Callable[[Path], Path]) -> None:
    """A caller that repeats a start with its key gets its run from the next server, too."""
    with_tools(tmp_path / "sandbox")
    engine = EmbeddedEngine(tmp_path, ProbedDriver(tmp_path / "sandbox"))
    runs = []
    async with serving_rest(engine) as url:
        for _ in range(2):
            async with CloudBackend(tmp_path / "here", url, SecretStr(KEY)) as backend:
                if not runs:
                    made = await backend.scenarios.create(scenario())
                async with Client(build_server(backend)) as client:
                    runs.append(await called(client, "start_run", scenario_id=made.id, idempotency_key="mine"))
        assert len({found(r"scr_\w+", run) for run in runs}) == 1
        assert (await engine.runs.list(RunListParams())).total_count == 1
