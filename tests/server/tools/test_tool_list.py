"""What clients keep in their context all the time: the list of tools and the instructions."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp_agent import ERAS, Serve

from runloop_mcp.api.access import LOCAL_OPERATOR, Principal, Role
from runloop_mcp.server.instructions import INSTRUCTIONS, instructions_for
from runloop_mcp.server.surface import Surface, all_tools, surface

GOLDEN = Path(__file__).parent / "golden" / "tools.json"
UPDATE = "UPDATE_GOLDEN"
"""Set this environment variable to write the golden file anew, and read what changed before you commit it."""

MOST_BYTES = 14_000
NAMES = [
    "list_scenarios",
    "get_scenario",
    "start_run",
    "get_run",
    "list_runs",
    "exec_on_devbox",
    "get_execution",
    "read_file",
    "write_file",
    "edit_file",
    "score_run",
    "get_score",
    "complete_run",
    "cancel_run",
]


async def listed(client: Client) -> list[dict[str, Any]]:
    """The list of tools, as it is sent."""
    tools = (await client.list_tools()).tools
    return [json.loads(tool.model_dump_json(by_alias=True, exclude_none=True)) for tool in tools]


async def test_the_tool_list_is_the_golden_one_in_both_eras(serve: Serve) -> None:
    """Names, order, titles, descriptions, schemas and annotations change on purpose only."""
    for era in reversed(ERAS):
        async with serve(era=era) as agent:
            tools = await listed(agent.client)
        if os.environ.get(UPDATE) and era == "legacy":
            GOLDEN.write_text(json.dumps(tools, indent=1, ensure_ascii=False) + "\n")
        assert tools == json.loads(GOLDEN.read_text()), f"if this change is meant, run the tests with {UPDATE}=1"


def test_the_tool_list_keeps_within_its_budget() -> None:
    """Fourteen tools, schemas of lists and scores included, take at most 14 kB of a model's context."""
    compact = json.dumps(json.loads(GOLDEN.read_text()), separators=(",", ":"), ensure_ascii=False)
    assert len(compact.encode()) <= MOST_BYTES


def test_each_tool_says_all_that_a_client_decides_by() -> None:
    """Stable names in a stable order; each with title, description and all hints that apply; no titles in schemas."""
    tools = json.loads(GOLDEN.read_text())
    assert [tool["name"] for tool in tools] == NAMES
    for tool in tools:
        hints = tool["annotations"]
        assert tool["title"]
        assert tool["description"]
        assert tool["inputSchema"]["additionalProperties"] is False
        assert "readOnlyHint" in hints
        assert "openWorldHint" in hints
        assert hints["readOnlyHint"] or {"destructiveHint", "idempotentHint"} <= hints.keys()
        assert '"title"' not in json.dumps([tool["inputSchema"], tool.get("outputSchema")])
        assert "$ref" not in json.dumps(tool)


def test_only_lists_and_scores_are_structured() -> None:
    """Clients hide the text of structured results, so those with big text have none."""
    tools = json.loads(GOLDEN.read_text())
    structured = {tool["name"] for tool in tools if "outputSchema" in tool}
    assert structured == {"list_scenarios", "list_runs", "score_run", "get_score"}


def test_entry_tools_are_loaded_at_once() -> None:
    """A client that loads tools on demand has those at hand that a task begins with."""
    tools = json.loads(GOLDEN.read_text())
    always = {tool["name"] for tool in tools if tool.get("_meta", {}).get("anthropic/alwaysLoad")}
    assert (
        {"list_scenarios", "start_run"} <= always <= {"list_scenarios", "get_scenario", "start_run", "exec_on_devbox"}
    )


async def test_instructions_fit_and_name_every_tool(serve: Serve) -> None:
    """A model that sees only the instructions knows the workflow: at most 1 KB, every tool in its place."""
    async with serve(era="legacy") as agent:
        assert agent.client.instructions == INSTRUCTIONS
    assert len(INSTRUCTIONS.encode()) <= 1024
    assert [name for name in NAMES if name not in INSTRUCTIONS] == []


BUDGETS = {"author": 21_000, "benchmark": 9_000, "admin": 8_500}
"""Bytes that the tools of a toolset may add to a model's context; docs/toolsets.md tells them."""


@pytest.mark.parametrize("toolset", BUDGETS)
async def test_each_other_toolset_is_the_golden_one_within_its_budget(serve: Serve, toolset: str) -> None:
    """Its own tools, their order, words, schemas and annotations change on purpose only, and add no more than this."""
    golden = GOLDEN.with_name(f"tools-{toolset}.json")
    async with serve(era="legacy", surface=surface([toolset])) as agent:
        tools = await listed(agent.client)
    if os.environ.get(UPDATE):
        golden.write_text(json.dumps(tools, indent=1, ensure_ascii=False) + "\n")
    assert tools == json.loads(golden.read_text()), f"if this change is meant, run the tests with {UPDATE}=1"
    assert len(json.dumps(tools, separators=(",", ":"), ensure_ascii=False).encode()) <= BUDGETS[toolset]
    for tool in tools:
        said = json.dumps([tool["inputSchema"], tool.get("outputSchema")])
        assert tool["inputSchema"]["additionalProperties"] is False
        assert "$ref" not in said
        assert '"title"' not in said


@pytest.mark.parametrize(
    "toolsets", [["core", "author"], ["core", "benchmark"], ["core", "admin"], ["all"], ["author"], ["benchmark"]]
)
def test_instructions_fit_and_tell_what_is_on(toolsets: list[str]) -> None:
    """At most 1 KB, and a way through each toolset that is on, which names no tool that is off."""
    offered = surface(toolsets)
    told = instructions_for(LOCAL_OPERATOR, offered)
    assert len(told.encode()) <= 1024
    entries = {"author": "validate_scenario", "benchmark": "start_benchmark_run", "core": "score_run"}
    for toolset, entry in entries.items():
        assert (entry in told) == (toolset in offered.toolsets)


@pytest.mark.parametrize(
    "principal",
    [
        Principal("key:1", Role.SOLVER),
        Principal("run:scr_x", Role.SOLVER, "scr_x"),
        Principal("run:scr_x", Role.SOLVER, "scr_x", frozenset({"exec_on_devbox", "score_run"})),
    ],
)
@pytest.mark.parametrize("offered", [surface(["all"]), surface(["core"], exclude_tools=["cancel_run"])])
async def test_a_solver_is_told_of_its_own_tools_alone(serve: Serve, principal: Principal, offered: Surface) -> None:
    """Whatever toolsets are on, and whatever its token or the server leaves out."""
    async with serve(surface=offered, principal=principal) as agent:
        own = {tool.name for tool in (await agent.client.list_tools()).tools}
        named = set(re.findall(r"\w+", agent.client.instructions or "")) & set(all_tools())
        assert named
        assert named <= own
