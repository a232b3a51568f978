"""Prompts: who has which, what they say, and that none tells more than whoever picks it may see."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp_agent import Agent, Serve, Tools, scenario_folder, scorer
from mcp_types import EmbeddedResource, GetPromptResult, ImageContent, TextContent
from probed_driver import ProbedDriver

from runloop_mcp.api.access import Principal, Role
from runloop_mcp.engine.backend import EmbeddedEngine
from runloop_mcp.server.app import build_server
from runloop_mcp.server.surface import all_tools, surface

HIDDEN = "judge-9b1f"
"""Planted in what no solver may see."""


def texts(filled: GetPromptResult) -> str:
    """All that was said, without what is embedded."""
    contents = [message.content for message in filled.messages]
    return "\n".join(content.text for content in contents if isinstance(content, TextContent))


def embedded(filled: GetPromptResult) -> dict[str, str]:
    """What is embedded, by its URI."""
    contents = [message.content for message in filled.messages]
    resources: list[Any] = [content.resource for content in contents if isinstance(content, EmbeddedResource)]
    return {str(each.uri): each.text for each in resources}


async def names(client: Client) -> list[str]:
    """The names of the prompts that are listed."""
    return [prompt.name for prompt in (await client.list_prompts()).prompts]


async def refused(agent: Agent, prompt: str, **arguments: str) -> str:
    """The error that a prompt gives."""
    with pytest.raises(MCPError) as caught:
        await agent.client.get_prompt(prompt, arguments)
    return str(caught.value)


def pack_of(folder: Path) -> Path:
    """A scenario that tells each function's score, and whose judge and reference hold the mark."""
    functions = (
        scorer("first-half", 0.25, f": {HIDDEN}; test -s answer.txt"),
        scorer("second-half", 0.75, f"grep -q 42 answer.txt # {HIDDEN}"),
    )
    return scenario_folder(folder, "answer", functions=functions, reference=f"echo 42 >answer.txt # {HIDDEN}\n")


async def test_each_caller_has_the_prompts_that_are_of_use_to_it(tmp_path: Path, serve: Serve, devboxes: Path) -> None:
    """A solver one; an operator those for runs, and the one for authors with their tools; none without its tools."""
    async with serve() as agent:
        assert await names(agent.client) == ["solve_scenario", "review_run", "compare_runs"]
    solver = Principal("solver", Role.SOLVER)
    async with serve(principal=solver) as agent:
        assert await names(agent.client) == ["solve_scenario"]
        said = await refused(agent, "review_run", run_id="scr_other")
        assert "no such prompt" in said
        assert "solve_scenario" in said
    engine = EmbeddedEngine(tmp_path / "state", ProbedDriver(devboxes))
    async with engine, Client(build_server(engine, surface=surface(read_only=True))) as client:
        assert await names(client) == ["review_run", "compare_runs"]


async def test_an_author_is_told_the_tools_that_are_on_and_what_was_asked_for(serve: Serve) -> None:
    """Every tool that it names is there, in the order of work; wishes are in; without the author's tools it is not."""
    wishes = {"idea": "Parse dates", "language": "python", "secrets": "API_TOKEN", "environment": "snp_1"}
    for toolsets, excluded in ((["core", "author"], []), (["author"], ["snapshot_devbox"])):
        async with serve(surface=surface(toolsets, exclude_tools=excluded)) as agent:
            offered = {tool.name for tool in (await agent.client.list_tools()).tools}
            text = texts(await agent.client.get_prompt("author_scenario", wishes))
            assert "`idea` is missing" in await refused(agent, "author_scenario", language="python")
        assert all(wish in text for wish in wishes.values())
        named = {name for name in all_tools() if name in text}
        assert named <= offered
        assert {"create_devbox", "create_scenario", "validate_scenario"} <= named or "core" not in toolsets
    places = [text.index(name) for name in ("create_scorer", "create_scenario", "validate_scenario", "shutdown_devbox")]
    assert places == sorted(places)


async def test_a_review_has_all_that_the_caller_may_see_of_a_run(tmp_path: Path, serve: Serve) -> None:
    """The problem, the run, its score and its record are embedded as their resources read; nothing of the judge."""
    async with serve(pack_of(tmp_path / "pack")) as agent:
        run_id = await agent.run_of("answer")
        await agent.call("write_file", run_id=run_id, path="answer.txt", content="41")
        await agent.call("score_run", run_id=run_id)
        filled = await agent.client.get_prompt("review_run", {"run_id": run_id})
        held = embedded(filled)
        run = f"runloop://runs/{run_id}"
        assert [uri.removeprefix(run) for uri in held][1:] == ["", "/score", "/log"]
        assert json.loads(held[f"{run}/score"])["score"] == 0.25
        assert "answer.txt" in held[f"{run}/log"]
        assert "Write 42" in next(iter(held.values()))
        assert f"{run}/log has it whole" in texts(filled)
        assert HIDDEN not in filled.model_dump_json()
        assert "list_runs" in await refused(agent, "review_run", run_id="scr_none")
        assert "`run_id` is missing" in await refused(agent, "review_run", run_id=" ")
        assert "Did you mean `run_id`" in await refused(agent, "review_run", run=run_id)


async def test_runs_are_compared_by_exact_figures(tmp_path: Path, serve: Serve) -> None:
    """A table of the newest or the named runs, function by function, with a mean beside the best; of one scenario."""
    pack = pack_of(tmp_path / "pack")
    scenario_folder(tmp_path / "pack", "other")
    async with serve(pack) as agent:
        assert "no runs" in await refused(agent, "compare_runs", scenario_id="answer")
        runs = []
        for content in ("41", "42"):
            runs.append(run_id := await agent.run_of("answer"))
            await agent.call("write_file", run_id=run_id, path="answer.txt", content=content)
            await agent.call("score_run", run_id=run_id)
        runs.append(await agent.run_of("answer"))
        await agent.call("cancel_run", run_id=runs[-1])
        newest = await agent.client.get_prompt("compare_runs", {"scenario_id": "answer"})
        table = texts(newest)
        assert "| run | attempt | state | score | first-half | second-half | time |" in table
        assert f"| {runs[0]} | 1 | scored | 0.25 | 1.0 | 0.0 |" in table
        assert f"| {runs[2]} | 3 | canceled | none |  |  |" in table
        assert "3 runs, 2 with a score: mean 0.625, best 1.0, worst 0.25." in table
        assert list(embedded(newest)) == [f"runloop://runs/{run_id}/score" for run_id in runs]
        assert HIDDEN not in newest.model_dump_json()
        (picture,) = [each.content for each in newest.messages if isinstance(each.content, ImageContent)]
        assert picture.mime_type == "image/png"
        assert base64.b64decode(picture.data).startswith(b"\x89PNG")
        named = await agent.client.get_prompt("compare_runs", {"scenario_id": "answer", "run_ids": ", ".join(runs[1:])})
        assert "2 runs, 1 with a score: mean 1.0" in texts(named)
        other = await agent.run_of("other")
        assert "of the scenario" in await refused(agent, "compare_runs", scenario_id="answer", run_ids=other)
        unseen = await refused(agent, "compare_runs", scenario_id="answer", run_ids="scr_none")
        assert "list_runs" in unseen
    async with serve(pack, principal=Principal("other")) as stranger:
        assert "no runs" in await refused(stranger, "compare_runs", scenario_id="answer")
        assert "no such run" in await refused(stranger, "review_run", run_id=runs[0])
        await Tools(stranger.client).call("list_runs")
