"""What a solver is told of its budget, and that a call that arrives twice costs it once."""

from pathlib import Path
from typing import Any

import pytest
from mcp_agent import Agent, Serve, scenario_folder
from mcp_types import TextContent

from runloop_mcp.api.models.run import Budget
from runloop_mcp.server.rendering.quantities import budget_line
from runloop_mcp.server.tools import files


async def test_every_reply_that_matters_tells_what_is_left(tmp_path: Path, serve: Serve) -> None:
    """Time, commands and attempts, from the start on; a warning from 80 % on, and a sharper one from 95 % on."""
    limits = {"max_commands": "5", "max_attempts": "1"}
    async with serve(scenario_folder(tmp_path / "pack", "answer", metadata=limits)) as agent:
        started = await agent.call("start_run", scenario_id="answer")
        assert "5 commands, 0 further attempts." in started.found("Left: .*")
        assert "Over 95 % of the attempts are used." in started.text
        run = started.found(r"scr_\w+")
        ran = [await agent.call("exec_on_devbox", run_id=run, command="true") for _ in range(4)]
        assert ["Over 80 % of the commands" in each.text for each in ran] == [False, False, False, True]
        again = await agent.call("get_execution", run_id=run, execution_id=ran[0].found(r"exe_\w+"))
        assert "1 command, " in again.found("Left: .*")
        last = await agent.call("exec_on_devbox", run_id=run, command="sleep 0.3")
        assert "0 commands" in last.found("Left: .*")
        assert "Over 95 % of the commands are used" in last.text
        for tool, arguments in (
            ("write_file", {"path": "a", "content": "x"}),
            ("edit_file", {"path": "a", "old_string": "x", "new_string": "y"}),
            ("get_run", {}),
            ("get_score", {}),
        ):
            assert "Left: 9 min" in (await agent.call(tool, run_id=run, **arguments)).text


@pytest.mark.parametrize(
    ("left", "told"), [(500, ""), (120, "Over 80 %"), (30, "Over 95 % of the time is used: score_run")]
)
def test_a_run_is_warned_before_its_time_is_out(left: int, told: str) -> None:
    """Of ten minutes: not in the first eight, then once, then with what to do."""
    line = budget_line(Budget(time_left_seconds=left, time_limit_seconds=600))
    assert told in line
    assert ("Over" in line) is bool(told)


async def _twice(agent: Agent, tool: str, **arguments: Any) -> str:
    """Sends a call as a client that has lost the answer does, and gives the text of both answers, which are alike."""
    texts = []
    for _ in range(2):
        result = await agent.client.call_tool(tool, arguments, meta={"claudecode/toolUseId": f"toolu_{tool}"})
        texts += [block.text for block in result.content if isinstance(block, TextContent)]
        assert not result.is_error, texts
    return "\n".join(texts)


async def test_a_call_that_arrives_twice_is_carried_out_once(tmp_path: Path, serve: Serve) -> None:
    """Where the client names the use of a tool: a start, a command, a write, an edit, scoring and the end."""
    async with serve(scenario_folder(tmp_path / "pack", "answer", metadata={"max_commands": "2"})) as agent:
        await _twice(agent, "start_run", scenario_id="answer")
        (listed,) = (await agent.call("list_runs")).structured["runs"]
        run = listed["run_id"]
        assert "1 command." in await _twice(agent, "exec_on_devbox", run_id=run, command="echo 1 >> times")
        await agent.client.call_tool(
            "write_file", {"run_id": run, "path": "a", "content": "one"}, meta={"claudecode/toolUseId": "toolu_w"}
        )
        assert "1 replacement" in await _twice(
            agent, "edit_file", run_id=run, path="a", old_string="one", new_string="one two"
        )
        late = await agent.client.call_tool(
            "write_file", {"run_id": run, "path": "a", "content": "one"}, meta={"claudecode/toolUseId": "toolu_w"}
        )
        assert not late.is_error
        assert "one two" in (await agent.call("read_file", run_id=run, path="a")).text
        assert (await agent.call("read_file", run_id=run, path="times")).text.count("\t1") == 1
        assert "content='one'" not in str(files._answered.values()), "what is written is not kept in memory"
        await _twice(agent, "score_run", run_id=run)
        assert "Completed" in await _twice(agent, "complete_run", run_id=run)
