"""Scenarios whole, for those who author them. Nothing here may be shown to a solver."""

from typing import Any, Final

from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.server.printable import printable, shortened
from runloop_mcp.server.rendering.quantities import amount, score_text

_SOURCE: Final = 12_000
"""Characters of one script, file or reference."""
_WHOLE: Final = 48_000


def made_text(scenario: ScenarioView, what: str) -> str:
    """What an author reads once a scenario was made or changed: what is missing, and what comes next."""
    lines = [f"Scenario {scenario.id} ({scenario.name}) {what}."]
    functions = scenario.scoring_contract.scoring_function_parameters
    lines.append(
        "Scored by "
        + ", ".join(f"{each.name} ({score_text(each.weight)}, {each.scorer.type})" for each in functions)
        + "."
    )
    if not scenario.reference_output:
        lines.append("It has no reference_output yet, so nothing can prove its scorers right.")
    if scenario.x_missing_programs:
        lines.append(f"Devboxes here lack {', '.join(scenario.x_missing_programs)}, so it can't be started here.")
    lines.append(f'Next: validate_scenario(scenario_id="{scenario.id}") proves it.')
    return "\n".join(lines)


def definition_text(scenario: ScenarioView) -> str:
    """Everything that a scenario is made of."""
    lines = [f"{scenario.name} ({scenario.id}), {scenario.status}"]
    lines += [f"{key}: {value}" for key, value in _facts(scenario).items() if value]
    lines += ["", "Problem statement:", _cut(scenario.input_context.problem_statement)]
    if scenario.input_context.additional_context is not None:
        lines += ["", "Additional context:", _cut(str(scenario.input_context.additional_context))]
    for function in scenario.scoring_contract.scoring_function_parameters:
        lines += ["", f"Scoring function {function.name}, weight {score_text(function.weight)}:"]
        lines += _fields(function.scorer.model_dump(mode="json", exclude_none=True))
    if scenario.reference_output:
        lines += ["", "Reference output:", _cut(scenario.reference_output)]
    else:
        lines += ["", "There is no reference output."]
    return shortened(printable("\n".join(lines)), _WHOLE)


def _facts(scenario: ScenarioView) -> dict[str, str]:
    environment = scenario.environment
    launch = environment.launch_parameters if environment else None
    return {
        "validation type": str(scenario.validation_type or ""),
        "snapshot": (environment and environment.snapshot_id) or "",
        "blueprint": (environment and environment.blueprint_id) or "",
        "working directory": (environment and environment.working_directory) or "",
        "launch commands": "".join(f"\n    {command}" for command in (launch and launch.launch_commands) or []),
        "keep-alive time": f"{launch.keep_alive_time_seconds} s" if launch and launch.keep_alive_time_seconds else "",
        "scorers' time limit": f"{scenario.scorer_timeout_sec} s" if scenario.scorer_timeout_sec else "",
        "required environment variables": ", ".join(scenario.required_environment_variables or []),
        "required secrets": ", ".join(scenario.required_secret_names or []),
        "metadata": "".join(f"\n    {key}: {value}" for key, value in scenario.metadata.items()),
    }


def _fields(scorer: dict[str, Any]) -> list[str]:
    """A scorer's fields: short ones in a line, scripts and files whole."""
    lines: list[str] = []
    for name, value in scorer.items():
        if name == "test_files":
            for file in value:
                text = str(file.get("file_contents", ""))
                lines += [f"  {file.get('file_path')} ({amount(len(text), 'character')}):", _cut(text)]
        elif isinstance(value, str) and "\n" in value:
            lines += [f"  {name}:", _cut(value)]
        else:
            lines.append(f"  {name}: {value}")
    return lines


def _cut(text: str) -> str:
    return shortened(text.rstrip("\n"), _SOURCE)
