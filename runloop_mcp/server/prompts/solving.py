"""The prompt that sets an agent to solve a scenario."""

from collections.abc import Mapping
from typing import Final

from mcp_types import GetPromptResult, Prompt, PromptArgument

from runloop_mcp.api.disclosure import functions_for_solver, scenario_for_solver
from runloop_mcp.server.handles import find_scenario
from runloop_mcp.server.printable import printable
from runloop_mcp.server.prompts.prompt import Asking, PromptKind, said
from runloop_mcp.server.rendering.scenario import scenario_text

_TASK: Final = """\
Solve this coding scenario, with the tools of the runloop server.

1. {begin}
2. Work in the devbox only: exec_on_devbox runs commands, read_file, write_file and edit_file handle files. \
Look round first.
3. Prove your solution there: run what tests there are, and write your own for what the problem statement asks.
4. Call score_run(run_id) when you are sure: a run is scored once. get_score waits if it takes long.
5. Call complete_run(run_id), and report the score and what you did.

{scenario}"""
_START: Final = 'Call start_run(scenario_id="{scenario_id}"). It gives a run_id and a devbox that is ready.'
_TAKE_UP: Final = 'Your run is {run_id}: get_run(run_id="{run_id}", wait_seconds=20) shows it once its devbox is ready.'


async def solve_scenario(asking: Asking, arguments: Mapping[str, str]) -> GetPromptResult:
    """The task of solving one scenario.

    Raises:
        ApiError: There is no such scenario.
    """
    scenario = await find_scenario(asking.backend, asking.principal, arguments["scenario_id"])
    shown = scenario_text(scenario_for_solver(scenario), functions_for_solver(scenario))
    run_id = asking.principal.run_id
    begin = _TAKE_UP.format(run_id=run_id) if run_id else _START.format(scenario_id=scenario.id)
    return GetPromptResult(
        description=printable(scenario.name), messages=[said(_TASK.format(begin=begin, scenario=shown))]
    )


SOLVE_SCENARIO: Final = PromptKind(
    Prompt(
        name="solve_scenario",
        title="Solve a scenario",
        description="Sets the agent to work on one scenario, from the first command to the score.",
        arguments=[
            PromptArgument(name="scenario_id", description="The scenario's id (scn_…) or its exact name", required=True)
        ],
    ),
    solve_scenario,
    needs=frozenset({"exec_on_devbox", "score_run"}),
    for_solvers=True,
)
