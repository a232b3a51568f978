"""Tools that find scenarios and start runs of them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from runloop_mcp.api.disclosure import functions_for_solver, scenario_for_solver
from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.ids import IdPrefix
from runloop_mcp.api.models.devbox import DevboxStatus, DevboxView
from runloop_mcp.api.models.run import RunProfile, ScenarioRunView, StartRunParams
from runloop_mcp.api.models.scenario import ScenarioListParams, ScenarioView
from runloop_mcp.server.arguments import Arguments, Ask, Cursor, Limit, ScenarioId
from runloop_mcp.server.call import Call, Reply
from runloop_mcp.server.handles import find_run, find_scenario, id_or_none
from runloop_mcp.server.printable import printable, shortened
from runloop_mcp.server.rendering.quantities import budget_line
from runloop_mcp.server.rendering.run import devbox_line, next_calls, note_lines
from runloop_mcp.server.rendering.scenario import problem_text, scenario_list, scenario_list_text, scenario_text
from runloop_mcp.server.results import ScenarioList
from runloop_mcp.server.targets import SETTLED, devbox_ready
from runloop_mcp.server.tasks.handle import TaskHandle, TaskKind
from runloop_mcp.server.tools.consent import ask_to_pay
from runloop_mcp.server.tools.tool import Tool
from runloop_mcp.server.waiting import Patience

_FAILURE = 4000
"""Characters of why a devbox failed: the output of a launch command ends there."""


_QUEUED = (
    'As many devboxes are up as may be at once: it boots when its turn comes. get_run(run_id="{run_id}", '
    "wait_seconds=20) waits and shows its place; the run's time has not begun. Other runs that are done make room "
    "with complete_run or cancel_run."
)


class ListScenarios(Arguments):
    """Which scenarios to list."""

    query: Annotated[str | None, Field(description="Words that must all occur in name, summary, tags or problem")] = (
        None
    )
    tags: Annotated[list[str] | None, Field(description="Tags it must all carry")] = None
    cursor: Cursor = None
    limit: Limit = 20


class GetScenario(Arguments):
    """Which scenario to show."""

    scenario_id: ScenarioId


class StartRun(Arguments):
    """What to start, and with what."""

    scenario_id: ScenarioId
    run_name: str | None = None
    environment_variables: Annotated[
        dict[str, str] | None, Field(description="Set in the devbox; get_scenario names those required")
    ] = None
    secrets: Annotated[dict[str, str] | None, Field(description="Environment variable: name of a stored secret")] = None
    metadata: dict[str, str] | None = None
    benchmark_run_id: str | None = None
    idempotency_key: Annotated[str | None, Field(description="Same key, one run")] = None
    ask: Ask = True


async def list_scenarios(call: Call, arguments: ListScenarios) -> Reply:
    """One page of scenarios."""
    params = ScenarioListParams(
        search=arguments.query, tags=arguments.tags, starting_after=arguments.cursor, limit=arguments.limit
    )
    page = await call.backend.scenarios.list(params)
    page = page.model_copy(update={"items": [scenario_for_solver(scenario) for scenario in page.items]})
    listed = scenario_list(page)
    return Reply(scenario_list_text(listed), listed)


async def get_scenario(call: Call, arguments: GetScenario) -> Reply:
    """A scenario with its problem statement."""
    scenario = await find_scenario(call.backend, call.principal, arguments.scenario_id)
    return Reply(scenario_text(scenario_for_solver(scenario), functions_for_solver(scenario)))


async def start_run(call: Call, arguments: StartRun) -> Reply:
    """Starts a run and waits for its devbox."""
    begun = await begin_run(call, arguments)
    return started_reply(call.shown(begun.run), begun.devbox, scenario_for_solver(begun.scenario))


@dataclass(frozen=True, slots=True)
class Begun:
    """A run that has started, with its devbox and its scenario, as an operator sees them."""

    run: ScenarioRunView
    devbox: DevboxView
    scenario: ScenarioView


async def begin_run(call: Call, arguments: StartRun, *, may_defer: bool = True) -> Begun:
    """Starts a run and waits for its devbox.

    Args:
        call: The call.
        arguments: What to start.
        may_defer: Whether the call may become a task, whose answer tells of the run and no more.
    """
    patience = Patience()
    scenario = await find_scenario(call.backend, call.principal, arguments.scenario_id)
    if not call.operates:
        refuse_other_secrets("scenario", scenario.required_secret_names or [], arguments.secrets or {})
    if arguments.ask:
        await ask_to_pay(call, scenario)
    profile = RunProfile(env_vars=arguments.environment_variables, secrets=arguments.secrets)
    params = StartRunParams(
        scenario_id=scenario.id,
        run_name=arguments.run_name,
        metadata=arguments.metadata,
        benchmark_run_id=id_or_none(arguments.benchmark_run_id, IdPrefix.BENCHMARK_RUN, "benchmark_run_id"),
        run_profile=profile,
    )
    run = await call.backend.scenarios.start_run(
        params, principal=call.principal, idempotency_key=call.idempotency_key(arguments.idempotency_key)
    )
    call.record.run_id = run.id
    queued = run.x_runloop_mcp is not None and run.x_runloop_mcp.devbox_status == DevboxStatus.QUEUED
    # A turn in the queue comes in minutes rather than seconds: whoever starts is told at once where they stand.
    deferral = call.deferral if may_defer else None
    longest = patience.left if deferral is None else min(patience.left, deferral.seconds)
    devbox = await devbox_ready(call, run.devbox_id, Patience(0 if queued else longest))
    if deferral is not None and devbox.status not in SETTLED:
        deferral.task = TaskHandle(TaskKind.START, run.id)
    # Only the start has looked at the folder itself, which may have been changed just now.
    return Begun(await find_run(call.backend, call.principal, run.id), devbox, run.started_from or scenario)


def started_reply(run: ScenarioRunView, devbox: DevboxView, scenario: ScenarioView) -> Reply:
    """What a caller is told of a run that has started, as a solver may see it.

    Raises:
        ToolError: Its devbox could not be set up.
    """
    text = started_text(run, devbox, scenario)
    if devbox.status == DevboxStatus.SHUTDOWN:  # as a task may find it that is looked at late
        return Reply(f"{text}\n{next_calls(run)}")
    how = (
        f'Go on with exec_on_devbox(run_id="{run.id}", command="…"), read_file, write_file and edit_file. '
        "When you are done, score_run (once, final), then complete_run."
    )
    return Reply(f"{text}\n{how}\n\n{problem_text(scenario)}")


def refuse_other_secrets(what: str, required: Collection[str], secrets: Mapping[str, str]) -> None:
    """Refuses secrets that what is started does not require: whoever works in a devbox can read what it is given.

    Args:
        what: What is started, in a word.
        required: The names of secrets that it requires.
        secrets: Those that are to be given, by variable.

    Raises:
        InvalidRequest: There is another one. Whether one of this name is stored is not told.
    """
    if set(secrets.values()) <= set(required):
        return
    raise InvalidRequest(
        f"`secrets` may name those that the {what} requires, which are: {', '.join(required)}."
        if required
        else f"`secrets` names secrets, and the {what} requires none.",
        hint=f"Other secrets are an operator's to give: in the {what}'s required_secret_names, or in the runProfile of"
        " a run that is started over the REST API.",
    )


def started_text(run: ScenarioRunView, devbox: DevboxView, scenario: ScenarioView) -> str:
    """That a run has started, how its devbox stands, and what is left.

    Raises:
        ToolError: Its devbox could not be set up.
    """
    if devbox.status == DevboxStatus.FAILURE:
        raise ToolError(_failure(run, devbox))
    details = run.x_runloop_mcp
    attempt = f" Attempt {details.attempt}." if details else ""
    lines = [f"Run {run.id} of {scenario.name} ({scenario.id}) has started.{attempt}"]
    if devbox.status == DevboxStatus.RUNNING:
        lines.append(devbox_line(run).removesuffix(".") + "; it is ready.")
    elif devbox.status == DevboxStatus.QUEUED:
        lines += [devbox_line(run), _QUEUED.format(run_id=run.id)]
    elif devbox.status == DevboxStatus.SHUTDOWN:
        lines.append(f"Devbox {run.devbox_id} is shut down.")
    else:
        lines.append(f"Devbox {run.devbox_id} is {devbox.status}; the first command waits for it.")
    lines += note_lines(run)
    if details:
        lines.append(budget_line(details.budget))
    return "\n".join(line for line in lines if line)


def _failure(run: ScenarioRunView, devbox: DevboxView) -> str:
    reason = (
        (devbox.x_runloop_mcp and devbox.x_runloop_mcp.failure_message) or devbox.failure_reason or "no reason given"
    )
    lines = [f"Run {run.id} failed: its devbox could not be set up.", shortened(printable(reason), _FAILURE)]
    lines += [note for note in note_lines(run) if reason not in note]
    lines.append("The scenario's set-up is at fault, not you. start_run tries again; list_scenarios shows others.")
    return "\n".join(lines)


LIST_SCENARIOS = Tool(
    name="list_scenarios",
    title="List scenarios",
    description="Lists the coding scenarios that can be solved, newest first, with id, summary and tags. Start here.",
    arguments=ListScenarios,
    run=list_scenarios,
    result=ScenarioList,
    reads_only=True,
    always_load=True,
)
GET_SCENARIO = Tool(
    name="get_scenario",
    title="Show a scenario",
    description=(
        "Shows one scenario: problem statement, working directory, time limit, how it is scored, what start_run "
        "needs. Starts nothing."
    ),
    arguments=GetScenario,
    run=get_scenario,
    reads_only=True,
    always_load=True,
)
START_RUN = Tool(
    name="start_run",
    title="Start a run",
    description=(
        "Starts a run of a scenario on a fresh isolated devbox and waits until it is ready, or tells its place in "
        "the queue. Returns the run_id that the other tools take, the working directory, the time limit and the "
        "problem statement. Every start counts as an attempt."
    ),
    arguments=StartRun,
    run=start_run,
    always_load=True,
)
