"""A way through every tool, toolset by toolset, for clients that call one at a time and get text."""

import re
from collections.abc import Callable
from secrets import token_hex
from typing import Any

Call = Callable[..., str]
"""Calls a tool, which must succeed, and gives its text."""

_RIGHT = [{"name": "right", "weight": 1, "scorer": {"type": "command_scorer", "command": "grep -qx 42 answer.txt"}}]


def found(pattern: str, text: str) -> str:
    """What a pattern finds."""
    match = re.search(pattern, text)
    assert match, f"{pattern} is not in: {text}"
    return match[0]


def solve(call: Call) -> dict[str, str]:
    """The tools of `core`: one run that is given up, and one that is scored. Gives what was met on the way."""
    scenario_id = found(r"scn_\w+", call("list_scenarios", query="right-answer"))
    assert "42" in call("get_scenario", scenario_id=scenario_id)
    call("cancel_run", run_id=found(r"scr_\w+", call("start_run", scenario_id=scenario_id)))
    run_id = found(r"scr_\w+", call("start_run", scenario_id=scenario_id))
    assert "running" in call("get_run", run_id=run_id)
    assert run_id in call("list_runs")
    execution_id = found(r"exe_\w+", call("exec_on_devbox", run_id=run_id, command="echo ünder way; exit 3"))
    assert "ünder way" in call("get_execution", run_id=run_id, execution_id=execution_id)
    call("write_file", run_id=run_id, path="answer.txt", content="41\n")
    call("edit_file", run_id=run_id, path="answer.txt", old_string="41", new_string="42")
    assert "42" in call("read_file", run_id=run_id, path="answer.txt")
    assert "1.0" in call("score_run", run_id=run_id)
    assert "1.0" in call("get_score", run_id=run_id)
    assert "ompleted" in call("complete_run", run_id=run_id)
    return {"scenario_id": scenario_id, "run_id": run_id, "execution_id": execution_id}


def author(call: Call) -> None:
    """The tools of `author`: from a devbox to a scenario that is proven."""
    mine = f"mine-{token_hex(4)}"
    devbox_id = found(r"dbx_\w+", call("create_devbox", name=mine))
    snapshot_id = found(r"snp_\w+", call("snapshot_devbox", devbox_id=devbox_id, name="ready"))
    assert snapshot_id in call("list_snapshots", devbox_id=devbox_id)
    blueprint_id = found(r"bpt_\w+", call("create_blueprint", name=mine))
    assert blueprint_id in call("get_blueprint", blueprint_id=blueprint_id)
    assert blueprint_id in call("list_blueprints")
    scorer_id = found(r"scs_\w+", call("create_scorer", type=mine, bash_script="echo 0.4"))
    call("update_scorer", scorer_id=scorer_id, bash_script="echo 0.5")
    assert "0.5" in call("get_scorer", scorer_id=scorer_id)
    assert scorer_id in call("list_scorers")
    assert "0.5" in call("validate_scorer", scorer_id=scorer_id)
    scenario_id = found(
        r"scn_\w+", call("create_scenario", name=mine, problem_statement="Answer.", scoring_functions=_RIGHT)
    )
    call("update_scenario", scenario_id=scenario_id, reference_output="echo 42 > answer.txt")
    assert "echo 42" in call("get_scenario_definition", scenario_id=scenario_id)
    proof = {"scenario_id": scenario_id, "cheats": False, "repeat": 1}
    while "same arguments" in (said := call("validate_scenario", **proof)):
        pass
    assert "valid" in said
    call("archive_scenario", scenario_id=scenario_id)
    call("shutdown_devbox", devbox_id=devbox_id)
    call("delete_snapshot", snapshot_id=snapshot_id, ask=False)
    call("delete_blueprint", blueprint_id=blueprint_id)


def measure(call: Call, scenario_id: str) -> dict[str, str]:
    """The tools of `benchmark`: a run of one that is completed, and one that is given up. Gives what was made."""
    mine = f"mine-{token_hex(4)}"
    benchmark_id = found(r"bmd_\w+", call("create_benchmark", name=mine, scenario_ids=[scenario_id]))
    assert benchmark_id in call("list_benchmarks", query=mine)
    given_up = found(r"bmr_\w+", call("start_benchmark_run", benchmark_id=benchmark_id))
    call("cancel_benchmark_run", benchmark_run_id=given_up)
    whole = found(r"bmr_\w+", call("start_benchmark_run", benchmark_id=benchmark_id))
    run_id = found(r"scr_\w+", call("start_run", scenario_id=scenario_id, benchmark_run_id=whole))
    call("score_run", run_id=run_id)
    assert "scored" in call("get_benchmark_run", benchmark_run_id=whole)
    call("complete_benchmark_run", benchmark_run_id=whole)
    assert whole in call("list_benchmark_runs", benchmark_id=benchmark_id)
    assert "1 scenario" in call("update_benchmark", benchmark_id=benchmark_id, description="One.")
    call("archive_benchmark", benchmark_id=benchmark_id)
    call("archive_benchmark", benchmark_id=benchmark_id, restore=True)
    return {"benchmark_id": benchmark_id, "benchmark_run_id": whole}


def operate(call: Call, run_id: str) -> None:
    """The tools of `admin` that the others did not need."""
    assert "dbx_" in call("list_devboxes")
    assert "answer.txt" in call("get_run_log", run_id=run_id)
    assert "1.0" in call("rescore_run", run_id=run_id)
    call("list_secrets")


def use_all(call: Callable[..., Any]) -> tuple[set[str], dict[str, str]]:
    """Goes every way; gives the tools that were called, and the ids of what was met."""
    called: set[str] = set()

    def noted(tool: str, **arguments: Any) -> str:
        called.add(tool)
        return str(call(tool, **arguments))

    met = solve(noted)
    author(noted)
    met |= measure(noted, met["scenario_id"])
    operate(noted, met["run_id"])
    return called, met
