"""A backend as one principal may see it: the runs and scenarios of others do not exist in it.

Everything that a face shows goes through this, so that a tool can't forget it. What is not there and what belongs to
somebody else is answered with the same words: nobody learns which ids exist.
"""

from collections.abc import Collection
from collections.abc import Set as AbstractSet
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from runloop_mcp.api.access import LOCAL_OPERATOR, Principal, Role
from runloop_mcp.api.backend import Backend
from runloop_mcp.api.disclosure import disclosure_of, stricter
from runloop_mcp.api.errors import Forbidden, NotFound
from runloop_mcp.api.groups.runs import Runs
from runloop_mcp.api.groups.scenarios import Scenarios
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.run import VALIDATION, RunListParams, RunState, ScenarioRunView, StartRunParams
from runloop_mcp.api.models.scenario import (
    ScenarioCreateParams,
    ScenarioListParams,
    ScenarioUpdateParams,
    ScenarioView,
)
from runloop_mcp.api.models.trust import RescoreParams, Rescoring
from runloop_mcp.server.visible.benchmarks import VisibleBenchmarkRuns, VisibleBenchmarks

_NO_RUN: Final = "There is no such run among those that you may see."
_REMEMBERED: Final = 10_000
_LOOKED_AT: Final = 500
"""Runs that are looked through at once, where those that are left out stand between others."""
_NO_SCENARIO: Final = "There is no such scenario among those that you may see."


def visible_to(principal: Principal, backend: Backend, *, operates: bool) -> Backend:
    """The backend as a principal may see it.

    Args:
        principal: The principal. The person whose machine this is sees all runs.
        backend: The whole backend.
        operates: Whether it sets tasks, with tools for that. Others don't see the runs that prove scenarios: the
            records of these tell the reference.
    """
    if not principal.is_everyones_operator:
        return _VisibleBackend(principal, backend)
    return backend if operates else _BackendWithoutProofs(principal, backend)


def owns(principal: Principal, run: ScenarioRunView) -> bool:
    """Whether a run is a principal's own: the one that it is bound to, else those that it started.

    For the person whose machine this is, all are, but those that prove scenarios.
    """
    if principal.run_id is not None:
        return run.id == principal.run_id
    if principal.is_everyones_operator:
        return run.purpose != VALIDATION
    return run.x_runloop_mcp is not None and run.x_runloop_mcp.principal == principal.id


class _VisibleBackend(Backend):
    """Every group of the backend as it is, but for runs, scenarios and benchmarks."""

    def __init__(self, principal: Principal, backend: Backend) -> None:
        self._backend = backend
        proofs: set[str] = set()
        self.runs: Runs = _VisibleRuns(principal, backend.runs, proofs)
        started: set[str] = set()
        self.benchmarks = VisibleBenchmarks(principal, backend.benchmarks, started)
        self.benchmark_runs = VisibleBenchmarkRuns(principal, backend.benchmark_runs, started)
        self.scenarios = _VisibleScenarios(principal, backend.scenarios, backend.runs, self.benchmark_runs, proofs)

    @property
    def waits_cost_requests(self) -> bool:  # type: ignore[override]  # a late backend knows it late
        return self._backend.waits_cost_requests

    @property
    def paid_devboxes(self) -> bool:  # type: ignore[override]  # as above
        return self._backend.paid_devboxes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    async def __aenter__(self) -> Self:
        """Refused: the backend has an owner."""
        raise RuntimeError("A view of a backend is not opened; the backend is.")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class _BackendWithoutProofs(_VisibleBackend):
    """Everything as it is, but for the runs that prove scenarios."""

    def __init__(self, principal: Principal, backend: Backend) -> None:
        self._backend = backend
        self.runs = _RunsWithoutProofs(principal, backend.runs, frozenset())


class _VisibleRuns(Runs):
    """A principal's own runs, with no more of their scores than it is to learn."""

    def __init__(self, principal: Principal, runs: Runs, proofs: AbstractSet[str]) -> None:
        self._principal = principal
        self._runs = runs
        self._proofs = proofs
        """Runs that were started here to prove a scenario: of a principal of their own, and worked on from here."""
        self._own: set[str] = set()
        """Runs that were found to be its own, as they are for ever."""

    async def retrieve(self, run_id: str) -> ScenarioRunView:
        """See `Runs.retrieve`."""
        try:
            run = await self._runs.retrieve(run_id)
        except NotFound:
            raise NotFound(_NO_RUN) from None
        if not owns(self._principal, run) and run.id not in self._proofs:
            raise NotFound(_NO_RUN)
        if len(self._own) >= _REMEMBERED:
            self._own.clear()
        self._own.add(run.id)
        return self._lowered(run)

    async def _check(self, run_id: str) -> None:
        if run_id not in self._own:
            await self.retrieve(run_id)

    async def list(self, params: RunListParams, *, principal: Principal | None = None) -> Page[ScenarioRunView]:
        """See `Runs.list`."""
        del principal  # it is always the one whose view this is
        if self._principal.run_id is not None:
            run = await self.retrieve(self._principal.run_id)
            return Page[ScenarioRunView](items=[run], has_more=False, total_count=1)
        if params.starting_after is not None:
            await self.retrieve(params.starting_after)
        page = await self._runs.list(params, principal=self._principal)
        return page.model_copy(update={"items": [self._lowered(run) for run in page.items]})

    async def score(
        self,
        run_id: str,
        *,
        wait_seconds: float = 20,
        principal: Principal = LOCAL_OPERATOR,
        idempotency_key: str | None = None,
    ) -> ScenarioRunView:
        """See `Runs.score`."""
        await self._check(run_id)
        return self._lowered(
            await self._runs.score(
                run_id, wait_seconds=wait_seconds, principal=principal, idempotency_key=idempotency_key
            )
        )

    async def rescore(self, run_id: str, params: RescoreParams, *, principal: Principal = LOCAL_OPERATOR) -> Rescoring:
        """See `Runs.rescore`."""
        await self._check(run_id)
        return await self._runs.rescore(run_id, params, principal=principal)

    async def complete(
        self,
        run_id: str,
        *,
        wait_seconds: float = 20,
        principal: Principal = LOCAL_OPERATOR,
        idempotency_key: str | None = None,
    ) -> ScenarioRunView:
        """See `Runs.complete`."""
        await self._check(run_id)
        return self._lowered(
            await self._runs.complete(
                run_id, wait_seconds=wait_seconds, principal=principal, idempotency_key=idempotency_key
            )
        )

    async def cancel(self, run_id: str) -> ScenarioRunView:
        """See `Runs.cancel`."""
        await self._check(run_id)
        return self._lowered(await self._runs.cancel(run_id))

    async def wait(self, run_id: str, *, leaving: Collection[RunState], wait_seconds: float) -> ScenarioRunView:
        """See `Runs.wait`."""
        await self._check(run_id)
        return self._lowered(await self._runs.wait(run_id, leaving=leaving, wait_seconds=wait_seconds))

    async def download_logs(self, run_id: str, target: Path) -> int:
        """See `Runs.download_logs`."""
        await self._check(run_id)
        return await self._runs.download_logs(run_id, target)

    def _lowered(self, run: ScenarioRunView) -> ScenarioRunView:
        """The run with its disclosure, where the principal's is stricter."""
        most, details = self._principal.disclosure, run.x_runloop_mcp
        if most is None or details is None:
            return run
        lowered = details.model_copy(update={"disclosure": stricter(details.disclosure, most)})
        return run.model_copy(update={"x_runloop_mcp": lowered})


class _RunsWithoutProofs(_VisibleRuns):
    """The runs of everybody, but those that prove scenarios."""

    async def list(self, params: RunListParams, *, principal: Principal | None = None) -> Page[ScenarioRunView]:
        """See `Runs.list`. How many there are in all is exact where all were looked at."""
        wanted, found, proofs = params, list[ScenarioRunView](), 0
        while True:
            page = await self._runs.list(wanted, principal=principal)
            own = [run for run in page.items if owns(self._principal, run)]
            found += own
            proofs += len(page.items) - len(own)
            if len(found) >= params.limit or not page.has_more or not page.items:
                break
            wanted = wanted.model_copy(update={"starting_after": page.items[-1].id, "limit": _LOOKED_AT})
        more = page.has_more or len(found) > params.limit
        return Page[ScenarioRunView](items=found[: params.limit], has_more=more, total_count=page.total_count - proofs)


class _VisibleScenarios(Scenarios):
    """All scenarios, or that of the run which the principal is bound to; solvers change and make none."""

    def __init__(
        self,
        principal: Principal,
        scenarios: Scenarios,
        runs: Runs,
        benchmark_runs: VisibleBenchmarkRuns,
        proofs: set[str],
    ) -> None:
        self._principal = principal
        self._scenarios = scenarios
        self._runs = runs
        self._benchmark_runs = benchmark_runs
        self._proofs = proofs

    async def retrieve(self, scenario_id: str) -> ScenarioView:
        """See `Scenarios.retrieve`."""
        if self._principal.run_id is not None:
            own = await self._own(self._principal.run_id)
            if scenario_id != own.id:
                raise NotFound(_NO_SCENARIO, hint=f"Yours is {own.id} ({own.name}).")
            return own
        return self._lowered(await self._scenarios.retrieve(scenario_id))

    async def list(self, params: ScenarioListParams) -> Page[ScenarioView]:
        """See `Scenarios.list`. Who is bound to a run gets its scenario, whatever is looked for."""
        if self._principal.run_id is not None:
            own = await self._own(self._principal.run_id)
            return Page[ScenarioView](items=[own], has_more=False, total_count=1)
        page = await self._scenarios.list(params)
        return page.model_copy(update={"items": [self._lowered(scenario) for scenario in page.items]})

    async def start_run(
        self, params: StartRunParams, *, principal: Principal = LOCAL_OPERATOR, idempotency_key: str | None = None
    ) -> ScenarioRunView:
        """See `Scenarios.start_run`."""
        if (own := self._principal.run_id) is not None:
            raise Forbidden(f"You are bound to the run {own} and can't start another.", hint="Go on with get_run.")
        if params.benchmark_run_id is not None:
            await self._benchmark_runs.retrieve(params.benchmark_run_id)
        run = await self._scenarios.start_run(params, principal=principal, idempotency_key=idempotency_key)
        if run.purpose == VALIDATION:
            self._proofs.add(run.id)
        return run

    async def create(self, params: ScenarioCreateParams, *, idempotency_key: str | None = None) -> ScenarioView:
        """See `Scenarios.create`."""
        self._refuse_solvers()
        return await self._scenarios.create(params, idempotency_key=idempotency_key)

    async def update(self, scenario_id: str, params: ScenarioUpdateParams) -> ScenarioView:
        """See `Scenarios.update`."""
        self._refuse_solvers()
        return await self._scenarios.update(scenario_id, params)

    async def archive(self, scenario_id: str) -> ScenarioView:
        """See `Scenarios.archive`."""
        self._refuse_solvers()
        return await self._scenarios.archive(scenario_id)

    async def unarchive(self, scenario_id: str) -> ScenarioView:
        """See `Scenarios.unarchive`."""
        self._refuse_solvers()
        return await self._scenarios.unarchive(scenario_id)

    async def _own(self, run_id: str) -> ScenarioView:
        """The scenario of the run that the principal is bound to."""
        run = await self._runs.retrieve(run_id)
        return self._lowered(await self._scenarios.retrieve(run.scenario_id))

    def _lowered(self, scenario: ScenarioView) -> ScenarioView:
        """The scenario with its disclosure, where the principal's is stricter."""
        if (most := self._principal.disclosure) is None:
            return scenario
        lowered = stricter(disclosure_of(scenario), most)
        return scenario.model_copy(update={"metadata": {**scenario.metadata, "disclosure": lowered}})

    def _refuse_solvers(self) -> None:
        if self._principal.role is not Role.OPERATOR:
            raise Forbidden("Scenarios are an operator's to make and change.", hint="get_run shows your run.")
