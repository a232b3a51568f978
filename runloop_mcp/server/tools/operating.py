"""Tools for those who look after runs and devboxes."""

from collections.abc import Callable
from typing import Annotated, Final, Literal

from pydantic import Field

from runloop_mcp.api.errors import InvalidRequest, NotFound
from runloop_mcp.api.ids import IdPrefix
from runloop_mcp.api.models.base import PageParams
from runloop_mcp.api.models.devbox import DevboxListParams, DevboxStatus, DevboxView
from runloop_mcp.api.models.scoring import ScoringMode
from runloop_mcp.api.models.trust import RescoreParams, Rescoring
from runloop_mcp.server.arguments import Arguments, Ask, Cursor, Limit, RunId
from runloop_mcp.server.call import Call, Reply
from runloop_mcp.server.handles import bare_id, find_run, found_by
from runloop_mcp.server.listings import DevboxLine, DevboxList, SecretLine, SecretList
from runloop_mcp.server.rendering.event import event_line
from runloop_mcp.server.rendering.listing import facts, next_cursor, page_text
from runloop_mcp.server.rendering.quantities import moment
from runloop_mcp.server.rendering.rescoring import rescoring_text
from runloop_mcp.server.targets import belongs_to_run
from runloop_mcp.server.tools.consent import ask_to_give_up
from runloop_mcp.server.tools.contracts import FunctionGiven, contract_of
from runloop_mcp.server.tools.tool import Tool
from runloop_mcp.server.tools.waiting_room import result_of, still_at_it, worked
from runloop_mcp.server.waiting import Patience

Status = Literal[
    "queued", "provisioning", "initializing", "running", "suspending", "suspended", "resuming", "failure", "shutdown"
]
_EVENTS: Final = 200


class RescoreRun(Arguments):
    """Which run to score again, and with what."""

    run_id: RunId
    scoring_functions: Annotated[
        list[FunctionGiven] | None, Field(min_length=1, description="Another contract; without it the run's own")
    ] = None
    mode: Annotated[
        Literal["clean", "fork"] | None, Field(description="What the scoring devbox is made of, if not as before")
    ] = None


class ListDevboxes(Arguments):
    """Which devboxes to list."""

    status: Status | None = None
    cursor: Cursor = None
    limit: Limit = 20


class ShutdownDevbox(Arguments):
    """Which devbox to end."""

    devbox_id: Annotated[str, Field(description="The devbox's id, dbx_…")]
    force: Annotated[bool, Field(description="Also while a snapshot of it is being made, which fails then")] = False
    ask: Ask = True


class ListSecrets(Arguments):
    """Which secrets to list."""

    cursor: Cursor = None
    limit: Limit = 20


class GetRunLog(Arguments):
    """Which part of which run's record to show."""

    run_id: RunId
    after: Annotated[int, Field(ge=0, description="Only events after this number")] = 0
    limit: Annotated[int, Field(ge=1, le=_EVENTS)] = 100


async def rescore_run(call: Call, arguments: RescoreRun) -> Reply:
    """Scores the frozen disk of a run again."""
    run = await find_run(call.backend, call.principal, arguments.run_id)
    functions = arguments.scoring_functions
    params = RescoreParams(
        contract=contract_of(functions) if functions is not None else None,
        mode=ScoringMode(arguments.mode) if arguments.mode else None,
    )

    async def work(on_step: Callable[[str], None]) -> Rescoring:
        on_step("scoring the frozen disk")
        return await call.backend.runs.rescore(run.id, params, principal=call.principal)

    job = await worked(call, ["rescore_run", run.id, params.model_dump_json()], work, Patience())
    if not job.is_done:
        return Reply(still_at_it(job))
    found: Rescoring = result_of(call, job)
    return Reply(rescoring_text(run, found))


async def list_devboxes(call: Call, arguments: ListDevboxes) -> Reply:
    """One page of devboxes."""
    page = await call.backend.devboxes.list(
        DevboxListParams(
            status=DevboxStatus(arguments.status) if arguments.status else None,
            starting_after=arguments.cursor,
            limit=arguments.limit,
        )
    )
    visible = [each for each in page.items if await _may_see(call, each)]
    listed = DevboxList(
        devboxes=[_line(each) for each in visible],
        total=page.total_count - (len(page.items) - len(visible)),
        next_cursor=next_cursor(page),
    )
    lines = [
        facts(each.devbox_id, each.name, each.status, each.run_id and f"of run {each.run_id}", each.created)
        for each in listed.devboxes
    ]
    none = "No devbox matches. create_devbox makes one, start_run those of runs."
    return Reply(page_text("list_devboxes", "devbox", lines, listed.total, listed.next_cursor, none=none), listed)


def _line(devbox: DevboxView) -> DevboxLine:
    return DevboxLine(
        devbox_id=devbox.id,
        status=devbox.status,
        name=devbox.name,
        run_id=devbox.initiator_id if belongs_to_run(devbox) else None,
        created=moment(devbox.create_time_ms or None),
        snapshot_id=devbox.snapshot_id,
        blueprint_id=devbox.blueprint_id,
    )


async def _may_see(call: Call, devbox: DevboxView) -> bool:
    """Whether a devbox is of no run, or of one that the caller may know of."""
    if call.principal.is_everyones_operator or not belongs_to_run(devbox) or devbox.initiator_id is None:
        return True
    try:
        await call.backend.runs.retrieve(devbox.initiator_id)
    except NotFound:
        return False
    return True


async def shutdown_devbox(call: Call, arguments: ShutdownDevbox) -> Reply:
    """Ends a devbox."""
    devbox_id = bare_id(arguments.devbox_id, IdPrefix.DEVBOX, "devbox_id")
    with found_by(IdPrefix.DEVBOX):
        devbox = await call.backend.devboxes.retrieve(devbox_id)
        if not await _may_see(call, devbox):
            raise NotFound("There is no such devbox among those that you may see.")
    if devbox.status == DevboxStatus.SHUTDOWN:
        return Reply(f"Devbox {devbox.id} was shut down before.")
    if arguments.ask and belongs_to_run(devbox) and devbox.initiator_id:
        await ask_to_give_up(call, await call.backend.runs.retrieve(devbox.initiator_id))
    await call.backend.devboxes.shutdown(devbox.id, force=arguments.force)
    run = (
        f" Its run {devbox.initiator_id} is canceled, if it was not scored."
        if belongs_to_run(devbox) and devbox.initiator_id
        else ""
    )
    return Reply(f"Devbox {devbox.id} is shut down, and its disk is gone.{run}")


async def list_secrets(call: Call, arguments: ListSecrets) -> Reply:
    """One page of the names of secrets."""
    page = await call.backend.secrets.list(PageParams(starting_after=arguments.cursor, limit=arguments.limit))
    listed = SecretList(
        secrets=[SecretLine(name=each.name, updated=moment(each.update_time_ms or None)) for each in page.items],
        total=page.total_count,
        next_cursor=next_cursor(page),
    )
    lines = [facts(each.name, each.updated and f"set {each.updated}") for each in listed.secrets]
    none = "No secrets are stored. A person stores one: runloop-mcp secrets set NAME."
    return Reply(page_text("list_secrets", "secret", lines, listed.total, listed.next_cursor, none=none), listed)


async def get_run_log(call: Call, arguments: GetRunLog) -> Reply:
    """What happened in a run."""
    if not call.operates:
        raise InvalidRequest("A run's whole record is for operators.", hint="The run's resource has what you may see.")
    run = await find_run(call.backend, call.principal, arguments.run_id)
    events = await call.backend.trace.events(run.id, after=arguments.after)
    if not events:
        return Reply(f"Run {run.id} has no events{' after that' if arguments.after else ''}.")
    shown = events[: arguments.limit]
    lines = [f"Run {run.id}, {run.state}:", *(event_line(event) for event in shown)]
    if len(events) > len(shown):
        lines.append(f'More: get_run_log(run_id="{run.id}", after={shown[-1].sequence})')
    return Reply("\n".join(lines))


RESCORE_RUN = Tool(
    name="rescore_run",
    title="Rescore a run",
    description=(
        "Scores the frozen disk of a scored run again, with its own contract or another. The run's score stays; the "
        "result is kept beside it, and no solver is told. Still at work after 20 s? The same call again waits on."
    ),
    arguments=RescoreRun,
    run=rescore_run,
)
LIST_DEVBOXES = Tool(
    name="list_devboxes",
    title="List devboxes",
    description="Lists devboxes, those of runs too, newest first, with status.",
    arguments=ListDevboxes,
    run=list_devboxes,
    result=DevboxList,
    reads_only=True,
)
SHUTDOWN_DEVBOX = Tool(
    name="shutdown_devbox",
    title="Shut a devbox down",
    description="Ends a devbox for ever, with its disk. A run that it belongs to is canceled unless it is scored.",
    arguments=ShutdownDevbox,
    run=shutdown_devbox,
    destroys=True,
    repeatable=True,
)
LIST_SECRETS = Tool(
    name="list_secrets",
    title="List secrets",
    description="Lists the names of stored secrets. Values are never shown.",
    arguments=ListSecrets,
    run=list_secrets,
    result=SecretList,
    reads_only=True,
)
GET_RUN_LOG = Tool(
    name="get_run_log",
    title="Show a run's record",
    description=(
        "Shows what happened in a run, in order: calls, commands, files, states, scores, notes. Values of secrets are "
        "covered."
    ),
    arguments=GetRunLog,
    run=get_run_log,
    reads_only=True,
)
