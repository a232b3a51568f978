"""Runs, as text and as lines of a list. Takes only what `runloop_mcp.api.disclosure` has passed."""

from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.run import RunState, ScenarioRunView
from runloop_mcp.server.printable import printable, shortened
from runloop_mcp.server.rendering.listing import next_cursor
from runloop_mcp.server.rendering.quantities import amount, budget_line, moment, queue_text, score_text, span
from runloop_mcp.server.results import RunLine, RunList

_NOTE = 3000
_ENDED = {RunState.COMPLETED, RunState.CANCELED, RunState.TIMEOUT, RunState.FAILED}


def next_calls(run: ScenarioRunView) -> str:
    """The state of a run in a word, and the calls that are valid in it."""
    again = _another_attempt(run)
    match run.state:
        case RunState.RUNNING:
            calls = (
                "exec_on_devbox, read_file, write_file, edit_file, then score_run (once, final); cancel_run gives up"
            )
        case RunState.SCORING:
            calls = "get_score with wait_seconds waits for the score; cancel_run stops the scoring"
        case RunState.SCORED:
            calls = "get_score shows the result, complete_run ends the run and frees its devbox"
        case RunState.COMPLETED:
            calls = f"get_score shows the result; {again}"
        case _:
            calls = f"the run has ended without a score; {again}"
    return f"Run {run.id} is {run.state}. Next: {calls}."


def _another_attempt(run: ScenarioRunView) -> str:
    left = run.x_runloop_mcp.budget.attempts_left if run.x_runloop_mcp else None
    if left is None:
        return "start_run begins another attempt"
    return f"start_run begins another attempt ({left} left)" if left else "no attempts at this scenario are left"


def run_line(run: ScenarioRunView) -> RunLine:
    """A run in a list."""
    return RunLine(
        run_id=run.id,
        scenario_id=run.scenario_id,
        state=run.state,
        name=run.name,
        attempt=run.x_runloop_mcp.attempt if run.x_runloop_mcp else None,
        started=moment(run.start_time_ms),
        score=run.score,
    )


def run_list(page: Page[ScenarioRunView]) -> RunList:
    """One page of runs."""
    return RunList(
        runs=[run_line(run) for run in page.items],
        total=page.total_count,
        next_cursor=next_cursor(page),
    )


def run_list_text(listed: RunList) -> str:
    """One page of runs, as text."""
    if not listed.runs:
        return "No run matches. start_run begins one."
    lines = [f"{amount(listed.total, 'run')}, newest first:"]
    for each in listed.runs:
        facts = [each.state, f"of {each.scenario_id}"]
        facts += [f"attempt {each.attempt}"] if each.attempt else []
        facts += [f"score {score_text(each.score)}"] if each.score is not None else []
        facts += [f"started {each.started}"] if each.started else []
        lines.append(f"- {each.run_id}" + (f" ({each.name})" if each.name else "") + ": " + ", ".join(facts))
    if listed.next_cursor:
        lines.append(f'More: list_runs(cursor="{listed.next_cursor}", …)')
    return "\n".join(lines)


def run_text(run: ScenarioRunView) -> str:
    """A run whole: its state, its devbox, what is left, what happened to it, and what comes next."""
    details = run.x_runloop_mcp
    lines = [f"Run {run.id}" + (f" ({run.name})" if run.name else "") + f" of scenario {run.scenario_id}: {run.state}."]
    if details:
        lines.append(
            f"Attempt {details.attempt}." + (f" Started {moment(run.start_time_ms)}." if run.start_time_ms else "")
        )
    if run.duration_ms is not None and run.state in _ENDED:
        lines.append(f"It took {span(run.duration_ms / 1000)}.")
    lines.append(devbox_line(run))
    if run.environment_variables:
        lines.append(f"Environment variables set: {', '.join(sorted(run.environment_variables))}.")
    if run.secrets_provided:
        lines.append(f"Secrets in environment variables: {', '.join(sorted(run.secrets_provided))}.")
    if run.score is not None:
        lines.append(f"Score: {score_text(run.score)}.")
    lines += note_lines(run)
    if details and run.state == RunState.RUNNING:
        lines.append(budget_line(details.budget))
    lines.append(next_calls(run))
    return "\n".join(line for line in lines if line)


def devbox_line(run: ScenarioRunView) -> str:
    """The run's devbox: its state and working directory."""
    details = run.x_runloop_mcp
    status = f" is {details.devbox_status}{queue_text(details.queue)}" if details and details.devbox_status else ""
    directory = f", working directory {details.working_directory}" if details and details.working_directory else ""
    return f"Devbox {run.devbox_id}{status}{directory}."


def note_lines(run: ScenarioRunView) -> list[str]:
    """What happened to the run that its state does not say."""
    notes = run.x_runloop_mcp.notes if run.x_runloop_mcp else []
    return [f"Note: {shortened(printable(note), _NOTE)}" for note in notes]
