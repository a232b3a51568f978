"""Operators and solvers on one server over HTTP: each reaches what is its own, and nothing tells it of the rest."""

import json
import os
import re
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import forked_python
import httpx
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_agent import ERAS, Tools
from mcp_types import PromptReference, ResourceTemplateReference, TextContent
from served_child import INITIALIZE
from served_command import PATIENCE, Server, pack_with, serving_command

from runloop_mcp.access.keyring import open_keyring
from runloop_mcp.api.access import Role
from runloop_mcp.server.surface import SOLVERS_TOOLS


@dataclass(frozen=True)
class House:
    """A server with two operators and a solver."""

    server: Server
    state: Path
    bob: str
    """The key of another operator than the server's own."""
    sol: str
    """The key of a solver."""

    @asynccontextmanager
    async def agent(self, key: str, era: str = "auto") -> AsyncIterator[Tools]:
        """An agent with a key or token."""
        headers = {"authorization": f"Bearer {key}"}
        async with (
            httpx.AsyncClient(headers=headers, trust_env=False, timeout=60) as http,
            Client(streamable_http_client(self.server.url + "/mcp", http_client=http), mode=era) as client,
        ):
            yield Tools(client)

    def command(self, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Runs the command as the person whose server it is does."""
        environment = {**os.environ, "RUNLOOP_MCP_STATE_DIR": str(self.state)}
        done = forked_python.run(["-m", "runloop_mcp", *arguments], env=environment, timeout=PATIENCE)
        assert done.returncode == status, done.stderr
        return done

    def status(self, key: str, path: str) -> int:
        """What a request of Runloop's API is answered with."""
        return httpx.get(
            self.server.url + path, headers={"authorization": f"Bearer {key}"}, trust_env=False, timeout=PATIENCE
        ).status_code


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, built_tools: Path) -> Iterator[House]:
    """The real command, on two scenarios."""
    folder = tmp_path_factory.mktemp("house")
    pack = pack_with(pack_with(folder / "pack"), "other")

    async def keys() -> list[str]:
        ring = await open_keyring(folder / "state")
        return [(await ring.create(role.value, role)).key for role in Role]

    with serving_command(folder / "state", "--scenarios", str(pack), tools=built_tools) as server:
        yield House(server, folder / "state", *anyio.run(keys))


async def handed_over(agent: Tools, **terms: Any) -> tuple[str, str, str]:
    """Starts a run for a solver: its id, and the URL and token that its solver gets."""
    started = await agent.call("start_run", scenario_id="answer", for_solver=terms)
    assert "Write 42" not in started.text
    return started.found(r"scr_\w+"), started.found(r"URL: (\S+)"), started.found(r"Bearer (rlmcp_run_\S+)")


@pytest.mark.parametrize("era", ERAS)
async def test_a_solver_with_a_minted_token_solves_its_run_and_knows_of_nothing_else(house: House, era: str) -> None:
    """From the problem to the score; other runs and scenarios are not there, and Runloop's API is closed."""
    async with house.agent(house.server.key, era) as operator:
        own, url, token = await handed_over(operator)
        other = await operator.run_of("other")
        everything = (await operator.call("list_scenarios")).structured["scenarios"]
    assert url == house.server.url + "/mcp"
    foreign = next(each["scenario_id"] for each in everything if each["name"] == "other")
    async with house.agent(token, era) as solver:
        assert own in (solver.client.instructions or "")
        tools = (await solver.client.list_tools()).tools
        assert tuple(tool.name for tool in tools) == SOLVERS_TOOLS
        assert "You are bound to the run" in await solver.refused("start_run", scenario_id="answer")
        assert [each["run_id"] for each in (await solver.call("list_runs")).structured["runs"]] == [own]
        assert [each["name"] for each in (await solver.call("list_scenarios")).structured["scenarios"]] == ["answer"]
        assert len((await solver.client.list_resources()).resources) == 2
        unknown = "scr_" + "x" * (len(other) - 4)
        assert await solver.refused("get_run", run_id=other) == await solver.refused("get_run", run_id=unknown)
        missing = await solver.refused("get_scenario", scenario_id="scn_" + "x" * 21)
        assert await solver.refused("get_scenario", scenario_id=foreign) == missing
        for uri in (f"runloop://runs/{other}", f"runloop://runs/{other}/log", f"runloop://scenarios/{foreign}"):
            with pytest.raises(MCPError):
                await solver.read(uri)
        for reference, name in (
            (PromptReference(type="ref/prompt", name="solve_scenario"), "scenario_id"),
            (ResourceTemplateReference(type="ref/resource", uri="runloop://runs/{run_id}"), "run_id"),
        ):
            values = (await solver.client.complete(reference, {"name": name, "value": ""})).completion.values
            assert values
            assert not {other, foreign, "other"} & set(values)
        (message,) = (await solver.client.get_prompt("solve_scenario", {"scenario_id": "answer"})).messages
        assert isinstance(message.content, TextContent)
        assert own in message.content.text
        with pytest.raises(MCPError):
            await solver.client.get_prompt("solve_scenario", {"scenario_id": foreign})
        await solver.call("write_file", run_id=own, path="answer.txt", content="42\n")
        assert (await solver.call("score_run", run_id=own)).structured["score"] == 1.0
        await solver.call("complete_run", run_id=own)
        assert (await solver.call("get_score", run_id=own)).structured["score"] == 1.0
    for path in ("/v1/scenarios", f"/v1/scenarios/runs/{own}", "/v1/devboxes", "/v1/nothing"):
        assert house.status(token, path) in {403, 404}
        assert house.status(token, path) == house.status(house.sol, path)
    async with house.agent(house.server.key, era) as operator:
        assert "completed" in (await operator.call("get_run", run_id=own)).text
        await operator.call("cancel_run", run_id=other)


async def test_a_token_opens_the_tools_it_names_and_tells_no_more_than_it_may(house: House) -> None:
    """Others are unknown to it; a stricter disclosure holds in every answer, a laxer one changes nothing."""
    async with house.agent(house.server.key) as operator:
        own, _, token = await handed_over(
            operator, tools=["exec_on_devbox", "score_run", "get_score"], disclosure="sealed"
        )
        lax, _, open_token = await handed_over(operator, disclosure="full")
        refused = await operator.refused("start_run", scenario_id="answer", for_solver={"tools": ["start_run"]})
        assert "exec_on_devbox" in refused
        assert "`for_solver.seconds` must be an integer from 60" in await operator.refused(
            "start_run", scenario_id="answer", for_solver={"seconds": 1}
        )
    async with house.agent(token) as solver:
        names = [tool.name for tool in (await solver.client.list_tools()).tools]
        assert names == ["exec_on_devbox", "score_run", "get_score"]
        assert "does not allow" in await solver.refused("cancel_run", run_id=own)
        await solver.call("exec_on_devbox", run_id=own, command="echo 42 > answer.txt")
        scored = await solver.call("score_run", run_id=own)
        seen = [scored.text, str(scored.structured), await solver.read(f"runloop://runs/{own}/log")]
        seen += [await solver.read(f"runloop://runs/{own}{end}") for end in ("", "/score")]
        scenario = re.findall(r"scn_\w+", seen[3])[0]
        seen.append(await solver.read(f"runloop://scenarios/{scenario}"))
        assert "sealed" in scored.text
        assert "right" not in " ".join(seen)
        assert "1.0" not in scored.text + seen[4]
    async with house.agent(open_token) as solver:
        await solver.call("exec_on_devbox", run_id=lax, command="true")
        assert (await solver.call("score_run", run_id=lax)).structured["disclosure"] == "named"
    async with house.agent(house.server.key) as operator:
        assert (await operator.call("get_score", run_id=own)).structured["score"] == 1.0


async def test_each_key_has_runs_of_its_own(house: House) -> None:
    """Operators over MCP as well as solvers; over Runloop's API an operator has all."""
    async with house.agent(house.server.key) as ann, house.agent(house.bob) as bob, house.agent(house.sol) as sol:
        mine = await ann.run_of("answer")
        theirs = await sol.run_of("answer")
        for agent, own, others in ((bob, [], [mine, theirs]), (sol, [theirs], [mine])):
            assert [each["run_id"] for each in (await agent.call("list_runs")).structured["runs"]] == own
            for run in others:
                assert "no such run" in await agent.refused("exec_on_devbox", run_id=run, command="true")
        offered = {tool.name: tool for tool in (await sol.client.list_tools()).tools}["start_run"].input_schema
        assert "for_solver" not in offered["properties"]
        assert "for_solver" in await sol.refused("start_run", scenario_id="answer", for_solver={})
    assert house.status(house.bob, f"/v1/scenarios/runs/{mine}") == 200
    assert house.status(house.sol, f"/v1/scenarios/runs/{theirs}") == 403


async def test_tokens_are_minted_and_revoked_by_the_command_too(house: House) -> None:
    """For a run that goes on; a revoked one opens nothing within a moment. No token is in a log, a record or a file."""
    async with house.agent(house.server.key) as operator:
        started = await operator.call("start_run", scenario_id="answer", for_solver={})
        token, token_id = started.found(r"Bearer (\S+)"), started.found(r"keys revoke (tok_\w+)")
        run = started.found(r"scr_\w+")
        minted = house.command("keys", "mint", run, "--tool", "get_run", "--hours", "1")
        assert run in minted.stderr
        async with house.agent(minted.stdout.strip()) as solver:
            assert [tool.name for tool in (await solver.client.list_tools()).tools] == ["get_run"]
        listed = json.loads(house.command("keys", "tokens", run, "--json").stdout)
        assert [each["id"] for each in listed][1:] == [token_id]
        assert house.status(token, "/v1/nothing") == 404
        assert token_id in house.command("keys", "revoke", token_id).stderr
        due = time.monotonic() + PATIENCE
        while house.status(token, "/v1/nothing") != 401:
            assert time.monotonic() < due
            await anyio.sleep(0.05)
        await operator.call("cancel_run", run_id=run)
        assert "has ended" in house.command("keys", "mint", run, status=1).stderr
        record = await operator.read(f"runloop://runs/{run}/log")
    written = [
        record.encode(),
        house.server.log.read_bytes(),
        *(file.read_bytes() for file in house.state.glob("*.db*")),
    ]
    assert not [each for each in written if token.encode() in each]


LISTEN = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "subscriptions/listen",
    "params": {
        "notifications": {"toolsListChanged": True},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    },
}
LISTEN_HEADERS = {"mcp-protocol-version": "2026-07-28", "mcp-method": "subscriptions/listen"}


async def test_what_a_key_has_opened_ends_with_it(house: House) -> None:
    """Revoked by another process: a token that it minted opens nothing, and no stream of either goes on."""
    ring = await open_keyring(house.state)
    key = (await ring.create("spare")).key
    async with house.agent(key) as agent:
        run, _, token = await handed_over(agent)
    accept = {"accept": "application/json, text/event-stream"}
    async with (
        httpx.AsyncClient(base_url=house.server.url, headers=accept, trust_env=False, timeout=PATIENCE) as client,
        AsyncExitStack() as open_streams,
        anyio.create_task_group() as tasks,
    ):
        ours, solvers, others = [{"authorization": f"Bearer {each}"} for each in (key, token, house.bob)]
        opening = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": INITIALIZE}
        opened = await client.post("/mcp", json=opening, headers=ours)
        session = {"mcp-session-id": opened.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
        devbox = (await client.get(f"/v1/scenarios/runs/{run}", headers=ours)).json()["devbox_id"]
        path = f"/v1/devboxes/{devbox}"
        begun = await client.post(f"{path}/execute_async", json={"command": "exec sleep 1000"}, headers=ours)
        output = f"{path}/executions/{begun.json()['execution_id']}/stream_stdout_updates"

        async def stream(who: dict[str, str], method: str, path: str, json: object = None) -> httpx.Response:
            found = await open_streams.enter_async_context(client.stream(method, path, headers=who, json=json))
            assert found.status_code == 200
            return found

        ending = [
            await stream(ours, "GET", "/sse"),
            await stream(solvers, "GET", "/sse"),
            await stream(ours | session, "GET", "/mcp"),
            await stream(ours | LISTEN_HEADERS, "POST", "/mcp", LISTEN),
            await stream(solvers | LISTEN_HEADERS, "POST", "/mcp", LISTEN),
            await stream(ours, "GET", output),
        ]
        staying, ended = await stream(others, "GET", "/sse"), anyio.Event()

        async def read_on() -> None:
            async for _ in staying.aiter_raw():
                pass
            ended.set()

        tasks.start_soon(read_on)
        await ring.revoke("spare")
        for each in ending:
            async for _ in each.aiter_raw():
                pass
        for who in (ours, solvers):
            assert (await client.get("/v1/nothing", headers=who)).status_code == 401
        assert not ended.is_set()
        tasks.cancel_scope.cancel()
    (listed,) = json.loads(house.command("keys", "tokens", run, "--json").stdout)
    assert listed["revoke_time_ms"] is not None
