"""A whole benchmark run, over MCP."""

import json
from pathlib import Path
from typing import Any

from mcp_agent import Serve, scenario_folder

from runloop_mcp.api.access import Principal, Role
from runloop_mcp.server.surface import surface

BENCHMARK = surface(["core", "benchmark"])


async def test_a_benchmark_run_from_start_to_total(tmp_path: Path, serve: Serve) -> None:
    """Made of two scenarios, run one by one; progress tells what is left, and completion gives the mean."""
    pack = tmp_path / "pack"
    for name in ("one", "two"):
        scenario_folder(pack, name)
    async with serve(pack, surface=BENCHMARK) as agent:
        assert (await agent.call("list_benchmarks")).structured["total"] == 0
        unknown = await agent.refused("create_benchmark", name="x", scenario_ids=["one", "nothing"])
        assert "`scenario_ids[1]`" in unknown
        made = await agent.call("create_benchmark", name="both", scenario_ids=["one", "two"])
        benchmark_id = made.found(r"bmd_\w+")
        started = await agent.call("start_benchmark_run", benchmark_id="both", run_name="first")
        whole = started.found(r"bmr_\w+")
        assert started.text.count(": not started") == 2
        for number, answer in enumerate(("42", "41")):
            progress = (await agent.call("get_benchmark_run", benchmark_run_id=whole)).structured
            scenario_id = progress["scenarios"][number]["scenario_id"]
            assert scenario_id in progress["next"]
            left = await agent.call("get_benchmark_run", benchmark_run_id=whole, only="not_started", limit=1)
            run_id = await agent.run_of(scenario_id, benchmark_run_id=whole)
            if cursor := left.structured.get("next_cursor"):  # its scenario is no longer one that has not started
                page = await agent.call("get_benchmark_run", benchmark_run_id=whole, only="not_started", cursor=cursor)
                assert [each["name"] for each in page.structured["scenarios"]] == ["two"]
            await agent.call("write_file", run_id=run_id, path="answer.txt", content=answer)
            refused = await agent.refused("complete_benchmark_run", benchmark_run_id=whole)
            assert run_id in refused or "run" in refused
            await agent.call("score_run", run_id=run_id)
        progress = (await agent.call("get_benchmark_run", benchmark_run_id=whole, only="scored", limit=1)).structured
        assert (progress["scored"], progress["mean_so_far"]) == (2, 0.5)
        (first,) = progress["scenarios"]
        assert (first["name"], first["score"]) == ("one", 1.0)
        cursor = progress["next_cursor"]
        page = await agent.call("get_benchmark_run", benchmark_run_id=whole, only="scored", cursor=cursor)
        assert [each["name"] for each in page.structured["scenarios"]] == ["two"]
        done = (await agent.call("complete_benchmark_run", benchmark_run_id=whole)).structured
        assert (done["state"], done["score"]) == ("completed", 0.5)
        (line,) = (await agent.call("list_benchmark_runs", benchmark_id=benchmark_id)).structured["benchmark_runs"]
        assert (line["benchmark_run_id"], line["state"]) == (whole, "completed")
        assert "complete" in await agent.refused("cancel_benchmark_run", benchmark_run_id=whole)


async def test_a_canceled_benchmark_run_cancels_what_is_under_way(tmp_path: Path, serve: Serve) -> None:
    """And starts no more of its scenarios; ids in error are answered with where right ones come from."""
    pack = scenario_folder(tmp_path / "pack", "one")
    async with serve(pack, surface=BENCHMARK) as agent:
        await agent.call("create_benchmark", name="small", scenario_ids=["one"])
        whole = (await agent.call("start_benchmark_run", benchmark_id="small")).found(r"bmr_\w+")
        run_id = await agent.run_of("one", benchmark_run_id=whole)
        done = await agent.call("cancel_benchmark_run", benchmark_run_id=whole)
        assert ": canceled." in done.text
        assert "1 ended without a score" in done.text
        assert "canceled" in (await agent.call("get_run", run_id=run_id)).text
        await agent.refused("start_run", scenario_id="one", benchmark_run_id=whole)
        assert "list_benchmarks" in await agent.refused("start_benchmark_run", benchmark_id="bmd_nowhere")
        assert "list_benchmark_runs" in await agent.refused("get_benchmark_run", benchmark_run_id="bmr_nowhere")
        text = await agent.refused("get_benchmark_run", benchmark_run_id=run_id)
        assert "`benchmark_run_id` is the id of a benchmark run, and scr_… is that of a run" in text


async def test_a_sealed_score_is_in_no_total(tmp_path: Path, serve: Serve) -> None:
    """Where the score of a run is sealed, the mean would tell it, so that is withheld; also after a later run."""
    pack = scenario_folder(tmp_path / "pack", "sealed", metadata={"disclosure": "sealed"})
    async with serve(pack, surface=BENCHMARK) as agent:
        await agent.call("create_benchmark", name="secret", scenario_ids=["sealed"])
        whole = (await agent.call("start_benchmark_run", benchmark_id="secret")).found(r"bmr_\w+")
        run_id = await agent.run_of("sealed", benchmark_run_id=whole)
        await agent.call("score_run", run_id=run_id)
        later = await agent.run_of("sealed", benchmark_run_id=whole)
        await agent.call("cancel_run", run_id=later)
        done = await agent.call("complete_benchmark_run", benchmark_run_id=whole)
        assert done.structured["state"] == "completed"
        assert "score" not in done.structured
        assert "mean" not in done.text.lower()


async def test_a_benchmark_run_of_others_does_not_exist_for_a_solver(tmp_path: Path, serve: Serve) -> None:
    """It is neither shown nor ended, and nobody else's runs can be put into it."""
    pack = scenario_folder(tmp_path / "pack", "one")
    async with serve(pack, surface=BENCHMARK) as agent:
        await agent.call("create_benchmark", name="shared", scenario_ids=["one"])
        whole = (await agent.call("start_benchmark_run", benchmark_id="shared")).found(r"bmr_\w+")
    async with serve(pack, surface=BENCHMARK, principal=Principal("someone", Role.SOLVER)) as agent:
        for tool in ("get_benchmark_run", "complete_benchmark_run", "cancel_benchmark_run"):
            assert "no such benchmark run" in await agent.refused(tool, benchmark_run_id=whole)
        await agent.refused("start_run", scenario_id="one", benchmark_run_id=whole)
        assert (await agent.call("list_benchmark_runs")).structured["total"] == 0


async def test_who_has_started_a_benchmark_run_can_read_of_it(tmp_path: Path, serve: Serve) -> None:
    """As a resource too, and before any scenario of it is started; others read of the benchmark, not of that run."""
    pack = scenario_folder(tmp_path / "pack", "one")
    async with serve(pack, surface=BENCHMARK, principal=Principal("key:1")) as agent:
        benchmark = (await agent.call("create_benchmark", name="small", scenario_ids=["one"])).found(r"bmd_\w+")
        whole = (await agent.call("start_benchmark_run", benchmark_id="small")).found(r"bmr_\w+")
        assert json.loads(await agent.read(f"runloop://benchmark-runs/{whole}"))["not_started"] == 1
        (newest,) = json.loads(await agent.read(f"runloop://benchmarks/{benchmark}"))["newest_runs"]
        assert newest["benchmark_run_id"] == whole
    async with serve(pack, principal=Principal("key:2")) as other:
        assert json.loads(await other.read(f"runloop://benchmarks/{benchmark}"))["newest_runs"] == []


async def test_a_benchmark_is_changed_and_archived(tmp_path: Path, serve: Serve) -> None:
    """What is not given stays, as do runs that have started; an archived one is in no list until it is put back."""
    for name in ("one", "two", "three"):
        scenario_folder(tmp_path / "pack", name)
    async with serve(tmp_path / "pack", surface=BENCHMARK) as agent:
        metadata = {"team": "blue", "level": "1"}
        made = await agent.call("create_benchmark", name="all", scenario_ids=["one", "two"], metadata=metadata)
        named: dict[str, Any] = {"benchmark_id": made.found(r"bmd_\w+")}
        whole = (await agent.call("start_benchmark_run", **named)).found(r"bmr_\w+")

        async def names() -> list[str]:
            benchmark = await agent.backend.benchmarks.retrieve(named["benchmark_id"])
            return [(await agent.backend.scenarios.retrieve(each)).name for each in benchmark.scenario_ids]

        parts = {"add_scenario_ids": ["three"], "remove_scenario_ids": ["one"], "metadata": {"level": "", "size": "s"}}
        assert "has 2 scenarios now" in (await agent.call("update_benchmark", **named, **parts)).text
        assert await names() == ["two", "three"]
        assert "(few)" in (await agent.call("update_benchmark", **named, name="few", scenario_ids=["three"])).text
        assert await names() == ["three"]
        changed = await agent.backend.benchmarks.retrieve(named["benchmark_id"])
        assert changed.metadata == {"team": "blue", "size": "s"}
        progress = (await agent.call("get_benchmark_run", benchmark_run_id=whole)).structured
        assert [each["name"] for each in progress["scenarios"]] == ["one", "two"]
        for wrong, told in (
            ({"scenario_ids": ["one"], "add_scenario_ids": ["two"]}, "whole list"),
            ({"name": "x", "add_scenario_ids": ["one", "nothing"]}, "`add_scenario_ids[1]`"),
            ({"name": "x", "remove_scenario_ids": ["one", "three"]}, "Nothing would be left"),
            ({"scenario_ids": []}, "not empty"),
        ):
            assert told in await agent.refused("update_benchmark", **named, **wrong)
        assert await names() == ["three"]

        archived = await agent.call("archive_benchmark", benchmark_id="few")
        assert named["benchmark_id"] in archived.text
        assert (await agent.call("list_benchmarks")).structured["total"] == 0
        assert "archived" in await agent.refused("start_benchmark_run", **named)
        assert "give its id" in await agent.refused("archive_benchmark", benchmark_id="few", restore=True)
        await agent.call("archive_benchmark", **named, restore=True)
        await agent.call("start_benchmark_run", benchmark_id="few")
    async with serve(tmp_path / "pack", surface=BENCHMARK, principal=Principal("someone", Role.SOLVER)) as solver:
        offered = {tool.name for tool in (await solver.client.list_tools()).tools}
        assert not offered & {"create_benchmark", "update_benchmark", "archive_benchmark"}
