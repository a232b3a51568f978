"""What the person at the client is asked before a tool does it."""

from typing import Final

from mcp.server.mcpserver.exceptions import ToolError

from runloop_mcp.api.models.run import RunState, ScenarioRunView
from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.api.trace import EventKind
from runloop_mcp.server.asking import Question
from runloop_mcp.server.call import Call
from runloop_mcp.server.printable import printable
from runloop_mcp.server.rendering.quantities import span
from runloop_mcp.server.rendering.scenario import DEFAULT_KEEP_ALIVE

_LOOKED_AT: Final = 200
"""Events of a run, from its beginning, among which its first work is looked for."""
_PAID: Final = "paid devboxes"


async def ask_to_give_up(call: Call, run: ScenarioRunView) -> None:
    """Asks before a run is canceled that has work without a score.

    Raises:
        ToolError: The person does not agree.
        InputNeeded: The answer comes with another call.
    """
    if not await _loses_work(call, run):
        return
    doing = "is being scored" if run.state == RunState.SCORING else "has work that is not scored"
    name = f" ({printable(run.name)})" if run.name else ""
    question = Question(
        f"The agent wants to cancel run {run.id}{name}. It {doing}: it would end without a score, and its devbox with "
        "all work in it would be gone. This can't be undone.",
        "Cancel the run",
    )
    consent = await call.consent(question)
    if not consent.is_go:
        raise ToolError(
            f"Not canceled: {consent.reason}. Run {run.id} is {run.state} as before. Where nobody is there to answer, "
            "ask=false cancels it without asking."
        )


async def ask_to_pay(call: Call, scenario: ScenarioView) -> None:
    """Asks before the first devbox that costs money; who agreed is not asked again by this server.

    Raises:
        ToolError: The person does not agree.
        InputNeeded: The answer comes with another call.
    """
    if not call.backend.paid_devboxes or _PAID in call.agreed:
        return
    launch = scenario.environment.launch_parameters if scenario.environment else None
    seconds = (launch and launch.keep_alive_time_seconds) or DEFAULT_KEEP_ALIVE
    question = Question(
        f"The agent wants to start a run of {printable(scenario.name)}. Its devbox is one of Runloop's cloud, which "
        f"bills for the time it is up, at most {span(seconds)} in this run. If you agree, further runs start unasked.",
        "Start devboxes that cost money",
    )
    consent = await call.consent(question)
    if not consent.is_go:
        raise ToolError(
            f"Not started: its devbox costs money, and {consent.reason}. Where nobody is there to answer, ask=false "
            "starts it without asking."
        )
    call.agreed.add(_PAID)


async def _loses_work(call: Call, run: ScenarioRunView) -> bool:
    """Whether canceling a run would lose something: it is being scored, or something was done in its devbox."""
    if run.state != RunState.RUNNING:
        return run.state == RunState.SCORING
    events = await call.backend.trace.events(run.id, limit=_LOOKED_AT)
    return any(event.kind in {EventKind.EXECUTION, EventKind.FILE} for event in events)
