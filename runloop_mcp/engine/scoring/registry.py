"""The scorer types: one line for each module."""

from collections.abc import Mapping

from runloop_mcp.engine.scoring import ast_grep, bash_script, command, custom, python_script, test_based
from runloop_mcp.engine.scoring.protocol import Score

SCORERS: Mapping[str, Score] = {
    "ast_grep_scorer": ast_grep.score,
    "bash_script_scorer": bash_script.score,
    "command_scorer": command.score,
    "custom_scorer": custom.score,
    "python_script_scorer": python_script.score,
    "test_based_scorer": test_based.score,
}
