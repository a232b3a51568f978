"""The object-oriented way through runs: scored and completed step by step, scored at once, and given up."""

import sys
import zipfile
from pathlib import Path

from told import lacks, sdk, tell

runloop = sdk()
tag, logs = sys.argv[1], Path(sys.argv[2])
told = {}
scenario = (
    runloop.scenario.builder(f"objects-{tag}")
    .with_problem_statement("Write done to out.txt.")
    .with_working_directory("/home/user/work")
    .add_shell_command_scorer("is_done", command="grep -qx done out.txt", weight=3.0)
    .add_bash_script_scorer("always_half", bash_script="echo score=0.5", weight=1.0)
    .with_metadata({"suite": tag})
    .with_reference_output("echo done > out.txt")
    .push()
)
weights = [each.weight for each in scenario.get_info().scoring_contract.scoring_function_parameters]
told["weights"] = weights

# Step by step
run = scenario.run(run_name="steps")
out, err = [], []
result = run.devbox.cmd.exec(
    "cd work; for i in 1 2 3; do echo out $i; echo err $i >&2; sleep 0.05; done; echo done > out.txt; exit 5",
    stdout=out.append,
    stderr=err.append,
)
told["exec"] = [result.exit_code, result.stdout(), result.stderr()]
told["callbacks"] = ["".join(line if line.endswith("\n") else line + "\n" for line in lines) for lines in (out, err)]
both = []
told["output callback"] = (
    run.devbox.cmd.exec("echo both; echo both >&2", output=both.append).exit_code,
    sorted("".join(both).split()),
)
background = run.devbox.cmd.exec_async("echo first; sleep 0.2; echo last", stdout=out.append)
told["async"] = [background.result().stdout(), background.get_state().status]
told["long output"] = len(run.devbox.cmd.exec("seq 1 5000").stdout().splitlines())
told["not scored yet"] = [run.get_score() is None, run.get_info().state]
told["ready"] = run.await_env_ready().state
told["score"] = run.score().state in ("scoring", "scored")
told["scored"] = run.await_scored().state
told["result"] = run.get_score().score
told["completed"] = run.complete().state
run.download_logs(logs)
told["logs"] = zipfile.is_zipfile(logs)

# At once
quick = scenario.run_async()
told["env ready"] = quick.await_env_ready().state
quick.devbox.cmd.exec("echo done > work/out.txt")
at_once = quick.score_and_await()
told["score and await"] = [at_once.state, at_once.scoring_contract_result.score]
last = scenario.run()
finished = last.score_and_complete()
told["score and complete"] = [finished.state, finished.scoring_contract_result.score]
told["devbox after"] = last.devbox.get_info().status

# Given up
given_up = scenario.run()
told["cancel"] = given_up.cancel().state
told["devbox given up"] = given_up.devbox.get_info().status
told["missing"] = lacks(runloop, "scenario.builder", "agent", "benchmark", "secret")
tell(**told)
