"""The cloud backend: a `Backend` whose scenarios, runs, scores and devboxes another server keeps."""

from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import anyio
from pydantic import SecretStr

from runloop_mcp.api.backend import Backend
from runloop_mcp.client.retries import RetryPolicy
from runloop_mcp.client.runloop_client import RunloopClient
from runloop_mcp.client.wire import Deadlines
from runloop_mcp.cloud.agents import CloudAccounts, CloudAgents, CloudObjects
from runloop_mcp.cloud.benchmarks import CloudBenchmarkJobs, CloudBenchmarkRuns, CloudBenchmarks
from runloop_mcp.cloud.capability import ScenarioCapability
from runloop_mcp.cloud.context import CloudContext
from runloop_mcp.cloud.devboxes import CloudDevboxes
from runloop_mcp.cloud.environments import CloudBlueprints, CloudSnapshots
from runloop_mcp.cloud.masking import Known
from runloop_mcp.cloud.places import Places
from runloop_mcp.cloud.run_details import RunDetailsSource
from runloop_mcp.cloud.runs import CloudRuns
from runloop_mcp.cloud.scenarios import CloudScenarios
from runloop_mcp.cloud.scorers import CloudScorers
from runloop_mcp.cloud.secrets import CloudSecrets
from runloop_mcp.cloud.sightings import Sightings
from runloop_mcp.cloud.trace import LocalTrace


class CloudBackend(Backend):
    """Runloop's cloud, or any server that speaks its API.

    Args:
        state: Where the records of runs are kept on this machine.
        base_url: Where the API is.
        key: What it is used with; None for a server that wants none.
        policy: How hard requests are tried.
        deadlines: How long they may take.

    Raises:
        InvalidRequest: The address is none.
    """

    paid_devboxes = True
    waits_cost_requests = True

    def __init__(
        self,
        state: Path,
        base_url: str,
        key: SecretStr | None,
        *,
        policy: RetryPolicy | None = None,
        deadlines: Deadlines | None = None,
    ) -> None:
        self._client = RunloopClient(base_url, key, policy=policy, deadlines=deadlines)
        known = Known()
        if key is not None:
            known.learn("RUNLOOP_API_KEY", key)
        folder = state / "cloud"
        places = Places(self._client)
        trace = LocalTrace(folder / "traces", self._client, known)
        self._cloud = CloudContext(self._client, ScenarioCapability(self._client), places, Sightings(trace), known)
        details = RunDetailsSource(folder / "runs", self._client, places)
        self.devboxes: CloudDevboxes = CloudDevboxes(self._cloud)
        self.scenarios = CloudScenarios(self._cloud, details)
        self.runs = CloudRuns(self._cloud, details)
        self.scorers = CloudScorers(self._cloud)
        self.snapshots = CloudSnapshots(self._client)
        self.blueprints = CloudBlueprints(self._client)
        self.secrets = CloudSecrets(self._client, known)
        self.benchmarks = CloudBenchmarks(self._cloud)
        self.benchmark_runs = CloudBenchmarkRuns(self._cloud, details)
        self.benchmark_jobs = CloudBenchmarkJobs(self._cloud)
        self.agents = CloudAgents(self._client)
        self.objects = CloudObjects(self._client)
        self.accounts = CloudAccounts(self._client)
        self.trace = trace
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._client)
            tasks = await stack.enter_async_context(anyio.create_task_group())
            stack.callback(tasks.cancel_scope.cancel)
            tasks.start_soon(self._cloud.scenarios.probe)
            self.devboxes.tasks = tasks
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)
