"""`bash_script_scorer`: the script prints the score on its standard output; its exit status says nothing."""

from runloop_mcp.api.models.scoring import BashScriptScorer
from runloop_mcp.engine.scoring.printed_score import NoPrintedScore, PrintedScore
from runloop_mcp.engine.scoring.protocol import ScorerFailed, Workplace


async def score(scorer: BashScriptScorer, workplace: Workplace) -> float:
    """Scores with a script."""
    printed = PrintedScore()
    exit_ = await workplace.bash(scorer.bash_script, stdout=printed.feed)
    try:
        return printed.score()
    except NoPrintedScore as error:
        raise ScorerFailed(f"{error} It ended with exit status {exit_.status}.") from error
