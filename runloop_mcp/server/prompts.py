"""Prompts: what a person picks from a menu to set an agent to work."""

from collections.abc import Mapping
from typing import Final

from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, GetPromptResult, Prompt, PromptArgument, PromptMessage, TextContent

from runloop_mcp.api.access import Principal
from runloop_mcp.api.backend import Backend
from runloop_mcp.api.disclosure import functions_for_solver, scenario_for_solver
from runloop_mcp.server.handles import find_scenario
from runloop_mcp.server.printable import printable
from runloop_mcp.server.rendering.scenario import scenario_text

SOLVE_SCENARIO: Final = Prompt(
    name="solve_scenario",
    title="Solve a scenario",
    description="Sets the agent to work on one scenario, from the first command to the score.",
    arguments=[
        PromptArgument(name="scenario_id", description="The scenario's id (scn_…) or its exact name", required=True)
    ],
)

_TASK = """\
Solve this coding scenario, with the tools of the runloop server.

1. {begin}
2. Work in the devbox only: exec_on_devbox runs commands, read_file, write_file and edit_file handle files. \
Look round first.
3. Prove your solution there: run what tests there are, and write your own for what the problem statement asks.
4. Call score_run(run_id) when you are sure: a run is scored once. get_score waits if it takes long.
5. Call complete_run(run_id), and report the score and what you did.

{scenario}"""


_START = 'Call start_run(scenario_id="{scenario_id}"). It gives a run_id and a devbox that is ready.'
_TAKE_UP = 'Your run is {run_id}: get_run(run_id="{run_id}", wait_seconds=20) shows it once its devbox is ready.'


async def solve_scenario(
    backend: Backend, principal: Principal, arguments: Mapping[str, str] | None
) -> GetPromptResult:
    """The task of solving one scenario.

    Raises:
        MCPError: The scenario is not named.
        ApiError: There is no such scenario.
    """
    named = (arguments or {}).get("scenario_id", "").strip()
    if not named:
        raise MCPError(
            code=INVALID_PARAMS,
            message="`scenario_id` is missing. The resource runloop://scenarios and list_scenarios give the ids.",
        )
    scenario = await find_scenario(backend, principal, named)
    shown = scenario_text(scenario_for_solver(scenario), functions_for_solver(scenario))
    run_id = principal.run_id
    begin = _TAKE_UP.format(run_id=run_id) if run_id else _START.format(scenario_id=scenario.id)
    text = printable(_TASK.format(begin=begin, scenario=shown))
    return GetPromptResult(
        description=printable(scenario.name),
        messages=[PromptMessage(role="user", content=TextContent(type="text", text=text))],
    )
