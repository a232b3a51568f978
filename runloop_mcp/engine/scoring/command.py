"""`command_scorer`: exit status 0 of the command is 1.0, any other 0.0."""

from runloop_mcp.api.models.scoring import CommandScorer
from runloop_mcp.engine.scoring.protocol import Workplace


async def score(scorer: CommandScorer, workplace: Workplace) -> float:
    """Scores with a command."""
    exit_ = await workplace.bash(scorer.command)
    return 1.0 if exit_.status == 0 else 0.0
