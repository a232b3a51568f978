"""Completion of what names a scenario, a run or an execution."""

from pathlib import Path

from mcp_agent import Agent, Serve, scenario_folder
from mcp_types import PromptReference, ResourceTemplateReference

from runloop_mcp.api.access import Principal, Role

OUTPUT = ResourceTemplateReference(
    type="ref/resource", uri="runloop://runs/{run_id}/executions/{execution_id}/{stream}"
)
PROMPT = PromptReference(type="ref/prompt", name="solve_scenario")


async def _offered(agent: Agent, reference: PromptReference | ResourceTemplateReference, **typed: str) -> list[str]:
    """What is offered for the first argument, where the others are given."""
    (name, value), *given = typed.items()
    answer = await agent.client.complete(reference, {"name": name, "value": value}, dict(given) or None)
    return list(answer.completion.values)


async def test_executions_are_completed_for_the_run_that_is_given(tmp_path: Path, serve: Serve) -> None:
    """Newest first, of that run alone; without a run there is nothing to choose from."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    async with serve(pack) as agent:
        run_id, other = await agent.run_of("answer"), await agent.run_of("answer")
        made = [(await agent.call("exec_on_devbox", run_id=run_id, command="true")).found(r"exe_\w+") for _ in range(2)]
        await agent.call("exec_on_devbox", run_id=other, command="true")
        assert await _offered(agent, OUTPUT, execution_id="", run_id=run_id) == made[::-1]
        assert await _offered(agent, OUTPUT, execution_id=made[0], run_id=run_id) == [made[0]]
        assert await _offered(agent, OUTPUT, execution_id="") == []
        assert set(await _offered(agent, OUTPUT, run_id="scr_")) == {run_id, other}
    async with serve(pack, principal=Principal("solver", Role.SOLVER)) as solver:
        assert await _offered(solver, OUTPUT, execution_id="", run_id=run_id) == []


async def test_scenarios_are_completed_by_name_and_id(tmp_path: Path, serve: Serve) -> None:
    """What was typed may become a name, or the id of what has it in its name; enumerations are offered whole."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    scenario_folder(tmp_path / "pack", "answer-again")
    async with serve(pack) as agent:
        offered = await _offered(agent, PROMPT, scenario_id="answer-a")
        assert offered[0] == "answer-again"
        assert offered[1].startswith("scn_")
        assert await _offered(agent, OUTPUT, stream="std") == ["stdout", "stderr"]
        run_id, _ = await agent.run_of("answer-again"), await agent.run_of("answer")
        assert await _offered(agent, OUTPUT, run_id="", scenario_id=offered[1]) == [run_id]
