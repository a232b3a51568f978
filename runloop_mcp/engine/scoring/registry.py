"""The scorer types that this version has: one line for each module."""

from collections.abc import Mapping

from runloop_mcp.engine.scoring import bash_script, command, test_based
from runloop_mcp.engine.scoring.protocol import Score

SCORERS: Mapping[str, Score] = {
    "bash_script_scorer": bash_script.score,
    "command_scorer": command.score,
    "test_based_scorer": test_based.score,
}
