"""What a solver may see. Pure functions, so that every face shows the same."""

from runloop_mcp.api.models.run import ScenarioRunView
from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.api.models.scoring import (
    Disclosure,
    ScoringContract,
    ScoringContractResult,
    ScoringFunctionResult,
)


def disclosure_of(scenario: ScenarioView) -> Disclosure:
    """The scenario's disclosure: `metadata.disclosure`, by default `named`."""
    return Disclosure(scenario.metadata.get("disclosure", Disclosure.NAMED))


def scenario_for_solver(scenario: ScenarioView) -> ScenarioView:
    """The scenario without its reference output, its scorers and what could name their contents."""
    return scenario.model_copy(
        update={
            "reference_output": None,
            "scoring_contract": ScoringContract(scoring_function_parameters=[]),
            "metadata": {key: value for key, value in scenario.metadata.items() if key in SOLVER_METADATA},
        }
    )


SOLVER_METADATA = frozenset({"summary", "tags", "difficulty", "minutes", "scoring", "disclosure", "language"})
"""The metadata keys that a solver sees; others may hold what their author never meant to show."""


def result_for_solver(result: ScoringContractResult, disclosure: Disclosure) -> ScoringContractResult | None:
    """The result as the disclosure lets a solver see it; None where it lets nothing be seen."""
    if disclosure is Disclosure.SEALED:
        return None
    functions: list[ScoringFunctionResult] = []
    if disclosure is not Disclosure.SUMMARY:
        functions = [
            function if disclosure is Disclosure.FULL else function.model_copy(update={"output": ""})
            for function in result.scoring_function_results
        ]
    return result.model_copy(update={"scoring_function_results": functions})


def run_for_solver(run: ScenarioRunView) -> ScenarioRunView:
    """The run as its disclosure lets a solver see it."""
    disclosure = run.x_runloop_mcp.disclosure if run.x_runloop_mcp else Disclosure.NAMED
    result = run.scoring_contract_result and result_for_solver(run.scoring_contract_result, disclosure)
    return run.model_copy(update={"scoring_contract_result": result, "score": result.score if result else None})
