"""Runs a scoring contract on a devbox: its functions one after the other, and the weighted sum of what they give."""

import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from runloop_mcp.api.errors import Unavailable
from runloop_mcp.api.models.scoring import (
    ScoringContract,
    ScoringContractResult,
    ScoringFunction,
    ScoringFunctionResult,
    ScoringFunctionState,
    ScoringMode,
)
from runloop_mcp.devbox.port import Devbox
from runloop_mcp.engine.scoring.environment import scorer_environment
from runloop_mcp.engine.scoring.protocol import ScorerFailed, Workplace
from runloop_mcp.engine.scoring.registry import SCORERS
from runloop_mcp.engine.scoring.running import lost
from runloop_mcp.engine.scoring.tools import ScorerTools

Progress = Callable[[ScoringFunctionResult], Awaitable[None]]


async def run_contract(
    contract: ScoringContract,
    devbox: Devbox,
    *,
    timeout_seconds: float = 1800,
    environment: Mapping[str, str] | None = None,
    mode: ScoringMode = ScoringMode.CLEAN,
    progress: Progress | None = None,
    tools: ScorerTools | None = None,
) -> ScoringContractResult:
    """Scores what is in a devbox's working directory.

    Args:
        contract: The scoring functions. One that fails gets `error` and 0, and the others go on.
        devbox: Where they run; booted.
        timeout_seconds: The time that all of them have together.
        environment: The run's variables; those that would steer the scorers' programs are left out.
        mode: What the devbox is made of.
        progress: Is told each function's result as soon as it is there.
        tools: What the devbox has for scorers beside the environment.

    Raises:
        Unavailable: Our own machinery broke (the devbox was lost, its disk is full): nothing is scored.
    """
    ends_at = time.monotonic() + timeout_seconds
    variables = scorer_environment(devbox.spec, environment or {}, mode)
    results = []
    for function in contract.scoring_function_parameters:
        workplace = Workplace(
            devbox, variables, ends_at=ends_at, limit_seconds=timeout_seconds, tools=tools or ScorerTools()
        )
        try:
            result = await _run_function(function, workplace)
        except Unavailable as error:
            raise error if devbox.alive else await lost(devbox) from error
        results.append(result)
        if progress:
            await progress(result)
    return ScoringContractResult(
        score=weighted_sum([(result.x_weight or 0.0, result.score) for result in results]),
        scoring_function_results=results,
        x_complete=all(result.state == ScoringFunctionState.COMPLETE for result in results),
    )


def weighted_sum(parts: Sequence[tuple[float, float]]) -> float:
    """The sum of weight times score, for weights that sum to 1 within rounding.

    It is 1.0 exactly when every score is, and never when one is not: passing is compared with 1.0.
    """
    if parts and all(score == 1 for _, score in parts):
        return 1.0
    total = math.fsum(weight * score for weight, score in parts)
    weights = math.fsum(weight for weight, _ in parts)
    return min(round(total / weights, 9), 1 - 1e-9) if parts else 0.0


async def _run_function(function: ScoringFunction, workplace: Workplace) -> ScoringFunctionResult:
    started = time.monotonic()
    score, state, reason = 0.0, ScoringFunctionState.ERROR, ""
    try:
        score = await SCORERS[function.scorer.type](function.scorer, workplace)
        state = ScoringFunctionState.COMPLETE
    except ScorerFailed as error:
        reason = str(error)
    return ScoringFunctionResult(
        scoring_function_name=function.name,
        score=score,
        state=state,
        output=workplace.output.text(reason),
        x_weight=function.weight,
        x_duration_ms=round((time.monotonic() - started) * 1000),
    )
