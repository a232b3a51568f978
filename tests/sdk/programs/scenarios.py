"""Scenarios with all six types of scorers, their runs, and a custom scorer: made, validated where it can be, used."""

import sys
import zipfile
from pathlib import Path

from runloop_api_client import APIStatusError
from told import client, lacks, tell

api = client()
tag, logs = sys.argv[1], Path(sys.argv[2])
told = {}

# A custom scorer
kind = f"counts_lines_{tag}"
scorer = api.scenarios.scorers.create(
    type=kind,
    bash_script="""
wanted=$(printf %s "$RL_SCORER_CONTEXT" | python3 -c 'import json, sys; print(json.load(sys.stdin)["lines"])')
if [ "$(wc -l < out.txt)" = "$wanted" ]; then echo score=1.0; else echo score=0.25; fi
""",
)
told["scorer"] = [scorer.type == kind, api.scenarios.scorers.retrieve(scorer.id).bash_script == scorer.bash_script]
told["scorer listed"] = scorer.id in [each.id for each in api.scenarios.scorers.list(limit=1)]
told["scorer kept"] = api.scenarios.scorers.update(scorer.id, type=kind, bash_script=scorer.bash_script).id == scorer.id
try:
    api.scenarios.scorers.create(type=kind, bash_script="echo 1.0")
except APIStatusError as error:
    told["scorer twice"] = error.status_code
if not lacks(api, "scenarios.scorers.validate"):
    validated = api.scenarios.scorers.validate(
        scorer.id,
        scoring_context={"lines": 2},
        environment_parameters={
            "working_directory": "/home/user/work",
            "launch_parameters": {"launch_commands": ["mkdir -p ~/work && printf 'a\\nb\\n' > ~/work/out.txt"]},
        },
    )
    result = validated.scoring_result
    told["validated"] = [validated.name, result.score, result.state, validated.scoring_context]

# A scenario
contract = [
    {"name": "command", "weight": 0.2, "scorer": {"type": "command_scorer", "command": "test -f out.txt"}},
    {"name": "bash", "weight": 0.2, "scorer": {"type": "bash_script_scorer", "bash_script": "echo score=0.5"}},
    {
        "name": "python",
        "weight": 0.1,
        "scorer": {
            "type": "python_script_scorer",
            "python_script": "print(float(open('out.txt').read().startswith('one')))",
            "python_version_constraint": ">=3.10",
        },
    },
    {
        "name": "tests",
        "weight": 0.2,
        "scorer": {
            "type": "test_based_scorer",
            "test_command": "sh hidden/check.sh",
            "test_files": [{"file_path": "hidden/check.sh", "file_contents": "grep -q two out.txt\n"}],
        },
    },
    {
        "name": "ast",
        "weight": 0.1,
        "scorer": {
            "type": "ast_grep_scorer",
            "pattern": "def solve($$$): $$$",
            "search_directory": "/home/user/work",
            "lang": "python",
        },
    },
    {
        "name": "custom",
        "weight": 0.2,
        "scorer": {"type": "custom_scorer", "custom_scorer_type": kind, "scorer_params": {"lines": 2}},
    },
]
scenario = api.scenarios.create(
    name=f"sdk-{tag}",
    input_context={
        "problem_statement": "Write one and two to out.txt.",
        "additional_context": {"hint": [1, {"a": None}]},
    },
    scoring_contract={"scoring_function_parameters": contract},
    environment_parameters={
        "working_directory": "/home/user/work",
        "launch_parameters": {"launch_commands": ["mkdir -p ~/work"], "keep_alive_time_seconds": 900},
    },
    metadata={"suite": tag},
    reference_output="printf 'one\\ntwo\\n' > out.txt",
    required_environment_variables=["MODE"],
    validation_type="FORWARD",
)
told["scenario"] = [scenario.name, scenario.status, scenario.input_context.problem_statement, scenario.metadata]
told["types"] = [each.scorer.type for each in scenario.scoring_contract.scoring_function_parameters]
same = api.scenarios.retrieve(scenario.id)
told["same"] = same.model_dump() == scenario.model_dump()
told["updated"] = api.scenarios.update(scenario.id, metadata={"suite": tag, "more": "1"}).metadata
seen = [each.id for each in api.scenarios.list(limit=3)]
told["pages"] = [len(seen) > 6, len(seen) == len(set(seen)), scenario.id in seen]
told["by name"] = [each.id == scenario.id for each in api.scenarios.list(name=scenario.name)]
told["public"] = [each.is_public for each in api.scenarios.list_public(limit=2)][:1]
try:
    api.scenarios.start_run(scenario_id=scenario.id)
except APIStatusError as error:
    told["without its variable"] = [error.status_code, "MODE" in str(error)]
try:
    half = [{"name": "half", "weight": 0.5, "scorer": {"type": "command_scorer", "command": "true"}}]
    api.scenarios.create(
        name="half", input_context={"problem_statement": "x"}, scoring_contract={"scoring_function_parameters": half}
    )
except APIStatusError as error:
    told["half a contract"] = [error.status_code, "0.5" in str(error)]

# A run
run = api.scenarios.start_run_and_await_env_ready(
    scenario_id=scenario.id, run_name="first", metadata={"by": "sdk"}, run_profile={"env_vars": {"MODE": "fast"}}
)
told["run"] = [run.state, run.name, run.metadata, run.scenario_id == scenario.id]
api.devboxes.execute_and_await_completion(
    run.devbox_id,
    command='cd work && printf "one\\ntwo\\n" > out.txt && echo "def solve(a): return a" > a.py; echo "$MODE"',
)
try:
    api.scenarios.runs.complete(run.id)
except APIStatusError as error:
    told["complete before a score"] = error.status_code
scored = api.scenarios.runs.score(run.id)
scored = api.scenarios.runs.await_scored(run.id)
result = scored.scoring_contract_result
told["scores"] = {each.scoring_function_name: [each.score, each.state] for each in result.scoring_function_results}
told["score"] = round(result.score, 6)
told["again"] = api.scenarios.runs.score(run.id).scoring_contract_result.score == result.score
told["completed"] = api.scenarios.runs.complete(run.id).state
told["retrieved"] = [api.scenarios.runs.retrieve(run.id).state, api.devboxes.retrieve(run.devbox_id).status]
api.scenarios.runs.download_logs(run.id).write_to_file(logs)
told["logs"] = zipfile.is_zipfile(logs) and len(zipfile.ZipFile(logs).namelist()) > 0
other = api.scenarios.start_run(scenario_id=scenario.id, run_profile={"env_vars": {"MODE": "slow"}})
told["canceled"] = api.scenarios.runs.cancel(other.id).state
listed = [each.id for each in api.scenarios.runs.list(scenario_id=scenario.id, limit=1)]
told["runs"] = listed == [other.id, run.id]
if not lacks(api, "scenarios.archive"):
    told["archived"] = api.scenarios.archive(scenario.id).status
told["missing"] = lacks(api, "scenarios.scorers.validate", "scenarios.archive")
tell(**told)
