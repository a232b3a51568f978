"""The main job: an agent takes a scenario from the list to a score."""

from pathlib import Path

import pytest
from mcp_agent import ERAS, STORED_SECRET, Serve, scenario_folder, scorer

TWO_PARTS = (scorer("right-answer", 0.75, 'test "$(cat answer.txt)" = 42'), scorer("explained", 0.25, "test -s why.md"))


async def test_what_cannot_be_started_here_says_so_before_it_is_tried(tmp_path: Path, serve: Serve) -> None:
    """A scenario whose programs are missing is listed as such, shown as such, and its start is refused with them."""
    pack = scenario_folder(tmp_path / "pack", "lacking", requires=["bash", "no-such-program"])
    scenario_folder(pack, "having", requires=["bash"])
    async with serve(pack) as agent:
        listed = await agent.call("list_scenarios")
        lines = {each["name"]: each for each in listed.structured["scenarios"]}
        assert lines["lacking"]["missing_programs"] == ["no-such-program"]
        assert "missing_programs" not in lines["having"]
        assert listed.text.count("Can't be started here: devboxes lack no-such-program.") == 1
        shown = await agent.call("get_scenario", scenario_id=lines["lacking"]["scenario_id"])
        assert "can't be started here: devboxes lack no-such-program" in shown.text
        refused = await agent.refused("start_run", scenario_id=lines["lacking"]["scenario_id"])
        assert "no-such-program" in refused


async def test_a_start_shows_the_problem_that_the_run_starts_with(tmp_path: Path, serve: Serve) -> None:
    """Also where its author changed it just now, and nobody has looked for changes since."""
    pack = scenario_folder(tmp_path / "pack", "answer", problem="Write 42.")
    async with serve(pack) as agent:
        (scenario,) = (await agent.call("list_scenarios")).structured["scenarios"]
        (pack / "answer" / "problem.md").write_text("Write 43 instead.")
        started = await agent.call("start_run", scenario_id=scenario["scenario_id"])
    assert "Write 43 instead." in started.text


@pytest.mark.parametrize("era", ERAS)
async def test_an_agent_goes_from_the_list_to_the_score(tmp_path: Path, serve: Serve, era: str) -> None:
    """Lists, reads, starts, works, scores, completes; each reply names what the next call needs."""
    pack = scenario_folder(
        tmp_path / "pack",
        "answer",
        functions=TWO_PARTS,
        problem="Write 42 into answer.txt and say why in why.md.",
        files={"notes.txt": "six by nine\n"},
        metadata={"summary": "One number", "tags": "numbers, easy", "difficulty": "easy"},
    )
    async with serve(pack, era=era) as agent:
        scenarios = (await agent.call("list_scenarios", query="number", tags=["numbers"])).structured["scenarios"]
        assert [(each["name"], each["summary"], each["tags"]) for each in scenarios] == [
            ("answer", "One number", ["numbers", "easy"])
        ]
        scenario_id = scenarios[0]["scenario_id"]
        shown = await agent.call("get_scenario", scenario_id=scenario_id)
        assert "say why in why.md" in shown.text
        assert "right-answer (0.75), explained (0.25)" in shown.text

        started = await agent.call("start_run", scenario_id=scenario_id, run_name="first try")
        assert "it is ready" in started.text
        assert "Attempt 1" in started.text
        assert "Left: " in started.text
        assert "Write 42 into answer.txt" in started.text
        run_id = started.found(r'exec_on_devbox\(run_id="(scr_\w+)"')
        directory = started.found(r"working directory (/\S+?)[;,]")

        ran = await agent.call("exec_on_devbox", run_id=run_id, command="pwd; cat notes.txt")
        assert ran.text.startswith("Exit status 0")
        assert f"{directory}\nsix by nine\n" in ran.text
        assert "Left: " in ran.text
        await agent.call("write_file", run_id=run_id, path="answer.txt", content="41\n")
        await agent.call("edit_file", run_id=run_id, path="answer.txt", old_string="41", new_string="42")
        assert "     1\t42" in (await agent.call("read_file", run_id=run_id, path="answer.txt")).text

        card = (await agent.call("score_run", run_id=run_id)).structured
        assert card["score"] == pytest.approx(0.75)
        assert {each["name"]: each["score"] for each in card["functions"]} == {"right-answer": 1.0, "explained": 0.0}
        assert card["message"].endswith("Short of full score: explained.")
        assert card["complete"] is True
        assert "complete_run" in card["next"]
        await agent.call("exec_on_devbox", run_id=run_id, command="echo because > why.md")
        assert (await agent.call("score_run", run_id=run_id)).structured == card
        assert (await agent.call("get_score", run_id=run_id)).structured == card

        assert "completed" in (await agent.call("complete_run", run_id=run_id)).text
        assert "completed" in (await agent.call("complete_run", run_id=run_id)).text
        (run,) = (await agent.call("list_runs", scenario_id=scenario_id, state="completed")).structured["runs"]
        assert (run["run_id"], run["name"], run["attempt"], run["score"]) == (run_id, "first try", 1, card["score"])


async def test_a_wrong_move_tells_the_state_and_what_is_valid(tmp_path: Path, serve: Serve) -> None:
    """Completing before scoring, canceling after it, working after the end: each answer names the way on."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    async with serve(pack) as agent:
        run_id = await agent.run_of("answer")
        early = await agent.refused("complete_run", run_id=run_id)
        assert f"Run {run_id} is running. Next: " in early
        assert "score_run" in early
        await agent.call("score_run", run_id=run_id)
        late = await agent.refused("cancel_run", run_id=run_id)
        assert f"Run {run_id} is scored. Next: " in late
        assert "complete_run" in late
        await agent.call("complete_run", run_id=run_id)
        ended = await agent.refused("exec_on_devbox", run_id=run_id, command="true")
        assert f"Run {run_id} is completed. Next: " in ended
        assert "start_run" in ended


async def test_a_canceled_run_has_no_score(tmp_path: Path, serve: Serve) -> None:
    """Canceling twice is as good as once; scoring is refused then, and the second run is the second attempt."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    async with serve(pack) as agent:
        run_id = await agent.run_of("answer")
        for _ in range(2):
            assert "without a score" in (await agent.call("cancel_run", run_id=run_id)).text
        assert "canceled" in await agent.refused("score_run", run_id=run_id)
        card = (await agent.call("get_score", run_id=run_id)).structured
        assert (card["state"], card["message"]) == ("canceled", "No score (attempt 1).")
        assert "Attempt 2" in (await agent.call("start_run", scenario_id="answer")).text


async def test_a_run_gets_its_variables_and_secrets_and_shows_neither(tmp_path: Path, serve: Serve) -> None:
    """The devbox has the values; no reply has, not even those that tell which are set or missing."""
    pack = scenario_folder(
        tmp_path / "pack", "answer", required_environment_variables=["REGION"], required_secret_names=["DEPLOY_KEY"]
    )
    async with serve(pack) as agent:
        shown = (await agent.call("get_scenario", scenario_id="answer")).text
        assert "REGION" in shown
        assert "DEPLOY_KEY" in shown
        missing = await agent.refused("start_run", scenario_id="answer", environment_variables={"OTHER": "hush-value"})
        assert "REGION" in missing
        assert "hush-value" not in missing
        started = await agent.call(
            "start_run",
            scenario_id="answer",
            environment_variables={"REGION": "north-value"},
            secrets={"KEY": "DEPLOY_KEY"},
        )
        run_id = started.found(r"scr_\w+")
        run = await agent.call("get_run", run_id=run_id)
        assert "REGION" in run.text
        assert "KEY" in run.text
        for text in (started.text, run.text, await agent.read(f"runloop://runs/{run_id}")):
            assert "north-value" not in text
            assert STORED_SECRET not in text
        command = f'echo "$REGION $KEY"; test "$KEY" = {STORED_SECRET}'
        ran = await agent.call("exec_on_devbox", run_id=run_id, command=command)
        assert "Exit status 0" in ran.text
        assert "north-value [DEPLOY_KEY]\n" in ran.text


async def test_the_same_call_sent_again_happens_once(tmp_path: Path, serve: Serve) -> None:
    """An idempotency key, or the client's own id of a tool use, makes a repeated start or command the same one."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    async with serve(pack) as agent:
        first = await agent.run_of("answer", idempotency_key="one")
        assert await agent.run_of("answer", idempotency_key="one") == first
        other = await agent.refused("start_run", scenario_id="answer", run_name="other", idempotency_key="one")
        assert "key" in other
        arguments = {"run_id": first, "command": "echo x >> count; wc -l < count"}
        for _ in range(2):
            result = await agent.client.call_tool("exec_on_devbox", arguments, meta={"claudecode/toolUseId": "toolu_1"})
            assert "\n1\n" in str(getattr(result.content[0], "text", ""))
        await agent.call("exec_on_devbox", **arguments)
        assert "\n2\n" in (await agent.call("exec_on_devbox", run_id=first, command="wc -l < count")).text


async def test_a_devbox_that_cannot_be_set_up_fails_the_start_with_its_output(tmp_path: Path, serve: Serve) -> None:
    """The answer holds what the failing launch command printed, and the run is failed."""
    pack = scenario_folder(tmp_path / "pack", "broken", launch_commands=["true", "echo no such compiler >&2; exit 7"])
    async with serve(pack) as agent:
        failure = await agent.refused("start_run", scenario_id="broken")
        assert "no such compiler" in failure
        assert "list_scenarios" in failure
        (run,) = (await agent.call("list_runs")).structured["runs"]
        assert run["state"] == "failed"


async def test_lists_come_in_pages(tmp_path: Path, serve: Serve) -> None:
    """The cursor of one page leads to the next, without gaps and repeats, for scenarios and for runs."""
    pack = tmp_path / "pack"
    for number in range(5):
        scenario_folder(pack, f"paged-{number}", metadata={"tags": "paged"})
    async with serve(pack) as agent:
        names: list[str] = []
        cursor: str | None = None
        while True:
            page = (await agent.call("list_scenarios", tags=["paged"], limit=2, cursor=cursor)).structured
            assert page["total"] == 5
            names += [each["name"] for each in page["scenarios"]]
            if not (cursor := page.get("next_cursor")):
                break
        assert sorted(names) == [f"paged-{number}" for number in range(5)]
        assert "No scenario matches" in (await agent.call("list_scenarios", query="zebra")).text
        runs = [await agent.run_of("paged-0") for _ in range(2)]
        first = (await agent.call("list_runs", limit=1)).structured
        second = (await agent.call("list_runs", limit=1, cursor=first["next_cursor"])).structured
        assert [page["runs"][0]["run_id"] for page in (first, second)] == runs[::-1]
