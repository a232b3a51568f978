"""`runloop-mcp runs list|show|log|export|rescore`."""

from datetime import UTC, datetime

import anyio
import click

from runloop_mcp.api.models.run import VALIDATION, RunListParams, RunState, ScenarioRunView
from runloop_mcp.cli.lookup import scenario_name
from runloop_mcp.cli.options import backend_options, json_option
from runloop_mcp.cli.run_export import export_command
from runloop_mcp.cli.run_log import log_command
from runloop_mcp.cli.run_rescore import rescore_command
from runloop_mcp.cli.run_trust import trust_rows
from runloop_mcp.cli.settings import Settings, load_settings
from runloop_mcp.cli.terminal import console, print_json, print_table, say
from runloop_mcp.cli.wiring import backend_for

_PAGE = 200
_WIDE = 88
"""Columns of a terminal that takes the whole table."""
_STYLES: dict[str, str] = {
    RunState.RUNNING: "cyan",
    RunState.SCORING: "cyan",
    RunState.FAILED: "red",
    RunState.TIMEOUT: "yellow",
    RunState.CANCELED: "dim",
}


@click.group()
def runs() -> None:
    """List and show runs, and what they left."""


runs.add_command(log_command)
runs.add_command(export_command)
runs.add_command(rescore_command)


@runs.command("list")
@click.option("--state", type=click.Choice([state.value for state in RunState]), help="Only runs in this state.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many, newest first.")
@click.option("--all", "everyone", is_flag=True, help="Runs of validation too.")
@backend_options
@json_option
def list_command(*, flags: dict[str, object], state: str | None, limit: int, everyone: bool, as_json: bool) -> None:
    """The runs that there were, newest first."""
    found = anyio.run(_list, load_settings(**flags), RunState(state) if state else None, limit, everyone)
    if as_json:
        print_json([run for run, _ in found])
        return
    if not found:
        narrowed = f" in state {state}" if state else ""
        hidden = "" if everyone else " Those of validate are left out; --all lists them too."
        say(f"There are no runs{narrowed} yet.{hidden}")
        return
    drawn = console()
    took = not drawn.is_terminal or drawn.width >= _WIDE  # what can be spared first; `runs show` has it
    rows = [
        (run.id, name, str(run.state), _score(run), str(_attempt(run)), _time(run.start_time_ms), _duration(run))
        for run, name in found
    ]
    columns = ("run", "scenario", "state", "score", "attempt", "started (UTC)", "took")
    shown = len(columns) if took else -1
    print_table(columns[:shown], [row[:shown] for row in rows], styles=_STYLES)


async def _list(
    settings: Settings, state: RunState | None, limit: int, everyone: bool
) -> list[tuple[ScenarioRunView, str]]:
    found: list[ScenarioRunView] = []
    params = RunListParams(state=state, limit=_PAGE)
    async with backend_for(settings) as backend:
        while True:
            page = await backend.runs.list(params)
            found += [run for run in page.items if everyone or run.purpose != VALIDATION]
            if len(found) >= limit or not page.has_more or not page.items:
                break
            params = params.model_copy(update={"starting_after": page.items[-1].id})
        names = {run.scenario_id: await scenario_name(backend, run.scenario_id) for run in found[:limit]}
    return [(run, names[run.scenario_id]) for run in found[:limit]]


@runs.command("show", short_help="One run: its state, its score and what happened to it.")
@click.argument("run_id")
@backend_options
@json_option
def show_command(*, flags: dict[str, object], run_id: str, as_json: bool) -> None:
    """One run: its state, its score and what happened to it."""
    run, scenario = anyio.run(_show, load_settings(**flags), run_id)
    if as_json:
        print_json(run)
        return
    details = run.x_runloop_mcp
    rows = [
        ("scenario", scenario),
        ("state", str(run.state)),
        ("attempt", str(_attempt(run))),
        ("started (UTC)", _time(run.start_time_ms)),
        ("took", _duration(run)),
        ("devbox", f"{run.devbox_id}  {_devbox(run)}".rstrip()),
        ("isolation", (details and details.isolation) or "-"),
        ("notes", " ".join(details.notes) if details and details.notes else "-"),
        *trust_rows(run),
    ]
    print_table(("run", run.id), rows)
    if run.scoring_contract_result:
        from runloop_mcp.cli.score_card import score_card

        console().print(score_card(run.scoring_contract_result, title=scenario, notes=_outputs(run)))


async def _show(settings: Settings, run_id: str) -> tuple[ScenarioRunView, str]:
    async with backend_for(settings) as backend:
        run = await backend.runs.retrieve(run_id)
        return run, await scenario_name(backend, run.scenario_id)


def _devbox(run: ScenarioRunView) -> str:
    """The devbox's status, as in "running", or "queued, place 3 of 12"."""
    details = run.x_runloop_mcp
    if details is None or details.devbox_status is None:
        return ""
    queue = details.queue
    return details.devbox_status + (f", place {queue.place} of {queue.length}" if queue else "")


def _outputs(run: ScenarioRunView) -> list[str]:
    result = run.scoring_contract_result
    functions = result.scoring_function_results if result else []
    return [f"\n{each.scoring_function_name}:\n{each.output.rstrip()}" for each in functions if each.output.strip()]


def _attempt(run: ScenarioRunView) -> int:
    return run.x_runloop_mcp.attempt if run.x_runloop_mcp else 1


def _score(run: ScenarioRunView) -> str:
    return "-" if run.score is None else f"{run.score:.4g}"


def _time(time_ms: int | None) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M") if time_ms else "-"


def _duration(run: ScenarioRunView) -> str:
    if run.duration_ms is None:
        return "-"
    seconds = run.duration_ms / 1000
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"
