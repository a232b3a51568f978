"""The groups that no MCP tool needs: each is imported and made at its first use, so that no start waits for it."""

# ruff: noqa: PLC0415 - that is what this module is for

from collections.abc import Callable
from functools import cached_property
from sqlite3 import Connection
from typing import TYPE_CHECKING, Any, TypeVar, cast

from runloop_mcp.api.backend import Backend
from runloop_mcp.engine.context import EngineContext

if TYPE_CHECKING:
    from runloop_mcp.api.groups.accounts import Accounts
    from runloop_mcp.api.groups.agents import Agents, Objects
    from runloop_mcp.api.groups.benchmarks import BenchmarkJobs, BenchmarkRuns, Benchmarks
    from runloop_mcp.engine.jobs.runner import JobRunner


T = TypeVar("T")


def _late(make: Callable[[Any], T]) -> T:
    """A group that is made at its first use; to a type checker it is what it will be, an attribute like the others."""
    return cast("T", cached_property(make))


class LateGroups(Backend):
    """Groups of the embedded engine that are made at their first use."""

    _engine: EngineContext

    @_late
    def benchmarks(self) -> "Benchmarks":
        """See `Backend`."""
        from runloop_mcp.engine.benchmarks.service import EngineBenchmarks

        return EngineBenchmarks(self._engine)

    @_late
    def benchmark_runs(self) -> "BenchmarkRuns":
        """See `Backend`."""
        from runloop_mcp.engine.benchmarks.runs import EngineBenchmarkRuns

        return EngineBenchmarkRuns(self._engine, self.runs)

    @_late
    def benchmark_jobs(self) -> "BenchmarkJobs":
        """See `Backend`."""
        from runloop_mcp.engine.jobs.service import EngineBenchmarkJobs

        return EngineBenchmarkJobs(self._engine, self._job_runner)

    @_late
    def agents(self) -> "Agents":
        """See `Backend`."""
        from runloop_mcp.engine.agents.service import EngineAgents

        return EngineAgents(self._engine.database)

    @_late
    def objects(self) -> "Objects":
        """See `Backend`."""
        from runloop_mcp.engine.objects.service import EngineObjects

        return EngineObjects(self._engine.database, self._engine.objects)

    @_late
    def accounts(self) -> "Accounts":
        """See `Backend`."""
        from runloop_mcp.engine.accounts import EngineAccounts

        return EngineAccounts(self._engine.database)

    @cached_property
    def _job_runner(self) -> "JobRunner":
        from runloop_mcp.engine.jobs.runner import JobRunner
        from runloop_mcp.engine.jobs.trial import Ports

        return JobRunner(self._engine, Ports(self.scenarios, self.runs, self.devboxes, self.benchmark_runs))

    async def _look_after_jobs(self) -> None:
        """Carries on the jobs that a server that ended was at, where there are any."""
        if await self._engine.database.read(_has_jobs_under_way):
            await self._job_runner.look_after()

    async def _stop_jobs(self) -> None:
        if "_job_runner" in self.__dict__:
            await self._job_runner.stop_all()


def _has_jobs_under_way(connection: Connection) -> bool:
    found = connection.execute("SELECT 1 FROM benchmark_jobs WHERE end_time_ms IS NULL LIMIT 1").fetchone()
    return found is not None
