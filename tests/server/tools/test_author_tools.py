"""An author goes from an idea to a proven scenario in one chat, and an operator looks after runs."""

import time
from pathlib import Path
from typing import Any

import pytest
from mcp_agent import SOLVED, Agent, Serve, scenario_folder
from pydantic import SecretStr

from runloop_mcp.api.models.scenario import ScenarioListParams
from runloop_mcp.api.models.secret import SecretCreateParams
from runloop_mcp.server.surface import surface

AUTHOR = surface(["core", "author"])
ADMIN = surface(["core", "admin"])
FUNCTIONS = [
    {"name": "right", "weight": 0.75, "scorer": {"type": "command_scorer", "command": SOLVED}},
    {
        "name": "tested",
        "weight": 0.25,
        "scorer": {
            "type": "test_based_scorer",
            "test_command": "bash check.sh",
            "test_files": [{"file_path": "check.sh", "file_contents": 'test "$(cat answer.txt)" = 42 # hidden-words'}],
        },
    },
]
_PATIENCE_SECONDS = 120


async def proven(agent: Agent, scenario_id: str, **arguments: Any) -> dict[str, Any]:
    """The verdict on a scenario, waited for by the same call again and again."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        answer = await agent.call("validate_scenario", scenario_id=scenario_id, **arguments)
        verdict: dict[str, Any] = answer.structured
        if verdict["verdict"] != "pending":
            return verdict
        assert "same arguments" in answer.text
        assert time.monotonic() < deadline, answer.text


async def test_from_an_idea_to_a_proven_scenario(serve: Serve) -> None:
    """A devbox is set up, kept as a snapshot, made a scenario, proven, mended, proven again, and solved."""
    async with serve(surface=AUTHOR) as agent:
        made = await agent.call("create_devbox", name="workshop")
        devbox_id = made.found(r"dbx_\w+")
        assert "is ready" in made.text
        await agent.call("write_file", run_id=devbox_id, path="task.txt", content="six by nine\n")
        ran = await agent.call("exec_on_devbox", run_id=devbox_id, command="sleep 0.1; cat task.txt", background=True)
        execution_id = ran.found(r"exe_\w+")
        assert f'run_id="{devbox_id}"' in ran.text
        seen = await agent.call("get_execution", run_id=devbox_id, execution_id=execution_id)
        assert "six by nine" in seen.text
        kept = await agent.call("snapshot_devbox", devbox_id=devbox_id, name="workshop, ready")
        snapshot_id = kept.found(r"snp_\w+")
        (line,) = (await agent.call("list_snapshots", devbox_id=devbox_id)).structured["snapshots"]
        assert (line["snapshot_id"], line["status"], line["name"]) == (snapshot_id, "complete", "workshop, ready")

        created = await agent.call(
            "create_scenario",
            name="forty-two",
            problem_statement="Write the answer to task.txt into answer.txt.",
            scoring_functions=FUNCTIONS,
            snapshot_id=snapshot_id,
            reference_output="echo 41 > answer.txt",
            metadata={"tags": "numbers", "difficulty": "easy"},
        )
        scenario_id = created.found(r"scn_\w+")
        assert "validate_scenario" in created.text
        verdict = await proven(agent, scenario_id, cheats=False)
        assert verdict["verdict"] == "invalid"
        assert verdict["untouched"] == [0.0]
        await agent.call(
            "update_scenario",
            scenario_id=scenario_id,
            reference_output="echo 42 > answer.txt",
            metadata={"difficulty": "", "summary": "One number"},
        )
        verdict = await proven(agent, scenario_id, cheats=False)
        assert (verdict["verdict"], verdict["reference"]) == ("valid", [1.0]), verdict["reason"]

        whole = (await agent.call("get_scenario_definition", scenario_id=scenario_id)).text
        for part in (snapshot_id, "hidden-words", "echo 42 > answer.txt", "tags: numbers", "summary: One number"):
            assert part in whole
        assert "difficulty" not in whole
        assert "scoring: clean" in whole  # nothing else was asked for

        run_id = await agent.run_of(scenario_id)
        assert "six by nine" in (await agent.call("read_file", run_id=run_id, path="task.txt")).text
        await agent.call("write_file", run_id=run_id, path="answer.txt", content="42\n")
        assert (await agent.call("score_run", run_id=run_id)).structured["score"] == 1.0
        await agent.call("complete_run", run_id=run_id)
        ended = await agent.call("shutdown_devbox", devbox_id=devbox_id)
        assert "is shut down" in ended.text
        assert "before" in (await agent.call("shutdown_devbox", devbox_id=devbox_id)).text
        assert "shut down" in await agent.refused("exec_on_devbox", run_id=devbox_id, command="true")
        await agent.call("archive_scenario", scenario_id=scenario_id)
        assert "archived" in await agent.refused("validate_scenario", scenario_id=scenario_id)
        assert "start" in await agent.refused("start_run", scenario_id=scenario_id)
        await agent.call("archive_scenario", scenario_id=scenario_id, restore=True)
        assert (await agent.call("list_scenarios")).structured["total"] == 1


@pytest.mark.proof
@pytest.mark.parametrize("toolset", ["author", "admin"])
async def test_what_nothing_needs_any_more_is_deleted(serve: Serve, toolset: str) -> None:
    """While a scenario needs a snapshot the refusal names it; ids in error are answered with where right ones are."""
    async with serve(surface=AUTHOR) as agent:
        devbox_id = (await agent.call("create_devbox")).found(r"dbx_\w+")
        snapshot_id = (await agent.call("snapshot_devbox", devbox_id=devbox_id)).found(r"snp_\w+")
        task = {"name": "task", "problem_statement": "Answer.", "scoring_functions": FUNCTIONS}
        await agent.call("create_scenario", snapshot_id=snapshot_id, **task)
        blueprint_id = (await agent.call("create_blueprint", name="plain")).found(r"bpt_\w+")
    async with serve(surface=surface(["core", toolset])) as agent:
        assert "task" in await agent.refused("delete_snapshot", snapshot_id=snapshot_id)
        assert "list_snapshots" in await agent.refused("delete_snapshot", snapshot_id="snp_nowhere")
        assert "list_blueprints" in await agent.refused("delete_blueprint", blueprint_id=snapshot_id)
        scenario = (await agent.backend.scenarios.list(ScenarioListParams(name="task"))).items[0]
        await agent.backend.scenarios.archive(scenario.id)
        for _ in range(2):
            assert "is deleted" in (await agent.call("delete_snapshot", snapshot_id=snapshot_id)).text
            assert "is deleted" in (await agent.call("delete_blueprint", blueprint_id=blueprint_id)).text
        assert (await agent.call("list_snapshots")).structured["total"] == 0
        assert (await agent.call("list_blueprints")).structured["total"] == 0


async def test_a_cheat_that_wins_makes_a_scenario_invalid(serve: Serve) -> None:
    """The verdict names the cheats that had the score for less: here the solver's own code decides the verdict."""
    hidden = {"file_path": "test_total.py", "file_contents": "from total import total\nassert total() == 6\n"}
    tested = {"type": "test_based_scorer", "test_command": "python3 test_total.py", "test_files": [hidden]}
    async with serve(surface=AUTHOR, cheats=("hostile-names", "early-exit")) as agent:
        created = await agent.call(
            "create_scenario",
            name="weak",
            problem_statement="Mend total.",
            scoring_functions=[{"name": "any", "weight": 1, "scorer": tested}],
            launch_commands=["echo 'def total(): return 5' > total.py"],
            reference_output="echo 'def total(): return 6' > total.py",
        )
        verdict = await proven(agent, created.found(r"scn_\w+"))
        assert verdict["verdict"] == "invalid"
        assert verdict["fooled_by"] == ["early-exit"]
        assert [(each["cheat"], each["outcome"]) for each in verdict["cheats"]] == [("early-exit", "won")]
        assert verdict["cheats_tried"] == 2


async def test_contracts_in_error_are_answered_with_what_is_valid(serve: Serve) -> None:
    """Each fault is named by its place, with the fields that the scorer's type has; values are not repeated."""
    common = {"name": "x", "problem_statement": "x"}

    def function(**scorer: Any) -> list[dict[str, Any]]:
        return [{"name": "one", "weight": 1, "scorer": scorer}]

    async with serve(surface=AUTHOR) as agent:
        for functions, said in (
            ([], "`scoring_functions` must be a list of objects with name, weight, scorer"),
            ([{"name": "a", "weight": 2, "scorer": {}}], "`scoring_functions[0].weight` must be a number"),
            ([{"weight": 1, "scorer": {"type": "command_scorer"}}], "`scoring_functions[0].name` is missing"),
            (function(type="shell"), '`scoring_functions[0].scorer.type` must be one of "command_scorer"'),
            (function(type="command_scorer", comand="hush"), "Its fields: type, command"),
            (function(type="command_scorer"), "`scoring_functions[0].scorer` lacks `command`"),
            (function(type="command_scorer", command="true", lang="hush"), "A command_scorer needs command."),
            ([*function(type="command_scorer", command="true")] * 2, "have one name"),
            ([{**function(type="command_scorer", command="true")[0], "weight": 0.5}], "The weights sum to 0.5"),
        ):
            answer = await agent.refused("create_scenario", **common, scoring_functions=functions)
            assert said in answer
            assert "hush" not in answer
        text = await agent.refused("create_devbox", snapshot_id="scn_x")
        assert "`snapshot_id` is the id of a snapshot, and scn_… is that of a scenario" in text
        text = await agent.refused("create_devbox", snapshot_id="snp_nowhere")
        assert "snp_nowhere" in text or "no such snapshot" in text.lower()
        assert "list_devboxes" in await agent.refused("exec_on_devbox", run_id="dbx_nowhere", command="true")
        assert "list_blueprints" in await agent.refused("get_blueprint", blueprint_id="bpt_nowhere")
        for tool in ("list_snapshots", "list_blueprints", "list_scorers", "list_devboxes"):
            assert (await agent.call(tool)).structured["total"] == 0


async def test_a_custom_scorer_is_made_tried_and_changed(serve: Serve) -> None:
    """By its id or its type; the trial shows score and output."""
    script = 'echo "looked at $RL_SCORER_CONTEXT"\necho 0.5\n'
    async with serve(surface=AUTHOR) as agent:
        made = await agent.call("create_scorer", type="half", bash_script=script)
        scorer_id = made.found(r"scs_\w+")
        tried = await agent.call("validate_scorer", scorer_id="half", scorer_params={"of": "it"})
        assert "half gave 0.5 (complete)" in tried.text
        assert '"of"' in tried.text
        await agent.call("update_scorer", scorer_id=scorer_id, bash_script="echo 1.0\n")
        assert "half gave 1.0" in (await agent.call("validate_scorer", scorer_id=scorer_id)).text
        assert (await agent.call("list_scorers")).structured["scorers"] == [{"scorer_id": scorer_id, "type": "half"}]
        assert "echo 1.0" in (await agent.call("get_scorer", scorer_id="half")).text
        assert "list_scorers" in await agent.refused("get_scorer", scorer_id="none")

        await agent.call("update_scorer", scorer_id=scorer_id, bash_script="sleep 1000\n")
        function = {"name": "it", "weight": 1, "scorer": {"type": "custom_scorer", "custom_scorer_type": "half"}}
        made = await agent.call(
            "create_scenario",
            name="by-half",
            problem_statement="Make x.",
            scoring_functions=[function],
            reference_output="touch x",
        )
        wanted = {"scenario_id": made.found(r"scn_\w+"), "cheats": False}
        begun = await agent.call("validate_scenario", **wanted, wait_seconds=0)
        assert begun.structured["verdict"] == "pending"
        await agent.call("update_scorer", scorer_id=scorer_id, bash_script="test -e x && echo 1.0 || echo 0.0\n")
        verdict = await proven(agent, **wanted)  # with the scorer as it is now
        assert verdict["verdict"] == "valid", verdict["reason"]


async def test_solvers_work_on_no_devbox_that_is_not_of_their_run(tmp_path: Path, serve: Serve) -> None:
    """Without the author or admin toolset a devbox of nobody's run does not exist, and a definition has no tool."""
    async with serve(surface=AUTHOR) as agent:
        devbox_id, _ = [(await agent.call("create_devbox")).found(r"dbx_\w+") for _ in range(2)]
        assert (await agent.call("list_devboxes")).text.startswith("2 devboxes, newest first:")
    async with serve() as agent:
        await agent.refused("exec_on_devbox", run_id=devbox_id, command="true")
        await agent.refused("get_execution", run_id=devbox_id, execution_id="exe_x")
        said = await agent.refused("get_scenario_definition", scenario_id="x")
        assert "--toolsets core,author" in said


async def test_an_operator_sees_scores_rescores_and_reads_the_record(tmp_path: Path, serve: Serve) -> None:
    """A sealed score is the operator's to see; a rescoring is kept beside it, and the solver learns nothing of it."""
    pack = scenario_folder(tmp_path / "pack", "sealed", metadata={"disclosure": "sealed"})
    other = [{"name": "never", "weight": 1, "scorer": {"type": "command_scorer", "command": "false # canary-words"}}]
    async with serve(pack, surface=ADMIN) as agent:
        run_id = await agent.run_of("sealed")
        await agent.call("write_file", run_id=run_id, path="answer.txt", content="42\n")
        card = (await agent.call("score_run", run_id=run_id)).structured
        assert (card["score"], card["functions"][0]["name"]) == (1.0, "right-answer")
        assert (await agent.call("list_runs")).structured["runs"][0]["score"] == 1.0
        rescored = await agent.call("rescore_run", run_id=run_id, scoring_functions=other)
        assert "Rescored 0.0 with another contract" in rescored.text
        assert "stays 1.0" in rescored.text
        log = await agent.call("get_run_log", run_id=run_id)
        assert "answer.txt" in log.text
        assert "rescore" in log.text
        part = await agent.call("get_run_log", run_id=run_id, limit=1)
        after = int(part.found(r"after=(\d+)"))
        rest = await agent.call("get_run_log", run_id=run_id, after=after)
        assert len(rest.text.splitlines()) == len(log.text.splitlines()) - 1
        (devbox,) = (await agent.call("list_devboxes")).structured["devboxes"]
        assert devbox["run_id"] == run_id
        await agent.backend.secrets.create(SecretCreateParams(name="TOKEN", value=SecretStr("hush-hush")))
        secrets = await agent.call("list_secrets")
        assert [each["name"] for each in secrets.structured["secrets"]] == ["TOKEN"]
        assert "hush" not in secrets.text
    async with serve(pack) as agent:
        assert "score" not in (await agent.call("get_score", run_id=run_id)).structured
        record = await agent.read(f"runloop://runs/{run_id}/log")
        assert "write_file" in record
        assert "rescore" not in record
        assert "canary-words" not in record
