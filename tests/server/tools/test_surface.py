"""Which tools a server offers, chosen by toolset, by name, or as only those that change nothing."""

import pytest
from mcp_agent import Agent, Serve

from runloop_mcp.api.access import Principal, Role
from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.server.surface import ALIASES, READING, TOOLSETS, all_tools, surface
from runloop_mcp.server.tools.catalogue import tools_called


async def names(agent: Agent) -> list[str]:
    """The tools that are listed."""
    return [tool.name for tool in (await agent.client.list_tools()).tools]


def test_every_name_is_a_tool_and_reads_as_its_annotations_say() -> None:
    """What a server knows of its tools before it has them is true of them."""
    tools = tools_called(all_tools())
    assert [tool.name for tool in tools.values()] == list(all_tools())
    assert {name for name, tool in tools.items() if tool.reads_only} == READING
    assert set(ALIASES.values()) <= set(tools)
    assert not set(ALIASES) & set(tools)


async def test_tools_are_chosen_by_name_in_a_stable_order(serve: Serve) -> None:
    """Whatever order they are named in, once or twice, by an older name or not."""
    chosen = surface(tools=["score_run", "list_scenarios", "start_scenario_run", "score_run"])
    async with serve(surface=chosen) as agent:
        assert await names(agent) == ["list_scenarios", "start_run", "score_run"]


async def test_excluded_tools_are_off_whatever_names_them(serve: Serve) -> None:
    """And a call of one is answered with what is on, and why this is not."""
    chosen = surface(["core"], tools=["cancel_run"], exclude_tools=["cancel_run", "edit_file"])
    async with serve(surface=chosen) as agent:
        assert await names(agent) == [name for name in TOOLSETS["core"] if name not in ("cancel_run", "edit_file")]
        said = await agent.refused("cancel_run", run_id="scr_x")
        assert "cancel_run is not offered here" in said
        assert "--exclude-tools" in said
        assert "complete_run" in said


async def test_read_only_beats_all(serve: Serve) -> None:
    """Only tools that change nothing are listed, and others can't be called."""
    chosen = surface(["all"], tools=["start_run"], read_only=True)
    async with serve(surface=chosen) as agent:
        tools = (await agent.client.list_tools()).tools
        assert tools
        assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools)
        said = await agent.refused("start_run", scenario_id="x")
        assert "--read-only" in said
        assert "start_run" not in (agent.client.instructions or "").replace("start_run,", "")


async def test_older_names_are_answered_and_not_listed(serve: Serve) -> None:
    """A tool answers to the name of Runloop's own operation, and its errors name it as it is called now."""
    async with serve() as agent:
        assert "list_scenario_runs" not in await names(agent)
        assert (await agent.call("list_scenario_runs")).structured == {"runs": [], "total": 0}
        assert "argument of list_runs" in await agent.refused("list_scenario_runs", stat="running")


async def test_solvers_get_nothing_of_operators(serve: Serve) -> None:
    """A solver is offered no tool that is for those who set tasks, and one bound to a run only what works on that."""
    solver = Principal("someone", Role.SOLVER)
    async with serve(surface=surface(["all"]), principal=solver) as agent:
        offered = set(await names(agent))
        assert set(TOOLSETS["core"]) <= offered
        assert not offered & {*TOOLSETS.get("author", ()), *TOOLSETS.get("admin", ())}
    bound = Principal("bound", Role.SOLVER, "scr_x")
    async with serve(surface=surface(["all"]), principal=bound) as agent:
        assert await names(agent) == [name for name in TOOLSETS["core"] if name != "start_run"]
        assert "bound to the run scr_x" in await agent.refused("start_run", scenario_id="x")


def test_names_in_error_are_refused_with_the_nearest_and_the_valid_ones() -> None:
    """A toolset or tool that is none, and a choice that leaves nothing."""
    with pytest.raises(InvalidRequest, match=r"no toolset 'autor'.*There are: core.*all\."):
        surface(["core", "autor"])
    with pytest.raises(InvalidRequest, match=r"no tool 'exec_devbox'\. Did you mean exec_on_devbox\? There are: list_"):
        surface(tools=["exec_devbox"])
    with pytest.raises(InvalidRequest, match=r"no tool 'nothing'"):
        surface(exclude_tools=["nothing"])
    with pytest.raises(InvalidRequest, match=r"No tool is left"):
        surface(tools=["start_run"], read_only=True)
