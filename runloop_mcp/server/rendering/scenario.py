"""Scenarios, as text and as lines of a list. Takes only what `runloop_mcp.api.disclosure` has passed."""

import json
from collections.abc import Sequence

from runloop_mcp.api.disclosure import FunctionOutline, disclosure_of
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.api.models.scoring import Disclosure
from runloop_mcp.server.printable import shortened
from runloop_mcp.server.rendering.listing import next_cursor
from runloop_mcp.server.rendering.quantities import amount, score_text, span
from runloop_mcp.server.results import ScenarioLine, ScenarioList

_SUMMARY = 240
_PROBLEM = 36_000
"""Characters of a problem statement in a reply: clients put longer ones away in files."""
DEFAULT_KEEP_ALIVE = 3600
DEFAULT_WORKING_DIRECTORY = "/home/user/work"

_TOLD = {
    Disclosure.SEALED: "that it was scored, not the score",
    Disclosure.SUMMARY: "the total",
    Disclosure.NAMED: "the total and the score of each function",
    Disclosure.FULL: "the total, the score of each function and its output",
}


def scenario_line(scenario: ScenarioView) -> ScenarioLine:
    """A scenario in a list: its summary, or how its problem statement begins."""
    summary = scenario.metadata.get("summary") or _first_paragraph(scenario.input_context.problem_statement)
    return ScenarioLine(
        scenario_id=scenario.id,
        name=scenario.name,
        summary=summary if len(summary) <= _SUMMARY else summary[: _SUMMARY - 1] + "…",
        tags=tags_of(scenario),
        difficulty=scenario.metadata.get("difficulty"),
        minutes=scenario.metadata.get("minutes"),
        missing_programs=scenario.x_missing_programs or [],
    )


def scenario_list(page: Page[ScenarioView]) -> ScenarioList:
    """One page of scenarios."""
    return ScenarioList(
        scenarios=[scenario_line(scenario) for scenario in page.items],
        total=page.total_count,
        next_cursor=next_cursor(page),
    )


def scenario_list_text(listed: ScenarioList) -> str:
    """One page of scenarios, as text."""
    if not listed.scenarios:
        return "No scenario matches; list_scenarios without query and tags lists all that there are."
    lines = [f"{amount(listed.total, 'scenario')}:"]
    for each in listed.scenarios:
        facts = ", ".join([*each.tags, *([each.difficulty] if each.difficulty else [])])
        lines.append(f"- {each.scenario_id}  {each.name}" + (f"  [{facts}]" if facts else ""))
        if each.summary:
            lines.append(f"  {each.summary}")
        if each.missing_programs:
            lines.append(f"  Can't be started here: devboxes lack {', '.join(each.missing_programs)}.")
    if each_cursor := listed.next_cursor:
        lines.append(f'More: list_scenarios(cursor="{each_cursor}", …)')
    return "\n".join(lines)


def scenario_text(scenario: ScenarioView, functions: Sequence[FunctionOutline]) -> str:
    """A scenario whole: what it is, what a run of it gets, how it is scored, and its problem statement."""
    launch = scenario.environment and scenario.environment.launch_parameters
    seconds = (launch and launch.keep_alive_time_seconds) or DEFAULT_KEEP_ALIVE
    directory = (scenario.environment and scenario.environment.working_directory) or DEFAULT_WORKING_DIRECTORY
    facts = [*tags_of(scenario), scenario.metadata.get("difficulty", "")]
    if minutes := scenario.metadata.get("minutes"):
        facts.append(f"about {minutes} min")
    lines = [f"# {scenario.name}", " · ".join([scenario.id, *(fact for fact in facts if fact)])]
    lines += [scenario.metadata["summary"]] if scenario.metadata.get("summary") else []
    lines.append(f"A run gets a devbox for {span(seconds)}; its working directory is {directory}.")
    lines += _scoring_lines(scenario, functions)
    lines += _needs(scenario)
    if scenario.status == "archived":
        lines.append("This scenario is archived and can't be started.")
    elif scenario.x_missing_programs:
        lacking = ", ".join(scenario.x_missing_programs)
        lines.append(f"It can't be started here: devboxes lack {lacking}. list_scenarios shows others.")
    else:
        lines.append(f'Start it with start_run(scenario_id="{scenario.id}").')
    return "\n".join(lines) + "\n\n" + problem_text(scenario)


def problem_text(scenario: ScenarioView, *, limit: int = _PROBLEM) -> str:
    """The problem statement and the context that goes with it, as markdown."""
    statement = scenario.input_context.problem_statement.strip()
    text = statement if statement.startswith("# ") else f"# Problem\n\n{statement}"
    context = scenario.input_context.additional_context
    if context not in (None, "", {}, []):
        shown = context if isinstance(context, str) else json.dumps(context, indent=2, ensure_ascii=False)
        text += f"\n\n## Context\n\n{shown}"
    if len(text) > limit:
        text = shortened(text, limit)
        text += f"\n\nThe whole text: resource runloop://scenarios/{scenario.id}/problem"
    return text


def tags_of(scenario: ScenarioView) -> list[str]:
    """The scenario's tags: `metadata.tags`, separated by commas."""
    return [tag for part in scenario.metadata.get("tags", "").split(",") if (tag := part.strip())]


def _scoring_lines(scenario: ScenarioView, functions: Sequence[FunctionOutline]) -> list[str]:
    lines = []
    if functions:
        named = ", ".join(f"{function.name} ({score_text(function.weight)})" for function in functions)
        lines.append(f"Scoring functions (weight): {named}.")
    lines.append(f"Scoring is once and final; it tells {_TOLD[disclosure_of(scenario)]}.")
    return lines


def _needs(scenario: ScenarioView) -> list[str]:
    lines = []
    if scenario.required_environment_variables:
        names = ", ".join(scenario.required_environment_variables)
        lines.append(f"start_run needs environment_variables: {names}.")
    if scenario.required_secret_names:
        lines.append(f"start_run needs secrets named: {', '.join(scenario.required_secret_names)}.")
    return lines


def _first_paragraph(text: str) -> str:
    for paragraph in text.split("\n\n"):
        line = " ".join(paragraph.split())
        if line and not line.startswith("#"):
            return line
    return ""
