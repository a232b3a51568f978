"""`start_run` for operators over HTTP: it can make a token by which somebody else's agent solves the run."""

from typing import Annotated, Final

from pydantic import Field

from runloop_mcp.api.disclosure import run_for_solver, scenario_for_solver
from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.models.run_token import NewRunToken
from runloop_mcp.api.models.scoring import Disclosure
from runloop_mcp.server.arguments import Arguments
from runloop_mcp.server.call import Call, Reply
from runloop_mcp.server.minting import Minting
from runloop_mcp.server.rendering.quantities import moment
from runloop_mcp.server.surface import SOLVERS_TOOLS
from runloop_mcp.server.tools.scenarios import START_RUN, StartRun, begin_run, start_run, started_text
from runloop_mcp.server.tools.tool import Tool

_SHORTEST: Final = 60
_LONGEST: Final = 7 * 24 * 3600
_USUAL: Final = 24 * 3600


class ForSolver(Arguments):
    """The token of a run's solver."""

    seconds: Annotated[int, Field(ge=_SHORTEST, le=_LONGEST, description="Its life at most")] = _USUAL
    tools: Annotated[list[str] | None, Field(description="The only tools it opens")] = None
    disclosure: Annotated[Disclosure | None, Field(description="The most it tells of the score")] = None


class StartRunForSolver(StartRun):
    """What to start, and for whom."""

    for_solver: Annotated[
        ForSolver | None, Field(description="Makes a URL and token by which another agent reaches this run alone")
    ] = None


async def start_run_for_solver(call: Call, arguments: StartRunForSolver) -> Reply:
    """Starts a run; where it is for a solver, gives what the solver needs instead of the problem."""
    if arguments.for_solver is None or call.minting is None:
        return await start_run(call, arguments)
    terms = arguments.for_solver
    if terms.tools is not None and not set() < set(terms.tools) <= set(SOLVERS_TOOLS):
        raise InvalidRequest(
            "`for_solver.tools` names a tool that solvers don't have, or none.",
            hint=f"They have: {', '.join(SOLVERS_TOOLS)}.",
        )
    begun = await begin_run(call, arguments, may_defer=False)
    text = started_text(run_for_solver(begun.run), begun.devbox, scenario_for_solver(begun.scenario))
    token = await call.minting.tokens.mint(
        begun.run.id,
        seconds=terms.seconds,
        principal=call.principal,
        tools=terms.tools,
        disclosure=terms.disclosure,
    )
    return Reply(f"{text}\n{_handed_over(token, call.minting)}")


def _handed_over(token: NewRunToken, minting: Minting) -> str:
    return (
        f"Its solver reaches this run, and nothing else, until {moment(token.expire_time_ms)} or 15 min after the run"
        " has ended:\n"
        f"  URL: {minting.address()}\n"
        f"  Header: Authorization: Bearer {token.token}\n"
        "Hand over both; the token is not shown again. The solver's client shows it the problem and the tools. "
        f'get_run(run_id="{token.run_id}") shows you how the run stands; `runloop-mcp keys revoke {token.id}` ends the'
        " token early."
    )


START_RUN_FOR_SOLVER: Final = Tool(
    name=START_RUN.name,
    title=START_RUN.title,
    description=START_RUN.description,
    arguments=StartRunForSolver,
    run=start_run_for_solver,
    always_load=START_RUN.always_load,
)
