"""Tools that show runs and end them."""

from typing import Annotated, Literal

from pydantic import Field

from runloop_mcp.api.models.run import RunListParams, RunState, ScenarioRunView
from runloop_mcp.server.arguments import Arguments, Ask, Cursor, IdempotencyKey, Limit, RunId, WaitSeconds
from runloop_mcp.server.call import Call, Reply
from runloop_mcp.server.handles import find_run, find_scenario
from runloop_mcp.server.rendering.run import run_list, run_list_text, run_text
from runloop_mcp.server.results import RunList
from runloop_mcp.server.targets import booting, devbox_ready
from runloop_mcp.server.tools.consent import ask_to_give_up
from runloop_mcp.server.tools.tool import Tool
from runloop_mcp.server.waiting import Patience, watch

State = Literal["running", "scoring", "scored", "completed", "canceled", "timeout", "failed"]


class GetRun(Arguments):
    """Which run to show."""

    run_id: RunId
    wait_seconds: Annotated[WaitSeconds, Field(description="Waits so long while it boots or is scored")] = 0


class ListRuns(Arguments):
    """Which runs to list."""

    scenario_id: Annotated[str | None, Field(description="Only runs of this scenario")] = None
    state: State | None = None
    cursor: Cursor = None
    limit: Limit = 20


class CompleteRun(Arguments):
    """Which run to complete."""

    run_id: RunId
    idempotency_key: IdempotencyKey = None


class CancelRun(Arguments):
    """Which run to give up."""

    run_id: RunId
    ask: Ask = True


async def get_run(call: Call, arguments: GetRun) -> Reply:
    """A run: state, devbox, budget, what comes next."""
    run = await find_run(call.backend, call.principal, arguments.run_id)
    patience = Patience(arguments.wait_seconds)
    if run.state == RunState.SCORING:
        run = await scored(call, run, patience)
    elif run.state == RunState.RUNNING and patience.total and booting(run):
        await devbox_ready(call, run.devbox_id, patience)
        run = await call.backend.runs.retrieve(run.id)
    return Reply(run_text(call.shown(run)))


async def scored(call: Call, run: ScenarioRunView, patience: Patience) -> ScenarioRunView:
    """The run, once it is no longer scoring or patience is over."""
    return await watch(
        call,
        run,
        look=lambda seconds: call.backend.runs.wait(run.id, leaving=[RunState.SCORING], wait_seconds=seconds),
        done=lambda seen: seen.state != RunState.SCORING,
        patience=patience,
        doing=lambda _: "Scoring",
    )


async def list_runs(call: Call, arguments: ListRuns) -> Reply:
    """One page of runs."""
    scenario = (
        await find_scenario(call.backend, call.principal, arguments.scenario_id) if arguments.scenario_id else None
    )
    wanted = RunListParams(
        scenario_id=scenario and scenario.id,
        state=arguments.state,
        starting_after=arguments.cursor,
        limit=arguments.limit,
    )
    page = await call.backend.runs.list(wanted)
    listed = run_list(page.model_copy(update={"items": [call.shown(run) for run in page.items]}))
    return Reply(run_list_text(listed), listed)


async def complete_run(call: Call, arguments: CompleteRun) -> Reply:
    """Ends a scored run."""
    run = await find_run(call.backend, call.principal, arguments.run_id)
    patience = Patience()
    if run.state == RunState.SCORING:
        run = await scored(call, run, patience)
    run = await call.backend.runs.complete(
        run.id,
        wait_seconds=patience.left,
        principal=call.principal,
        idempotency_key=call.idempotency_key(arguments.idempotency_key),
    )
    return Reply("Completed; its devbox is shut down.\n" + run_text(call.shown(run)))


async def cancel_run(call: Call, arguments: CancelRun) -> Reply:
    """Ends a run without a score."""
    run = await find_run(call.backend, call.principal, arguments.run_id)
    if arguments.ask:
        await ask_to_give_up(call, run)
    run = await call.backend.runs.cancel(run.id)
    return Reply("Canceled, without a score; its devbox is shut down.\n" + run_text(call.shown(run)))


GET_RUN = Tool(
    name="get_run",
    title="Show a run",
    description=(
        "Shows a run: state, devbox, working directory, attempt, time left, and which calls come next. Use it to "
        "take a run up again."
    ),
    arguments=GetRun,
    run=get_run,
    reads_only=True,
)
LIST_RUNS = Tool(
    name="list_runs",
    title="List runs",
    description="Lists runs, newest first, with state, attempt and score. Finds a run_id again.",
    arguments=ListRuns,
    run=list_runs,
    result=RunList,
    reads_only=True,
)
COMPLETE_RUN = Tool(
    name="complete_run",
    title="Complete a run",
    description="Ends a scored run and shuts its devbox down. The last step, after score_run; refused before.",
    arguments=CompleteRun,
    run=complete_run,
    destroys=True,
    repeatable=True,
)
CANCEL_RUN = Tool(
    name="cancel_run",
    title="Cancel a run",
    description=(
        "Gives a running or scoring run up, without a score, and shuts its devbox down. Refused once it is "
        "scored: then complete_run."
    ),
    arguments=CancelRun,
    run=cancel_run,
    destroys=True,
    repeatable=True,
)
