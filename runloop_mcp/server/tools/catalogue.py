"""All tools, in the order in which lists show them. The order is part of what clients see: append, don't reorder."""

from typing import Any, Final

from runloop_mcp.server.tools import devbox, files, runs, scenarios, scoring
from runloop_mcp.server.tools.tool import Tool

TOOLS: Final[tuple[Tool[Any], ...]] = (
    scenarios.LIST_SCENARIOS,
    scenarios.GET_SCENARIO,
    scenarios.START_RUN,
    runs.GET_RUN,
    runs.LIST_RUNS,
    devbox.EXEC_ON_DEVBOX,
    devbox.GET_EXECUTION,
    files.READ_FILE,
    files.WRITE_FILE,
    files.EDIT_FILE,
    scoring.SCORE_RUN,
    scoring.GET_SCORE,
    runs.COMPLETE_RUN,
    runs.CANCEL_RUN,
)

SOLVERS_TOOLS: Final = tuple(tool.name for tool in TOOLS if tool is not scenarios.START_RUN)
"""What a solver that is bound to a run has, by name."""
