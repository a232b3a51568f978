"""Arguments in error are answered with what is valid, and never with what was sent."""

from pathlib import Path

import pytest
from mcp_agent import Serve, scenario_folder

SECRET = "hunter2-in-the-clear"  # noqa: S105 - the tests' own


async def test_an_unknown_argument_is_refused_with_the_nearest_valid_one(serve: Serve) -> None:
    """A misspelt argument never does nothing in silence."""
    async with serve() as agent:
        text = await agent.refused("exec_on_devbox", run_id="scr_x", command="true", workdir="/tmp")
        assert "`workdir` is no argument of exec_on_devbox. Did you mean `working_directory`?" in text
        assert "timeout_seconds" in text
        text = await agent.refused("list_scenarios", qurey="x")
        assert "Did you mean `query`?" in text


async def test_wrong_values_are_answered_with_what_is_valid_and_not_echoed(serve: Serve) -> None:
    """Every argument at fault is named with its type and bounds; values, which may be secret, are in no answer."""
    async with serve() as agent:
        text = await agent.refused(
            "start_run",
            scenario_id="scn_x",
            environment_variables={"TOKEN": [SECRET]},
            secrets=SECRET,
            metadata={"a": {"b": SECRET}},
        )
        for name in ("environment_variables", "secrets", "metadata"):
            assert f"`{name}` must be an object with string values" in text
        assert SECRET not in text
        assert "pydantic" not in text
        text = await agent.refused("list_runs", limit=0, state="done", cursor=7)
        assert "`limit` must be an integer from 1 to 100." in text
        assert '`state` must be one of "running", "scoring"' in text
        assert "`cursor` must be a string." in text
        text = await agent.refused("exec_on_devbox", run_id="scr_x", command="", timeout_seconds=-1)
        assert "`command` must be a non-empty string." in text
        assert "`timeout_seconds` must be a number above 0." in text
        text = await agent.refused("get_execution", wait_seconds=60)
        assert "`run_id` is missing" in text
        assert "`execution_id` is missing" in text
        assert "`wait_seconds` must be a number from 0 to 20." in text


async def test_null_is_absent_and_json_in_a_string_is_read(tmp_path: Path, serve: Serve) -> None:
    """Clients that send null for what they leave out, or lists and objects as text, are understood."""
    pack = scenario_folder(tmp_path / "pack", "tagged", metadata={"tags": "a, b"})
    async with serve(pack) as agent:
        page = (await agent.call("list_scenarios", query=None, tags='["a", "b"]', cursor=None)).structured
        assert [each["name"] for each in page["scenarios"]] == ["tagged"]
        run_id = await agent.run_of("tagged", environment_variables='{"X": "y"}', metadata=None)
        assert "\ny\n" in (await agent.call("exec_on_devbox", run_id=run_id, command="echo $X")).text


async def test_a_wrong_id_is_answered_with_where_right_ones_come_from(tmp_path: Path, serve: Serve) -> None:
    """An id that is not there, or of another kind, says what an id looks like and which tool gives them."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    async with serve(pack) as agent:
        (scenario,) = (await agent.call("list_scenarios", query="answer.txt")).structured["scenarios"]
        scenario_id = scenario["scenario_id"]
        text = await agent.refused("get_run", run_id=scenario_id)
        assert "`run_id` is the id of a run, and scn_… is that of a scenario" in text
        assert "list_runs" in text
        text = await agent.refused("get_scenario", scenario_id="scn_doesnotexist")
        assert "list_scenarios" in text
        text = await agent.refused("start_run", scenario_id="no such name")
        assert "list_scenarios" in text
        text = await agent.refused("exec_on_devbox", run_id="scr_doesnotexist", command="true")
        assert "scr_…" in text
        assert "start_run" in text
        run_id = await agent.run_of(scenario_id)
        text = await agent.refused("get_execution", run_id=run_id, execution_id=run_id)
        assert "`execution_id` is the id of an execution, and scr_… is that of a run" in text
        text = await agent.refused("get_execution", run_id=run_id, execution_id="exe_doesnotexist")
        assert "exe_" in text


async def test_handles_are_taken_as_the_model_has_them(tmp_path: Path, serve: Serve) -> None:
    """A scenario by its name or URI, a run by its URI or its devbox's id, ids in quotes."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    async with serve(pack) as agent:
        (scenario,) = (await agent.call("list_scenarios", query="answer.txt")).structured["scenarios"]
        scenario_id = scenario["scenario_id"]
        for named in ("answer", f"runloop://scenarios/{scenario_id}/problem", f"`{scenario_id}`"):
            assert scenario_id in (await agent.call("get_scenario", scenario_id=named)).text
        run_id = await agent.run_of("answer")
        devbox_id = (await agent.call("get_run", run_id=run_id)).found(r"dbx_\w+")
        for named in (devbox_id, f"runloop://runs/{run_id}", f' "{run_id}" '):
            assert (await agent.call("exec_on_devbox", run_id=named, command="true")).text.startswith("Exit status 0")


async def test_half_a_character_is_refused_before_it_does_harm(serve: Serve) -> None:
    """A lone surrogate is no text: the answer says so, and the server lives on."""
    async with serve() as agent:
        text = await agent.refused("write_file", run_id="scr_x", path="a", content="cut \ud83d here")
        assert "`content` holds half of a surrogate pair" in text
        await agent.call("list_scenarios")


async def test_an_unknown_tool_is_answered_with_the_nearest(serve: Serve) -> None:
    """And with all that there are."""
    async with serve() as agent:
        text = await agent.refused("exec_devbox")
        assert "Did you mean exec_on_devbox?" in text
        assert "cancel_run" in text


async def test_a_defect_of_ours_tells_the_caller_nothing_of_it(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nobody foresaw is said to be the server's, without its text; the server lives on."""
    async with serve() as agent:

        async def broken(*_: object) -> None:
            raise RuntimeError(SECRET)

        monkeypatch.setattr(agent.backend.runs, "list", broken)
        text = await agent.refused("list_runs")
        assert "defect of the server" in text
        assert SECRET not in text
        await agent.call("list_scenarios")
