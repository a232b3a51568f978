"""What a caller may know of a scenario's scoring, at each level, and what nobody who calls over MCP may."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from mcp_agent import Agent, Serve, scenario_folder, scorer

from runloop_mcp.api.disclosure import disclosure_of, functions_for_solver, run_for_solver, scenario_for_solver
from runloop_mcp.api.models.run import ScenarioRunView
from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.api.models.scoring import ScoringContract
from runloop_mcp.api.models.trust import RescoreParams

CANARY = "canary-7f3a9"
"""Planted in all that no caller may see."""
PARTS = ("parses-dates", "handles-leap-years")
SCORER_OUTPUT = "scorer-says-hello"
CHANGED = "changed-outside"
"""A file that stands in the tamper report, and nowhere else."""
MEDDLES = "touch ~/$(printf %s changed- outside)"
LATER = ScoringContract.model_validate(
    {"scoring_function_parameters": [scorer(f"later-{CANARY}", 1.0, f"echo {CANARY}; false")]}
)
"""What an operator scores by later."""


def secretive(pack: Path, disclosure: str) -> Path:
    """A scenario whose reference, scorers, test files and odd metadata hold the canary."""
    hidden = {
        "type": "test_based_scorer",
        "test_command": f"echo {SCORER_OUTPUT}; bash hidden/check.sh # {CANARY}",
        "test_files": [{"file_path": "hidden/check.sh", "file_contents": f"# {CANARY}\nexit 1\n"}],
    }
    return scenario_folder(
        pack,
        "secretive",
        functions=(
            scorer(PARTS[0], 0.5, f"echo {SCORER_OUTPUT}; true {CANARY}"),
            {"name": PARTS[1], "weight": 0.5, "scorer": hidden},
        ),
        reference=f"echo {CANARY}\n",
        metadata={"disclosure": disclosure, "author_notes": CANARY, "summary": "Dates"},
    )


def text_of(value: Any) -> str:
    """Everything that a client was sent, as text."""
    return json.dumps(value, default=lambda model: model.model_dump(mode="json"))


async def everything_shown(agent: Agent) -> tuple[str, str, str]:
    """What every tool, resource and prompt shows: before scoring, of the score, and after it."""
    seen: list[str] = []

    async def see(tool: str, **arguments: Any) -> str:
        answer = await agent.try_tool(tool, **arguments)
        seen.extend([answer.text, text_of(answer.structured)])
        return answer.text

    scenario_id = (await agent.call("list_scenarios", query="secretive")).found(r"scn_\w+")
    await see("list_scenarios", query="secretive")
    await see("get_scenario", scenario_id=scenario_id)
    run_id = await agent.run_of(scenario_id)
    await see("get_run", run_id=run_id)
    await see("get_score", run_id=run_id)
    looked = f"grep -rs '{CANARY[:-1]}[{CANARY[-1]}]' /home /tmp /etc /opt /var; env; find ."
    await see("exec_on_devbox", run_id=run_id, command=looked)
    await see("read_file", run_id=run_id, path="hidden/check.sh")
    uris = ["runloop://scenarios", f"runloop://scenarios/{scenario_id}", f"runloop://scenarios/{scenario_id}/problem"]
    seen += [await agent.read(uri) for uri in uris]
    seen.append(text_of(await agent.client.list_resources()))
    seen.append(text_of(await agent.client.get_prompt("solve_scenario", {"scenario_id": scenario_id})))
    before = "\n".join(seen)

    seen.clear()
    await see("exec_on_devbox", run_id=run_id, command=MEDDLES)
    await see("score_run", run_id=run_id)
    score = "\n".join(seen)
    await agent.backend.runs.rescore(run_id, RescoreParams(contract=LATER))
    operators = (await agent.backend.runs.retrieve(run_id)).model_dump_json()
    assert CHANGED in operators
    assert CANARY in operators
    for tool in ("get_score", "get_run", "score_run", "complete_run", "get_score", "get_run"):
        await see(tool, run_id=run_id)
    await see("list_runs")
    sealed = re.findall(r'"(?:contract|reference|contract_hash)":"([0-9a-f]{64})"', operators)
    assert len(set(sealed)) == 3
    run = f"runloop://runs/{run_id}"
    seen += [await agent.read(uri) for uri in (run, f"{run}/score", f"{run}/log")]
    after = "\n".join(seen)
    assert not [each for each in sealed if each in after]
    return before, score, after


@pytest.mark.parametrize("level", ["sealed", "summary", "named", "full"])
async def test_a_caller_learns_what_is_disclosed_and_no_more(tmp_path: Path, serve: Serve, level: str) -> None:
    """That it was scored, the total, each function, its output: level by level; references and scorers never."""
    async with serve(secretive(tmp_path / "pack", level)) as agent:
        before, score, after = await everything_shown(agent)
    assert CANARY not in before
    assert CANARY not in after
    named = level in {"named", "full"}
    for name in PARTS:
        assert (name in before) is named
        assert (name in after) is named
    assert ('"score": 0.5' in score) is (level != "sealed")
    took = r"\d+\.\d+ s\b"
    assert ("0.5" in re.sub(took, "", after)) is (level != "sealed")
    assert ("kept sealed" in score) is (level == "sealed")
    assert (SCORER_OUTPUT in after) is (level == "full")
    if level != "full":
        assert CHANGED not in after
    assert SCORER_OUTPUT not in before


async def test_an_unreadable_disclosure_shows_nothing() -> None:
    """Where the author's wish can't be read, the strictest reading holds."""
    scenario = ScenarioView.model_validate(
        {
            "id": "scn_x",
            "name": "x",
            "input_context": {"problem_statement": "x"},
            "scoring_contract": {"scoring_function_parameters": [scorer("a", 1.0, "true")]},
            "metadata": {"disclosure": "Sealed, please"},
        }
    )
    assert disclosure_of(scenario) == "sealed"
    assert functions_for_solver(scenario) == []


def test_the_values_themselves_hold_nothing_to_hide() -> None:
    """What faces render from has no reference, scorers, launch commands, odd metadata or unknown fields in it."""
    scenario = ScenarioView.model_validate(
        {
            "id": "scn_x",
            "name": "x",
            "input_context": {"problem_statement": "x", "odd": CANARY},
            "scoring_contract": {"scoring_function_parameters": [scorer("a", 1.0, CANARY)]},
            "environment": {"launch_parameters": {"launch_commands": [CANARY]}, "odd": CANARY},
            "metadata": {"author_notes": CANARY, "summary": "shown"},
            "reference_output": CANARY,
            "odd": CANARY,
        }
    )
    run = ScenarioRunView.model_validate(
        {
            "id": "scr_x",
            "scenario_id": "scn_x",
            "devbox_id": "dbx_x",
            "state": "scored",
            "metadata": {"notes": CANARY},
            "score": 0.5,
            "scoring_contract_result": {
                "score": 0.5,
                "odd": CANARY,
                "scoring_function_results": [
                    {"scoring_function_name": "a", "score": 0.5, "state": "complete", "output": CANARY, "odd": CANARY}
                ],
            },
            "x_runloop_mcp": {
                "disclosure": "named",
                "restored_files": ["conftest.py"],
                "odd": CANARY,
                "sealed": {"environment": CANARY, "contract": CANARY, "reference": CANARY},
                "tamper_report": {"changed_outside": [CANARY]},
                "rescorings": [
                    {
                        "time_ms": 1,
                        "principal": CANARY,
                        "contract_hash": CANARY,
                        "same_contract": True,
                        "mode": "clean",
                        "duration_ms": 1,
                        "result": {"score": 1, "scoring_function_results": []},
                    }
                ],
            },
        }
    )
    assert CANARY not in scenario_for_solver(scenario).model_dump_json()
    assert scenario_for_solver(scenario).metadata == {"summary": "shown"}
    shown = run_for_solver(run)
    assert CANARY not in shown.model_dump_json()
    assert (shown.score, shown.x_runloop_mcp and shown.x_runloop_mcp.restored_files) == (0.5, ["conftest.py"])
