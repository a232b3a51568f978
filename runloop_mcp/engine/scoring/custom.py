"""`custom_scorer`: runs the registered scorer's script with its parameters as JSON; the last line is the score."""

import json

from runloop_mcp.api.models.scoring import CustomScorer
from runloop_mcp.engine.scoring.printed_score import NoPrintedScore, PrintedScore
from runloop_mcp.engine.scoring.protocol import ScorerFailed, Workplace

_CONTEXTS = ("RL_SCORER_CONTEXT", "RL_TEST_CONTEXT")
"""Where scripts look for the context: the name of today, and the older one."""
_MAX_CONTEXT_BYTES = 120_000
"""A variable of a process holds no more than 128 kB."""


async def score(scorer: CustomScorer, workplace: Workplace) -> float:
    """Scores with the script that was registered under the scorer's type when the run started."""
    if scorer.x_bash_script is None:
        raise ScorerFailed(f"No custom scorer {scorer.custom_scorer_type!r} was registered when the run started.")
    context = json.dumps({} if scorer.scorer_params is None else scorer.scorer_params)
    if len(context) > _MAX_CONTEXT_BYTES:
        raise ScorerFailed(
            f"The scorer's parameters have {len(context)} bytes as JSON, and at most 120,000 can be passed."
        )
    printed = PrintedScore()
    exit_ = await workplace.bash(
        scorer.x_bash_script, environment=dict.fromkeys(_CONTEXTS, context), stdout=printed.feed
    )
    try:
        return printed.score()
    except NoPrintedScore as error:
        raise ScorerFailed(f"{error} It ended with exit status {exit_.status}.") from error
