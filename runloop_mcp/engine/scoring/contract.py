"""Runs a scoring contract: its functions one after the other, and the weighted sum of what they give."""

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
)
from runloop_mcp.engine.scoring.captured import CapturedOutput
from runloop_mcp.engine.scoring.environment import scorer_environment
from runloop_mcp.engine.scoring.protocol import ScorerFailed, Workplace
from runloop_mcp.engine.scoring.registry import SCORERS
from runloop_mcp.engine.scoring.running import lost
from runloop_mcp.engine.scoring.scoring_devbox import ScoredDiskFailure, ScoringDevboxes
from runloop_mcp.engine.scoring.tools import ScorerTools
from runloop_mcp.engine.spans import span

Progress = Callable[[ScoringFunctionResult], Awaitable[None]]


async def run_contract(
    contract: ScoringContract,
    devboxes: ScoringDevboxes,
    *,
    timeout_seconds: float = 1800,
    environment: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    tools: ScorerTools | None = None,
    losses_count: bool = True,
) -> ScoringContractResult:
    """Scores what is in devboxes' working directory.

    Args:
        contract: The scoring functions. One that fails gets `error` and 0, and the others go on.
        devboxes: Where they run, each in the next.
        timeout_seconds: The time that all of them have together; making devboxes takes nothing of it.
        environment: The run's variables; those that would steer the scorers' programs are left out.
        progress: Is told each function's result as soon as it is there.
        tools: What the devboxes have for scorers beside the environment.
        losses_count: Whether a function ends in error whose devbox was lost in each of its tries. Else nothing is
            scored then, and whoever asked may ask again.

    Raises:
        ScoredDiskFailure: What is scored keeps it from being scored, and losses do not count.
        Unavailable: Our own machinery broke: nothing is scored.
    """
    left = timeout_seconds
    results = []
    functions = contract.scoring_function_parameters
    for number, function in enumerate(functions, start=1):
        for trial in range(1, devboxes.tries + 1):
            devbox = await devboxes.next(further=number < len(functions))
            began = time.monotonic()
            workplace = Workplace(
                devbox,
                scorer_environment(devbox.spec, environment or {}, devboxes.mode),
                ends_at=began + left,
                limit_seconds=timeout_seconds,
                tools=tools or ScorerTools(),
            )
            try:
                with span("scoring function", function=function.name, scorer=function.scorer.type):
                    result = await _run_function(function, workplace)
            except Unavailable as error:
                reason = error if devbox.alive else await lost(devbox)
                if trial < devboxes.tries:
                    continue
                if not losses_count:
                    raise ScoredDiskFailure(reason.message, hint=reason.hint, retryable=True) from error
                result = _given_up(function, f"In each of {trial} tries: {reason.message}", workplace)
            finally:
                left -= time.monotonic() - began
            break
        results.append(result)
        if progress:
            await progress(result)
    return total_of(results)


def unscorable(contract: ScoringContract, reason: str) -> ScoringContractResult:
    """The result of a contract of which no function can be run, for a reason that does not count as ours."""
    return total_of([_given_up(function, reason) for function in contract.scoring_function_parameters])


def total_of(results: Sequence[ScoringFunctionResult]) -> ScoringContractResult:
    """The result of a contract, from those of its functions."""
    return ScoringContractResult(
        score=weighted_sum([(result.x_weight or 0.0, result.score) for result in results]),
        scoring_function_results=list(results),
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


def _given_up(function: ScoringFunction, reason: str, workplace: Workplace | None = None) -> ScoringFunctionResult:
    return ScoringFunctionResult(
        scoring_function_name=function.name,
        score=0.0,
        state=ScoringFunctionState.ERROR,
        output=(workplace.output if workplace else CapturedOutput()).text(reason),
        x_weight=function.weight,
    )
