"""The published example, end to end: a failing test on a devbox becomes a scenario, and a run of it is solved."""

from told import client, tell

api = client()
devbox = api.devboxes.create_and_await_running(name="author")
api.devboxes.write_file_contents(
    devbox.id, file_path="project/calculator.py", contents="def add(a, b):\n    return a - b\n"
)
api.devboxes.write_file_contents(
    devbox.id,
    file_path="project/test_calculator.py",
    contents="from calculator import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n",
)
fails = api.devboxes.execute_and_await_completion(devbox.id, command="cd project && python -m pytest -q")
snapshot = api.devboxes.snapshot_disk(devbox.id, name="a failing test")
api.devboxes.shutdown(devbox.id)

scenario = api.scenarios.create(
    name="Fix the calculator",
    input_context={"problem_statement": "The test of the calculator fails. Mend the calculator."},
    scoring_contract={
        "scoring_function_parameters": [
            {
                "name": "tests_pass",
                "weight": 1.0,
                "scorer": {
                    "type": "bash_script_scorer",
                    "bash_script": "cd ~/project && python -m pytest -q && echo 1.0 || echo 0.0",
                },
            }
        ]
    },
    environment_parameters={"snapshot_id": snapshot.id},
    reference_output="sed -i 's/a - b/a + b/' ~/project/calculator.py",
)

scenario_run = api.scenarios.start_run_and_await_env_ready(scenario_id=scenario.id, run_name="solved")
# The example reads scenario_run.scenario.input_context.problem_statement: with SDK 1.4.0 `scenario` is a plain dict.
shown = scenario_run.scenario
problem = (shown if isinstance(shown, dict) else shown.model_dump())["input_context"]["problem_statement"]
before = api.devboxes.execute_and_await_completion(scenario_run.devbox_id, command="cd project && python -m pytest -q")
api.devboxes.write_file_contents(
    scenario_run.devbox_id, file_path="project/calculator.py", contents="def add(a, b):\n    return a + b\n"
)
result = api.scenarios.runs.score(scenario_run.id)
while result.state != "scored":
    result = api.scenarios.runs.await_scored(scenario_run.id)
completed = api.scenarios.runs.complete(scenario_run.id)
tell(
    fails=[fails.exit_status, "assert" in fails.stdout],
    problem=problem,
    before=before.exit_status,
    score=result.score,
    contract=result.scoring_contract_result.score,
    completed=completed.state,
)
