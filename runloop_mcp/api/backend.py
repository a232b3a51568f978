"""The one port behind every face: what a backend can do, in the groups and words of the Runloop API.

Every method raises only the errors of `runloop_mcp.api.errors`, takes and returns `runloop_mcp.api.models`, and
shows everything: what a solver may see is decided by the face, with `runloop_mcp.api.disclosure`.
Waits take `wait_seconds`, answer early when what they wait for has happened, and never raise because time ran out.
"""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    # A server answers its client before it needs any of them, and most need but a few.
    from runloop_mcp.api.groups.accounts import Accounts
    from runloop_mcp.api.groups.agents import Agents, Objects
    from runloop_mcp.api.groups.benchmarks import BenchmarkJobs, BenchmarkRuns, Benchmarks
    from runloop_mcp.api.groups.devboxes import Devboxes
    from runloop_mcp.api.groups.environments import Blueprints, Snapshots
    from runloop_mcp.api.groups.runs import Runs
    from runloop_mcp.api.groups.scenarios import Scenarios
    from runloop_mcp.api.groups.scorers import Scorers
    from runloop_mcp.api.groups.secrets import Secrets
    from runloop_mcp.api.trace import Trace


class Backend(ABC):
    """Everything behind the faces. Enter it to start what it needs, leave it to stop that."""

    paid_devboxes = False
    """Whether somebody is billed for the time that devboxes are up."""
    waits_cost_requests = False
    """Whether each wait is a request to another machine: it is then better asked for whole than in steps."""

    scenarios: "Scenarios"
    runs: "Runs"
    scorers: "Scorers"
    devboxes: "Devboxes"
    snapshots: "Snapshots"
    blueprints: "Blueprints"
    secrets: "Secrets"
    benchmarks: "Benchmarks"
    benchmark_runs: "BenchmarkRuns"
    benchmark_jobs: "BenchmarkJobs"
    agents: "Agents"
    objects: "Objects"
    accounts: "Accounts"
    trace: "Trace"

    @abstractmethod
    async def __aenter__(self) -> Self: ...

    @abstractmethod
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
