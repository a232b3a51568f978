"""All tools by name. Which of them a server offers, and in which order, is `server.surface`'s to say."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from runloop_mcp.server.tools import devbox, files, runs, scenarios, scoring
from runloop_mcp.server.tools.tool import Tool

_CORE: Final[tuple[Tool[Any], ...]] = (
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


def _others() -> tuple[Tool[Any], ...]:
    """The tools of the other toolsets, which most servers never need."""
    from runloop_mcp.server.tools import (  # noqa: PLC0415 - see above
        authoring,
        benchmark_changes,
        benchmarks,
        deleting,
        environments,
        operating,
        proving,
        scorers,
    )

    return (
        authoring.CREATE_SCENARIO,
        authoring.UPDATE_SCENARIO,
        authoring.ARCHIVE_SCENARIO,
        authoring.GET_SCENARIO_DEFINITION,
        proving.VALIDATE_SCENARIO,
        scorers.CREATE_SCORER,
        scorers.UPDATE_SCORER,
        scorers.GET_SCORER,
        scorers.LIST_SCORERS,
        scorers.VALIDATE_SCORER,
        environments.CREATE_DEVBOX,
        environments.SNAPSHOT_DEVBOX,
        environments.LIST_SNAPSHOTS,
        environments.CREATE_BLUEPRINT,
        environments.GET_BLUEPRINT,
        environments.LIST_BLUEPRINTS,
        deleting.DELETE_SNAPSHOT,
        deleting.DELETE_BLUEPRINT,
        benchmarks.LIST_BENCHMARKS,
        benchmarks.CREATE_BENCHMARK,
        benchmarks.START_BENCHMARK_RUN,
        benchmarks.GET_BENCHMARK_RUN,
        benchmarks.LIST_BENCHMARK_RUNS,
        benchmarks.COMPLETE_BENCHMARK_RUN,
        benchmarks.CANCEL_BENCHMARK_RUN,
        benchmark_changes.UPDATE_BENCHMARK,
        benchmark_changes.ARCHIVE_BENCHMARK,
        operating.GET_RUN_LOG,
        operating.RESCORE_RUN,
        operating.LIST_DEVBOXES,
        operating.SHUTDOWN_DEVBOX,
        operating.LIST_SECRETS,
    )


_SOURCES: Final[tuple[Callable[[], Sequence[Tool[Any]]], ...]] = (lambda: _CORE, _others)


def tools_called(names: Sequence[str]) -> dict[str, Tool[Any]]:
    """The tools with these names, in this order; modules of others are not imported."""
    found: dict[str, Tool[Any]] = {}
    for source in _SOURCES:
        if missing := set(names) - found.keys():
            found |= {tool.name: tool for tool in source() if tool.name in missing}
    return {name: found[name] for name in names}
