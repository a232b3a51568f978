"""All operations of the REST API, in the order in which they are documented."""

from typing import Final

from runloop_mcp.rest.route import Route
from runloop_mcp.rest.routes import (
    accounts,
    agents,
    benchmark_jobs,
    benchmark_runs,
    benchmarks,
    blueprints,
    devboxes,
    executions,
    files,
    objects,
    scenario_runs,
    scenarios,
    scorers,
    secrets,
    snapshots,
)

ROUTES: Final[tuple[Route, ...]] = (
    *scenarios.ROUTES,
    *scenario_runs.ROUTES,
    *scorers.ROUTES,
    *benchmarks.ROUTES,
    *benchmark_runs.ROUTES,
    *benchmark_jobs.ROUTES,
    *devboxes.ROUTES,
    *files.ROUTES,
    *executions.ROUTES,
    *snapshots.ROUTES,
    *blueprints.ROUTES,
    *agents.ROUTES,
    *objects.ROUTES,
    *secrets.ROUTES,
    *accounts.ROUTES,
)
