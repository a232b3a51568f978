"""Tools that score a run and show its score."""

from typing import Annotated

from pydantic import Field

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.disclosure import run_for_solver
from runloop_mcp.api.models.run import RunState, ScenarioRunView
from runloop_mcp.server.arguments import Arguments, IdempotencyKey, RunId, WaitSeconds
from runloop_mcp.server.call import Call, Reply
from runloop_mcp.server.handles import find_run
from runloop_mcp.server.rendering.score import score_card_text
from runloop_mcp.server.results import ScoreCard
from runloop_mcp.server.score_card.card import Shown, score_card_of
from runloop_mcp.server.tasks.handle import TaskHandle, TaskKind
from runloop_mcp.server.tools.runs import scored
from runloop_mcp.server.tools.tool import Tool
from runloop_mcp.server.waiting import LONGEST_WAIT, REPORT_EVERY, Patience


class ScoreRun(Arguments):
    """Which run to score."""

    run_id: RunId
    idempotency_key: IdempotencyKey = None


class GetScore(Arguments):
    """Whose score to show."""

    run_id: RunId
    wait_seconds: Annotated[WaitSeconds, Field(description="Waits so long while it is scored")] = 20


async def score_run(call: Call, arguments: ScoreRun) -> Reply:
    """Scores a run, once; shows the stored score of one that is scored."""
    run = await find_run(call.backend, call.principal, arguments.run_id)
    patience = Patience(LONGEST_WAIT if call.deferral is None else call.deferral.seconds)
    if run.state != RunState.COMPLETED:
        run = await call.backend.runs.score(
            run.id,
            wait_seconds=patience.left if call.backend.waits_cost_requests else min(REPORT_EVERY, patience.left),
            principal=call.principal,
            idempotency_key=call.idempotency_key(arguments.idempotency_key),
        )
    if run.state == RunState.SCORING:
        await call.report(round(patience.spent, 1), patience.total, "Scoring")
        run = await scored(call, run, patience)
    if call.deferral is not None and run.state == RunState.SCORING:
        call.deferral.task = TaskHandle(TaskKind.SCORE, run.id)
    return await score_reply(call.backend, run, call.shown)


async def get_score(call: Call, arguments: GetScore) -> Reply:
    """The score of a run, once it is there or the wait is over."""
    run = await find_run(call.backend, call.principal, arguments.run_id)
    return await score_reply(call.backend, await scored(call, run, Patience(arguments.wait_seconds)), call.shown)


async def score_reply(backend: Backend, run: ScenarioRunView, shown: Shown = run_for_solver) -> Reply:
    """The score card of a run, by default as far as a solver may see it."""
    card = await score_card_of(backend, run, shown)
    return Reply(score_card_text(card), card)


SCORE_RUN = Tool(
    name="score_run",
    title="Score a run",
    description=(
        "Scores a run with the scenario's hidden scorers, on a copy of its devbox. Final: a run is scored once, "
        "and later work does not change the score, so test your work first. Takes over 20 s? Then get_score waits"
        " on."
    ),
    arguments=ScoreRun,
    run=score_run,
    result=ScoreCard,
    repeatable=True,
)
GET_SCORE = Tool(
    name="get_score",
    title="Show a score",
    description=(
        "Shows the score of a run as far as its scenario discloses it, and waits for one that is being scored. "
        "Never starts scoring."
    ),
    arguments=GetScore,
    run=get_score,
    result=ScoreCard,
    reads_only=True,
)
