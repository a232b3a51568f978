"""What an answer is good for: the operations on the thing that an operation has made."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from runloop_mcp.rest.route import Route

_ID: Final = "$response.body#/id"

_MADE: Final[Mapping[str, Mapping[str, str]]] = {
    "scenarios_create": {"scenario_id": _ID},
    "scenarios_start_run": {"run_id": _ID},
    "scorers_create": {"scorer_id": _ID},
    "benchmarks_create": {"benchmark_id": _ID},
    "benchmarks_start_run": {"benchmark_run_id": _ID},
    "benchmark_jobs_create": {"benchmark_job_id": _ID},
    "devboxes_create": {"devbox_id": _ID},
    "executions_execute_async": {
        "devbox_id": "$response.body#/devbox_id",
        "execution_id": "$response.body#/execution_id",
    },
    "disk_snapshots_snapshot_disk": {"snapshot_id": _ID},
    "blueprints_create": {"blueprint_id": _ID},
    "agents_create": {"agent_id": _ID},
    "objects_create": {"object_id": _ID},
    "secrets_create": {"secret_id": _ID, "secret_name": "$response.body#/name"},
}
"""Operation → parameters of paths that its answer has values for."""

_STARTED: Final = {"scenarios_create": "scenarios_start_run", "benchmarks_create": "benchmarks_start_run"}
"""Operation → the one that starts a run of what it has made."""


def links_of(route: Route, routes: Sequence[Route]) -> dict[str, Any]:
    """The links of an operation's answer, by the operations they lead to."""
    made = _MADE.get(route.operation_id, {})
    # An execution is on a devbox, which it has not made.
    new = set(made) - {"devbox_id"} or set(made)
    links: dict[str, Any] = {}
    for other in routes:
        if set(other.path_parameters) <= set(made) and new & set(other.path_parameters):
            parameters = {name: made[name] for name in other.path_parameters}
            links[other.operation_id] = {"operationId": other.operation_id, "parameters": parameters}
    if started := _STARTED.get(route.operation_id):
        links[started] = {"operationId": started, "requestBody": dict(made)}
    return links
