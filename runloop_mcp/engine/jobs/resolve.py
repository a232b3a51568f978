"""From the description of a job to what it is carried out with."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from sqlite3 import Connection
from typing import Any

from runloop_mcp.api.errors import InvalidRequest, NotFound
from runloop_mcp.api.models.agent import AgentView
from runloop_mcp.api.models.benchmark import BenchmarkStatus
from runloop_mcp.api.models.benchmark_job import (
    BenchmarkJobCreateParams,
    BenchmarkJobSpec,
    HarborJobSpec,
    JobAgent,
    Orchestrator,
)
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.jobs.trial import command_of
from runloop_mcp.engine.store import agents, benchmarks
from runloop_mcp.engine.store.benchmarks import BenchmarkRow


@dataclass(frozen=True, slots=True)
class ResolvedAgent:
    """An agent of a job."""

    config: JobAgent
    mounted: str | None
    """The id of the agent that its devboxes get; None where its command needs none."""


@dataclass(slots=True)
class Resolved:
    """What a job is carried out with."""

    name: str
    source: dict[str, Any]
    agents: list[ResolvedAgent]
    orchestrator: Orchestrator | None
    scenarios: dict[str, str] = field(default_factory=dict)
    """Id of a scenario → its name, in order."""
    benchmark_id: str | None = None
    required_environment_variables: list[str] | None = None
    required_secret_names: list[str] | None = None


async def resolve(engine: EngineContext, params: BenchmarkJobCreateParams) -> Resolved:
    """Finds what a job names.

    Raises:
        InvalidRequest: Something is not there or not valid, or this kind of job is not carried out here.
    """
    spec = params.spec
    if spec is None:
        raise InvalidRequest("spec is missing.", hint="Describe a job over scenarios or over a benchmark.")
    if isinstance(spec, HarborJobSpec):
        raise InvalidRequest(
            "spec.type 'harbor' is not carried out here.",
            hint="Describe the job with spec.type 'benchmark' or 'scenarios'.",
        )
    if params.name is not None and not params.name.strip():
        raise InvalidRequest("The name of a job can't be blank.", hint="Give it one, or leave it out.")
    if not spec.agent_configs:
        raise InvalidRequest("spec.agent_configs names no agent.", hint="Name at least one.")
    configs = spec.agent_configs
    found = await engine.database.read(lambda connection: [_agent(connection, config) for config in configs])
    if isinstance(spec, BenchmarkJobSpec):
        benchmark_id = spec.benchmark_id
        benchmark = await engine.database.read(lambda connection: _benchmark(connection, benchmark_id))
        scenario_ids = benchmark.scenario_ids
        resolved = Resolved(
            name=benchmark.name,
            source={"type": "benchmark", "benchmark_id": benchmark.id, "benchmark_name": benchmark.name},
            agents=found,
            orchestrator=spec.orchestrator_config,
            benchmark_id=benchmark.id,
            required_environment_variables=benchmark.data.required_environment_variables,
            required_secret_names=benchmark.data.required_secret_names,
        )
    else:
        scenario_ids = list(dict.fromkeys(spec.scenario_ids))
        resolved = Resolved(
            name=f"{len(scenario_ids)} scenarios" if len(scenario_ids) != 1 else "1 scenario",
            source={"type": "scenarios", "scenario_ids": scenario_ids},
            agents=found,
            orchestrator=spec.orchestrator_config,
        )
    resolved.name = params.name or resolved.name
    resolved.scenarios = await _scenarios(engine, scenario_ids)
    return resolved


def _agent(connection: Connection, config: JobAgent) -> ResolvedAgent:
    agent: AgentView | None
    if config.agent_id is not None:
        try:
            agent = agents.get(connection, config.agent_id)
        except NotFound as error:
            raise InvalidRequest(f"spec.agent_configs: {error.message}", hint=error.hint) from error
    else:
        agent = agents.newest(connection, config.name)
    if not command_of(config).strip() or "\0" in command_of(config):
        raise InvalidRequest(
            f"spec.agent_configs: {config.name!r} has no command that could be run.",
            hint="Give it a name that is a command, or kwargs.command.",
        )
    if agent is None:
        return ResolvedAgent(config, None)
    return ResolvedAgent(config.model_copy(update={"agent_id": agent.id}), agent.id if agent.source else None)


def _benchmark(connection: Connection, benchmark_id: str) -> BenchmarkRow:
    try:
        benchmark = benchmarks.get(connection, benchmark_id)
    except NotFound as error:
        raise InvalidRequest(f"spec.benchmark_id: {error.message}", hint=error.hint) from error
    if benchmark.status is BenchmarkStatus.ARCHIVED:
        raise InvalidRequest(
            f"The benchmark {benchmark.name!r} is archived, so it can't be started.", hint="Unarchive it."
        )
    return benchmark


async def _scenarios(engine: EngineContext, ids: Sequence[str]) -> dict[str, str]:
    if not ids:
        raise InvalidRequest("The job has no scenarios.", hint="Name some, or a benchmark that has some.")
    found = await engine.library.find(ids)
    unknown = [scenario_id for scenario_id in ids if scenario_id not in found]
    if unknown:
        raise InvalidRequest(
            f"There are no scenarios {', '.join(map(repr, unknown))}.",
            hint="Scenario ids begin with scn_; list the scenarios to see those there are.",
        )
    return {scenario_id: found[scenario_id].name for scenario_id in ids}
