"""Rescorings as text, for operators."""

from runloop_mcp.api.models.run import ScenarioRunView
from runloop_mcp.api.models.scoring import ScoringFunctionState
from runloop_mcp.api.models.trust import Rescoring
from runloop_mcp.server.printable import printable, shortened
from runloop_mcp.server.rendering.quantities import score_text

_OUTPUT = 2000


def rescoring_text(run: ScenarioRunView, found: Rescoring) -> str:
    """What a rescoring gave, beside the run's score."""
    own = "" if run.score is None else f" The run's score stays {score_text(run.score)}; this is kept beside it."
    contract = "the run's own contract" if found.same_contract else "another contract"
    lines = [f"Rescored {score_text(found.result.score)} with {contract}, {found.mode}.{own}"]
    for function in found.result.scoring_function_results:
        error = " (the scorer broke or timed out)" if function.state == ScoringFunctionState.ERROR else ""
        lines.append(f"- {function.scoring_function_name}: {score_text(function.score)}{error}")
        lines += [f"    {line}" for line in shortened(printable(function.output), _OUTPUT).splitlines()]
    if found.result.x_complete is False:
        lines.append("The score is incomplete: at least one scorer broke, and counts as 0.")
    return "\n".join(lines)
