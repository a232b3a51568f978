"""The ports of three groups: benchmarks, their runs, and jobs that have agents solve them."""

from abc import ABC, abstractmethod
from pathlib import Path

from runloop_mcp.api.access import LOCAL_OPERATOR, Principal
from runloop_mcp.api.models.base import Page, PageParams
from runloop_mcp.api.models.benchmark import (
    BenchmarkCreateParams,
    BenchmarkListParams,
    BenchmarkRunListParams,
    BenchmarkRunView,
    BenchmarkScenariosParams,
    BenchmarkStartRunParams,
    BenchmarkUpdateParams,
    BenchmarkView,
)
from runloop_mcp.api.models.benchmark_job import BenchmarkJobCreateParams, BenchmarkJobListParams, BenchmarkJobView
from runloop_mcp.api.models.run import ScenarioRunView
from runloop_mcp.api.models.scenario import ScenarioView


class Benchmarks(ABC):
    """Sets of scenarios."""

    @abstractmethod
    async def create(self, params: BenchmarkCreateParams, *, idempotency_key: str | None = None) -> BenchmarkView:
        """Keeps a new benchmark.

        Raises:
            InvalidRequest: A field is not valid, or a scenario is not there.
        """

    @abstractmethod
    async def retrieve(self, benchmark_id: str) -> BenchmarkView:
        """One benchmark.

        Raises:
            NotFound: There is none with this id.
        """

    @abstractmethod
    async def update(self, benchmark_id: str, params: BenchmarkUpdateParams) -> BenchmarkView:
        """Replaces parts of a benchmark; runs that have started keep their scenarios.

        Raises:
            NotFound: There is none with this id.
            InvalidRequest: A field is not valid, or a scenario is not there.
        """

    @abstractmethod
    async def update_scenarios(self, benchmark_id: str, params: BenchmarkScenariosParams) -> BenchmarkView:
        """Adds scenarios and takes others out; what is there already, or is not, stays so.

        Raises:
            NotFound: There is none with this id.
            InvalidRequest: A scenario is not there.
        """

    @abstractmethod
    async def list(self, params: BenchmarkListParams) -> Page[BenchmarkView]:
        """One page of benchmarks, newest first.

        Raises:
            InvalidRequest: `starting_after` names no benchmark.
        """

    @abstractmethod
    async def archive(self, benchmark_id: str) -> BenchmarkView:
        """Takes a benchmark out of lists; it can't be started any more, and its runs stay.

        Raises:
            NotFound: There is none with this id.
        """

    @abstractmethod
    async def unarchive(self, benchmark_id: str) -> BenchmarkView:
        """Makes an archived benchmark one that can be started again.

        Raises:
            NotFound: There is none with this id.
        """

    @abstractmethod
    async def definitions(self, benchmark_id: str, params: PageParams) -> Page[ScenarioView]:
        """One page of a benchmark's scenarios, in its order.

        Raises:
            NotFound: There is none with this id.
            InvalidRequest: `starting_after` names none of its scenarios.
        """

    @abstractmethod
    async def start_run(
        self,
        params: BenchmarkStartRunParams,
        *,
        principal: Principal = LOCAL_OPERATOR,
        idempotency_key: str | None = None,
    ) -> BenchmarkRunView:
        """Starts a run, `running`. Runs of scenarios that name it as their `benchmark_run_id` are its own.

        Raises:
            NotFound: There is none with this id.
            InvalidRequest: Something that the benchmark requires is missing, or the key was used for other arguments.
            InvalidState: The benchmark is archived.
        """


class BenchmarkRuns(ABC):
    """Runs of benchmarks."""

    @abstractmethod
    async def retrieve(self, run_id: str) -> BenchmarkRunView:
        """One run.

        Raises:
            NotFound: There is none with this id.
        """

    @abstractmethod
    async def list(self, params: BenchmarkRunListParams) -> Page[BenchmarkRunView]:
        """One page of runs, newest first.

        Raises:
            InvalidRequest: `starting_after` names no run, or `state` is none.
        """

    @abstractmethod
    async def scenario_runs(
        self, run_id: str, params: PageParams, *, state: str | None = None
    ) -> Page[ScenarioRunView]:
        """One page of the runs of its scenarios, newest first.

        Raises:
            NotFound: There is none with this id.
            InvalidRequest: `starting_after` names no run, or `state` is none.
        """

    @abstractmethod
    async def complete(self, run_id: str) -> BenchmarkRunView:
        """Ends a run with its score: the mean of the scores of its scenarios' runs; one without a score counts 0.

        Raises:
            NotFound: There is none with this id.
            InvalidState: A run of a scenario is neither scored nor ended, or this one was canceled.
            Conflict: A run of a scenario is still scoring.
        """

    @abstractmethod
    async def cancel(self, run_id: str) -> BenchmarkRunView:
        """Ends a run without a score, and cancels those of its scenarios that are running.

        Raises:
            NotFound: There is none with this id.
            InvalidState: It is completed.
            Conflict: It is canceled, and a run of a scenario could not be: another server holds its devbox.
        """

    @abstractmethod
    async def download_logs(self, run_id: str, target: Path) -> int:
        """Writes the logs of its scenarios' runs to a file, as a zip archive with a folder for each.

        Returns:
            How many bytes the archive has.

        Raises:
            NotFound: There is none with this id.
            InvalidRequest: The file can't be written.
        """


class BenchmarkJobs(ABC):
    """Agents that are set to solve scenarios."""

    @abstractmethod
    async def create(
        self,
        params: BenchmarkJobCreateParams,
        *,
        principal: Principal = LOCAL_OPERATOR,
        idempotency_key: str | None = None,
    ) -> BenchmarkJobView:
        """Begins a job: for each agent a run of a benchmark, and in it a run of each scenario for each attempt.

        Raises:
            InvalidRequest: A field is not valid, a scenario, benchmark or agent is not there, or this kind of job is
                not carried out here.
        """

    @abstractmethod
    async def retrieve(self, job_id: str) -> BenchmarkJobView:
        """One job.

        Raises:
            NotFound: There is none with this id.
        """

    @abstractmethod
    async def list(self, params: BenchmarkJobListParams) -> Page[BenchmarkJobView]:
        """One page of jobs, newest first.

        Raises:
            InvalidRequest: `starting_after` names no job.
        """
