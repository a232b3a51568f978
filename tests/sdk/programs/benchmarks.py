"""Benchmarks, their runs and jobs."""

import sys

import httpx
from told import client, eventually, tell

api = client()
tag = sys.argv[1]
told = {}


def scenario(name: str, score: str) -> str:
    """A scenario that always has this score."""
    scorer = {"type": "bash_script_scorer", "bash_script": f"echo {score}"}
    return api.scenarios.create(
        name=f"{name}-{tag}",
        input_context={"problem_statement": "Nothing to do."},
        scoring_contract={"scoring_function_parameters": [{"name": "is", "weight": 1.0, "scorer": scorer}]},
    ).id


first, second, third = scenario("first", "1.0"), scenario("second", "0.5"), scenario("third", "0.0")
benchmark = api.benchmarks.create(
    name=f"benchmark-{tag}", scenario_ids=[first, second], description="Two of them.", metadata={"suite": tag}
)
told["benchmark"] = [benchmark.name, sorted(benchmark.scenario_ids) == sorted([first, second]), benchmark.status]
told["updated"] = api.benchmarks.update(benchmark.id, description="Two.").description
changed = api.benchmarks.update_scenarios(benchmark.id, scenarios_to_add=[third], scenarios_to_remove=[second])
told["changed"] = sorted(changed.scenario_ids) == sorted([first, third])
told["changed back"] = len(api.benchmarks.update_scenarios(benchmark.id, scenarios_to_add=[second]).scenario_ids)
api.benchmarks.update_scenarios(benchmark.id, scenarios_to_remove=[third])
definitions = api.benchmarks.definitions(benchmark.id, limit=1)
told["definitions"] = [len(definitions.scenarios), definitions.has_more]
told["listed"] = benchmark.id in [each.id for each in api.benchmarks.list(limit=1)]
told["retrieved"] = api.benchmarks.retrieve(benchmark.id).id == benchmark.id
told["public"] = [each.id for each in api.benchmarks.list_public()]
told["of the benchmark"] = sorted(each.id for each in api.scenarios.list(benchmark_id=benchmark.id)) == sorted(
    [first, second]
)

# A run of it
run = api.benchmarks.start_run(benchmark_id=benchmark.id, run_name="once", metadata={"by": "sdk"})
told["run"] = [run.state, run.name, run.benchmark_id == benchmark.id]
for each in (first, second):
    part = api.scenarios.start_run(scenario_id=each, benchmark_run_id=run.id)
    api.scenarios.runs.score_and_complete(part.id)
parts = list(api.benchmark_runs.list_scenario_runs(run.id, limit=1))
told["parts"] = sorted(part.scoring_contract_result.score for part in parts)
completed = api.benchmark_runs.complete(run.id)
told["completed"] = [completed.state, completed.score]
told["runs"] = [each.id for each in api.benchmark_runs.list(benchmark_id=benchmark.id)] == [run.id]
told["run again"] = api.benchmark_runs.retrieve(run.id).state
other = api.benchmarks.start_run(benchmark_id=benchmark.id)
part = api.scenarios.start_run(scenario_id=first, benchmark_run_id=other.id)
told["canceled"] = api.benchmark_runs.cancel(other.id).state
told["its part"] = eventually(lambda: api.scenarios.runs.retrieve(part.id).state == "canceled")

# A job: an agent that is an object, set on both scenarios
made = api.objects.create(name=f"solver-{tag}", content_type="text")
httpx.put(made.upload_url, content=b"#!/bin/sh\ntouch solved\n").raise_for_status()
api.objects.complete(made.id)
source = {"type": "object", "object": {"object_id": made.id}}
agent = api.agents.create(name=f"solver-{tag}", version="1.0.0", source=source)
job = api.benchmark_jobs.create(
    name=tag,
    spec={
        "type": "benchmark",
        "benchmark_id": benchmark.id,
        "agent_configs": [{"type": "job_agent", "name": agent.name, "agent_id": agent.id, "model_name": "m"}],
        "orchestrator_config": {"n_attempts": 1, "n_concurrent_trials": 2},
    },
)
eventually(lambda: api.benchmark_jobs.retrieve(job.id).state == "completed")
outcome = api.benchmark_jobs.retrieve(job.id).benchmark_outcomes[0]
told["job"] = [outcome.n_completed, outcome.average_score, [each.state for each in outcome.scenario_outcomes]]
told["solved"] = {each.failure_reason is None for each in outcome.scenario_outcomes} == {True}
told["jobs"] = job.id in [each.id for each in api.benchmark_jobs.list(limit=5).jobs]
tell(**told)
