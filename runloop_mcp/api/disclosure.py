"""What a solver may see. Pure functions, so that every face shows the same.

Each builds a new value from the fields that a solver may see; whatever else there is, known or not, stays behind.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from runloop_mcp.api.models.run import RunDetails, ScenarioRunView
from runloop_mcp.api.models.scenario import (
    InputContext,
    LaunchParameters,
    ScenarioEnvironment,
    ScenarioView,
)
from runloop_mcp.api.models.scoring import (
    Disclosure,
    ScoringContract,
    ScoringContractResult,
    ScoringFunctionResult,
)
from runloop_mcp.api.trace import EventKind, RunEvent

SOLVER_METADATA = frozenset({"summary", "tags", "difficulty", "minutes", "scoring", "disclosure", "language"})
"""The metadata keys of a scenario that a solver sees; others may hold what their author never meant to show."""


EVENT_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    EventKind.STATE: frozenset({"move", "state", "scenario_id", "scenario", "attempt", "devbox_id", "reason"}),
    EventKind.DEVBOX: frozenset({"status", "how", "duration_ms", "reason"}),
    EventKind.QUEUE: frozenset({"place", "length"}),
    EventKind.CALL: frozenset(
        {"tool", "arguments", "start_time_ms", "duration_ms", "outcome", "error", "execution_id", "consent"}
    ),
    EventKind.EXECUTION: frozenset(
        {
            "execution_id",
            "status",
            "command",
            "working_directory",
            "shell_name",
            "start_time_ms",
            "duration_ms",
            "exit_status",
            "timed_out",
            "killed",
            "signal",
            "limits",
            "stdout_bytes",
            "stderr_bytes",
            "stdout_dropped_bytes",
            "stderr_dropped_bytes",
            "notes",
        }
    ),
    EventKind.FILE: frozenset({"path", "bytes"}),
    EventKind.SCORING: frozenset(),
    EventKind.NOTE: frozenset({"text"}),
}
"""What a solver sees of each kind of event of its run's record. A score is not here: it goes by the disclosure."""


@dataclass(frozen=True, slots=True)
class FunctionOutline:
    """What a solver may know of a scoring function before it is scored."""

    name: str
    weight: float


def disclosure_of(scenario: ScenarioView) -> Disclosure:
    """The scenario's disclosure: `metadata.disclosure`, by default `named`.

    A value that is none of the levels counts as `sealed`: where the author's wish can't be read, nothing is shown.
    """
    try:
        return Disclosure(scenario.metadata.get("disclosure", Disclosure.NAMED))
    except ValueError:
        return Disclosure.SEALED


def stricter(one: Disclosure, other: Disclosure) -> Disclosure:
    """Of two levels that which shows less."""
    order = list(Disclosure)
    return min(one, other, key=order.index)


def scenario_for_solver(scenario: ScenarioView) -> ScenarioView:
    """The scenario without its reference output, its scorers, its launch commands and other metadata."""
    return ScenarioView(
        id=scenario.id,
        name=scenario.name,
        status=scenario.status,
        input_context=InputContext(
            problem_statement=scenario.input_context.problem_statement,
            additional_context=scenario.input_context.additional_context,
        ),
        scoring_contract=ScoringContract(scoring_function_parameters=[]),
        metadata={key: value for key, value in scenario.metadata.items() if key in SOLVER_METADATA},
        environment=scenario.environment and _environment_for_solver(scenario.environment),
        is_public=scenario.is_public,
        required_environment_variables=scenario.required_environment_variables,
        required_secret_names=scenario.required_secret_names,
        x_missing_programs=scenario.x_missing_programs,
    )


def _environment_for_solver(environment: ScenarioEnvironment) -> ScenarioEnvironment:
    launch = environment.launch_parameters
    return ScenarioEnvironment(
        working_directory=environment.working_directory,
        launch_parameters=launch and LaunchParameters(keep_alive_time_seconds=launch.keep_alive_time_seconds),
    )


def functions_for_solver(scenario: ScenarioView) -> list[FunctionOutline]:
    """The names and weights of the scoring functions, where the disclosure is `named` or `full`; else nothing."""
    if disclosure_of(scenario) not in {Disclosure.NAMED, Disclosure.FULL}:
        return []
    return [
        FunctionOutline(function.name, function.weight)
        for function in scenario.scoring_contract.scoring_function_parameters
    ]


def result_for_solver(result: ScoringContractResult, disclosure: Disclosure) -> ScoringContractResult | None:
    """The result as the disclosure lets a solver see it; None where it lets nothing be seen."""
    if disclosure is Disclosure.SEALED:
        return None
    functions: list[ScoringFunctionResult] = []
    if disclosure in {Disclosure.NAMED, Disclosure.FULL}:
        functions = [
            ScoringFunctionResult(
                scoring_function_name=function.scoring_function_name,
                score=function.score,
                state=function.state,
                output=function.output if disclosure is Disclosure.FULL else "",
                x_weight=function.x_weight,
                x_duration_ms=function.x_duration_ms,
            )
            for function in result.scoring_function_results
        ]
    return ScoringContractResult(score=result.score, scoring_function_results=functions, x_complete=result.x_complete)


def run_for_solver(run: ScenarioRunView) -> ScenarioRunView:
    """The run as its disclosure lets a solver see it, without what its operator noted in its metadata."""
    details = run.x_runloop_mcp and _details_for_solver(run.x_runloop_mcp)
    disclosure = details.disclosure if details else Disclosure.NAMED
    result = run.scoring_contract_result and result_for_solver(run.scoring_contract_result, disclosure)
    return ScenarioRunView(
        id=run.id,
        scenario_id=run.scenario_id,
        devbox_id=run.devbox_id,
        state=run.state,
        name=run.name,
        start_time_ms=run.start_time_ms,
        duration_ms=run.duration_ms,
        environment_variables=run.environment_variables,
        secrets_provided=run.secrets_provided,
        scoring_contract_result=result,
        score=result.score if result else None,
        x_runloop_mcp=details,
    )


def _details_for_solver(details: RunDetails) -> RunDetails:
    """The details without what is an operator's: rescorings, and the hashes, against which guesses could be tried.

    Which files scoring put back tells of the scorers, so that is shown where they are named; the tamper report tells
    where their files go, so that is shown where all is.
    """
    named = details.disclosure in {Disclosure.NAMED, Disclosure.FULL}
    return RunDetails.model_validate(
        {name: getattr(details, name) for name in RunDetails.model_fields if name not in _OPERATORS_DETAILS}
        | {
            "restored_files": details.restored_files if named else [],
            "tamper_report": details.tamper_report if details.disclosure is Disclosure.FULL else None,
        }
    )


_OPERATORS_DETAILS: Final = frozenset({"sealed", "rescorings", "tamper_report", "restored_files"})


def event_for_solver(event: RunEvent, disclosure: Disclosure) -> RunEvent | None:
    """An event of a run's record as the disclosure lets a solver see it; None where nothing of it may be seen."""
    if event.kind == EventKind.SCORE:
        seen = _score_for_solver(event.data, disclosure)
    elif event.kind in EVENT_FIELDS:
        seen = {name: value for name, value in event.data.items() if name in EVENT_FIELDS[event.kind]}
        if event.kind == EventKind.CALL and isinstance(arguments := seen.get("arguments"), dict):
            seen["arguments"] = {name: arguments[name] for name in arguments if name not in _OPERATORS_ARGUMENTS}
    else:
        return None
    if seen is None:
        return None
    return RunEvent(run_id=event.run_id, sequence=event.sequence, time_ms=event.time_ms, kind=event.kind, data=seen)


_OPERATORS_ARGUMENTS: Final = frozenset({"metadata"})
"""Arguments of a call in which whoever started a run for a solver may have noted what the solver is not to know."""


def _score_for_solver(data: Mapping[str, object], disclosure: Disclosure) -> dict[str, object] | None:
    if disclosure is Disclosure.SEALED:
        return None
    seen = {name: data[name] for name in ("score", "complete", "mode") if name in data}
    if disclosure in {Disclosure.NAMED, Disclosure.FULL}:
        functions = data.get("functions")
        seen["functions"] = [
            {name: function[name] for name in _FUNCTION_FIELDS if name in function}
            for function in (functions if isinstance(functions, list) else [])
        ]
        seen["restored_files"] = data.get("restored_files", [])
    return seen


_FUNCTION_FIELDS: Final = ("name", "score", "weight", "state", "duration_ms")
