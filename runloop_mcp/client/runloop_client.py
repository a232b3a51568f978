"""The client of the Runloop API: one connection, and its calls in groups."""

from types import TracebackType
from typing import Self

from pydantic import SecretStr

from runloop_mcp.client.agents import AccountCalls, AgentCalls, ObjectCalls
from runloop_mcp.client.benchmarks import BenchmarkCalls, BenchmarkJobCalls, BenchmarkRunCalls
from runloop_mcp.client.blueprints import BlueprintCalls
from runloop_mcp.client.devboxes import DevboxCalls
from runloop_mcp.client.executions import ExecutionCalls
from runloop_mcp.client.retries import RetryPolicy
from runloop_mcp.client.runs import RunCalls
from runloop_mcp.client.scenarios import ScenarioCalls
from runloop_mcp.client.scorers import ScorerCalls
from runloop_mcp.client.secrets import SecretCalls
from runloop_mcp.client.snapshots import SnapshotCalls
from runloop_mcp.client.wire import Deadlines, Wire


class RunloopClient:
    """Everything that can be asked of the API. Enter it before use; whoever enters it leaves it.

    Requests are sent again, with the same request id, until they are answered or that makes no sense any more; nothing
    is carried out twice for that. Errors are those of `runloop_mcp.api.errors`, and hold no key.

    Args:
        base_url: Where the API is, such as `https://api.runloop.ai`.
        key: What it is used with; None for a server that wants none.
        policy: How hard requests are tried.
        deadlines: How long they may take.

    Raises:
        InvalidRequest: The address is none.
    """

    def __init__(
        self,
        base_url: str,
        key: SecretStr | None,
        *,
        policy: RetryPolicy | None = None,
        deadlines: Deadlines | None = None,
    ) -> None:
        self.wire = Wire(base_url, key, policy=policy, deadlines=deadlines)
        self.devboxes = DevboxCalls(self.wire)
        self.executions = ExecutionCalls(self.wire)
        self.snapshots = SnapshotCalls(self.wire)
        self.blueprints = BlueprintCalls(self.wire)
        self.scenarios = ScenarioCalls(self.wire)
        self.runs = RunCalls(self.wire)
        self.scorers = ScorerCalls(self.wire)
        self.secrets = SecretCalls(self.wire)
        self.benchmarks = BenchmarkCalls(self.wire)
        self.benchmark_runs = BenchmarkRunCalls(self.wire)
        self.benchmark_jobs = BenchmarkJobCalls(self.wire)
        self.agents = AgentCalls(self.wire)
        self.objects = ObjectCalls(self.wire)
        self.accounts = AccountCalls(self.wire)

    async def __aenter__(self) -> Self:
        await self.wire.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.wire.__aexit__(kind, error, trace)
