"""What the person at the client is asked before a tool does it."""

from typing import Final

from mcp.server.mcpserver.exceptions import ToolError

from runloop_mcp.api.models.benchmark import BenchmarkRunView
from runloop_mcp.api.models.run import RunListParams, RunState, ScenarioRunView
from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.api.models.snapshot import SnapshotView
from runloop_mcp.api.trace import EventKind
from runloop_mcp.server.asking import Question
from runloop_mcp.server.call import Call
from runloop_mcp.server.printable import printable
from runloop_mcp.server.rendering.quantities import span
from runloop_mcp.server.rendering.scenario import DEFAULT_KEEP_ALIVE

_LOOKED_AT: Final = 200
"""Events of a run, from its beginning, among which its first work is looked for."""
_RUNS: Final = 5000
"""Runs of one run of a benchmark that are looked at."""
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
    loss = f"It {doing}: it would end without a score, and its devbox with all work in it would be gone."
    await _ask_to_cancel(call, "run", run, loss)


async def ask_to_give_up_benchmark(call: Call, run: BenchmarkRunView) -> None:
    """Asks before a run of a benchmark is canceled in which there is work without a score.

    Raises:
        ToolError: The person does not agree.
        InputNeeded: The answer comes with another call.
    """
    page = await call.backend.runs.list(RunListParams(benchmark_run_id=run.id, limit=_RUNS))
    under_way = [each for each in page.items if each.state in (RunState.RUNNING, RunState.SCORING)]
    for each in under_way:
        if await _loses_work(call, each):
            break
    else:
        return
    loss = (
        f"Of its runs {len(under_way)} under way would end without a score, and their devboxes with all work in them"
        " would be gone."
    )
    await _ask_to_cancel(call, "benchmark run", run, loss)


async def ask_to_delete_snapshot(call: Call, snapshot: SnapshotView) -> None:
    """Asks before what somebody kept is deleted.

    Raises:
        ToolError: The person does not agree.
        InputNeeded: The answer comes with another call.
    """
    name = f" ({printable(snapshot.name)})" if snapshot.name else ""
    consent = await call.consent(
        Question(
            f"The agent wants to delete snapshot {snapshot.id}{name} of devbox {snapshot.source_devbox_id}. What it"
            " keeps would be gone. This can't be undone.",
            "Delete the snapshot",
        )
    )
    if not consent.is_go:
        raise ToolError(
            f"Not deleted: {consent.reason}. Where nobody is there to answer, ask=false deletes it without asking."
        )


async def _ask_to_cancel(call: Call, kind: str, run: ScenarioRunView | BenchmarkRunView, loss: str) -> None:
    name = f" ({printable(run.name)})" if run.name else ""
    question = Question(
        f"The agent wants to cancel {kind} {run.id}{name}. {loss} This can't be undone.", f"Cancel the {kind}"
    )
    consent = await call.consent(question)
    if not consent.is_go:
        raise ToolError(
            f"Not canceled: {consent.reason}. {kind.capitalize()} {run.id} is {run.state} as before. Where nobody is"
            " there to answer, ask=false cancels it without asking."
        )


async def ask_to_pay(call: Call, scenario: ScenarioView) -> None:
    """Asks before the first devbox that costs money; who agreed is not asked again by this server.

    Raises:
        ToolError: The person does not agree.
        InputNeeded: The answer comes with another call.
    """
    launch = scenario.environment.launch_parameters if scenario.environment else None
    seconds = (launch and launch.keep_alive_time_seconds) or DEFAULT_KEEP_ALIVE
    await _ask_to_pay(call, f"start a run of {printable(scenario.name)}", f"at most {span(seconds)} in this run")


async def ask_to_pay_for_devbox(call: Call, keep_alive_seconds: int | None) -> None:
    """Asks before a devbox of no run, likewise.

    Raises:
        ToolError: The person does not agree.
        InputNeeded: The answer comes with another call.
    """
    seconds = keep_alive_seconds or DEFAULT_KEEP_ALIVE
    await _ask_to_pay(call, "make a devbox", f"until it is shut down, or {span(seconds)} after its last use")


async def ask_to_pay_for_proof(call: Call, name: str) -> None:
    """Asks before the devboxes in which something is tried, likewise.

    Raises:
        ToolError: The person does not agree.
        InputNeeded: The answer comes with another call.
    """
    await _ask_to_pay(call, f"try {printable(name)} in devboxes of its own", "a few minutes for each of them")


async def _ask_to_pay(call: Call, doing: str, how_long: str) -> None:
    if not call.backend.paid_devboxes or _PAID in call.agreed:
        return
    question = Question(
        f"The agent wants to {doing}. Devboxes are those of Runloop's cloud here, which bills for the time they are "
        f"up, {how_long}. If you agree, further ones start unasked.",
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
