"""Whole lifecycles of runs over a wire that breaks, and what became of them."""

import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from fault_proxy import Fault, FaultProxy, proxying
from probed_driver import ProbedDriver
from pydantic import SecretStr
from rest_face import serving_rest

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.models.devbox import DevboxStatus, ExecuteParams
from runloop_mcp.api.models.run import RunListParams, RunState, StartRunParams
from runloop_mcp.api.models.scenario import InputContext, ScenarioCreateParams
from runloop_mcp.api.models.scoring import ScoringContract
from runloop_mcp.client.retries import RetryPolicy
from runloop_mcp.client.wire import Deadlines
from runloop_mcp.cloud.backend import CloudBackend
from runloop_mcp.engine.backend import EmbeddedEngine

CALLS_OF_A_LIFECYCLE = 6
"""Start, wait for the devbox, execute, score, show, complete."""
LONGEST_HOLD = 20.0
"""A wait may ask again after so long."""

_SCORER = """\
lines=$(wc -l < answers)
if [ "$lines" = 1 ]; then cat answers; else echo "executed $lines times"; fi
"""


@dataclass(slots=True)
class Outcome:
    """What became of one lifecycle."""

    run_id: str
    expected: float
    score: float | None
    state: str
    seconds: float


@dataclass(slots=True)
class Summary:
    """What became of all."""

    outcomes: list[Outcome]
    requests: Counter[str]
    injected: Counter[Fault]
    seconds: float
    runs_there: int
    """How many runs the engine itself knows of."""
    wrong_scores: list[str] = field(default_factory=list)
    """Runs whose score is not what the engine itself says, or not what it should be."""

    @property
    def asked(self) -> int:
        """Requests in all, but the one that probes and the one that made the scenario."""
        return sum(self.requests.values()) - 2

    @property
    def most_asked(self) -> float:
        """How many there may be: one for each call, one more for each fault, and one for each 20 s of waiting."""
        waited = sum(outcome.seconds for outcome in self.outcomes) / LONGEST_HOLD
        return CALLS_OF_A_LIFECYCLE * len(self.outcomes) + 2 * sum(self.injected.values()) + waited

    def lines(self) -> list[str]:
        """The summary, for people."""
        faults = ", ".join(f"{count} times {fault}" for fault, count in self.injected.items())
        count, completed = len(self.outcomes), sum(outcome.state == "completed" for outcome in self.outcomes)
        each = self.asked / max(count, 1)
        return [
            f"{count} lifecycles in {self.seconds:.0f} s; {sum(self.injected.values())} faults: {faults}",
            f"runs there: {self.runs_there}; completed: {completed}; wrong scores: {len(self.wrong_scores)}",
            f"requests: {self.asked}, {each:.2f} for each lifecycle ({CALLS_OF_A_LIFECYCLE} without faults)",
            *(f"  {times:6}  {name}" for name, times in self.requests.most_common()),
        ]


async def carry_out(state: Path, *, count: int, at_once: int, every: int = 10, read_seconds: float = 3) -> Summary:
    """Carries out lifecycles side by side through a proxy that breaks every so manieth answer."""
    engine = EmbeddedEngine(state, ProbedDriver(state / "sandbox"))
    deadlines = Deadlines(read=read_seconds, long_read=read_seconds + 2, hold=2)
    policy = RetryPolicy(most_attempts=8, patience_seconds=120, backoff_scale=0.2)
    outcomes: list[Outcome] = []
    began = time.monotonic()
    async with (
        serving_rest(engine) as url,
        proxying(FaultProxy(url, list(Fault), every=every, late_seconds=60)) as proxy,
        CloudBackend(state / "here", proxy.url, SecretStr("key"), policy=policy, deadlines=deadlines) as backend,
    ):
        scenario = await backend.scenarios.create(_scenario())
        limiter = anyio.CapacityLimiter(at_once)

        async def one(number: int) -> None:
            async with limiter:
                outcomes.append(await _lifecycle(backend, scenario.id, number))

        async with anyio.create_task_group() as tasks:
            for number in range(count):
                tasks.start_soon(one, number)
        seconds = time.monotonic() - began
        summary = Summary(outcomes, proxy.requests, proxy.injected, seconds, runs_there=0)
        summary.runs_there = (await engine.runs.list(RunListParams(scenario_id=scenario.id, limit=1))).total_count
        for outcome in outcomes:
            run = await engine.runs.retrieve(outcome.run_id)
            if not run.score == outcome.score == outcome.expected:
                summary.wrong_scores.append(f"{run.id}: {run.score} there, {outcome.score} here, {outcome.expected}")
        return summary


async def _lifecycle(backend: Backend, scenario_id: str, number: int) -> Outcome:
    began = time.monotonic()
    expected = (number % 101) / 100
    run = await backend.scenarios.start_run(StartRunParams(scenario_id=scenario_id), idempotency_key=f"run {number}")
    devbox = await backend.devboxes.wait(run.devbox_id, until={DevboxStatus.RUNNING}, wait_seconds=120)
    assert devbox.status == DevboxStatus.RUNNING, devbox
    await backend.devboxes.execute(run.devbox_id, ExecuteParams(command=f"echo {expected} >> answers"))
    scored = await backend.runs.score(run.id)
    while scored.state == RunState.SCORING:
        scored = await backend.runs.wait(run.id, leaving=[RunState.SCORING], wait_seconds=60)
    shown = await backend.runs.retrieve(run.id)
    ended = await backend.runs.complete(run.id)
    return Outcome(run.id, expected, shown.score, str(ended.state), time.monotonic() - began)


def _scenario() -> ScenarioCreateParams:
    scorer = {"type": "bash_script_scorer", "bash_script": _SCORER}
    functions = {"scoring_function_parameters": [{"name": "answer", "weight": 1.0, "scorer": scorer}]}
    return ScenarioCreateParams(
        name="one answer",
        input_context=InputContext(problem_statement="Write one number into the file answers."),
        scoring_contract=ScoringContract.model_validate(functions),
    )
