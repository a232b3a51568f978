"""Resources, the prompt, and what is offered while somebody types an id."""

import base64
import io
import json
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from mcp.shared.exceptions import MCPError
from mcp_agent import OLDER_IN_PROOF, SOLVED, Agent, Serve, scenario_folder, scorer
from mcp_types import BlobResourceContents, PromptReference, ResourceTemplateReference
from PIL import Image

from runloop_mcp.api.access import Principal, Role
from runloop_mcp.server.rendering.plot import Words, plot_of


async def refused(agent: Agent, uri: str) -> str:
    """The error that reading a resource gives."""
    with pytest.raises(MCPError) as caught:
        await agent.read(uri)
    return str(caught.value)


@pytest.mark.parametrize("era", OLDER_IN_PROOF)
async def test_resources_show_scenarios_runs_and_scores(tmp_path: Path, serve: Serve, era: str) -> None:
    """Everything under runloop:// is listed by form or by name, and reads as what its type says."""
    problem = "Write 42 into answer.txt.\n\n" + "Mind the details. " * 4000
    pack = scenario_folder(tmp_path / "pack", "answer", problem=problem, metadata={"summary": "One number"})
    async with serve(pack, era=era) as agent:
        templates = (await agent.client.list_resource_templates()).resource_templates
        assert [template.uri_template for template in templates] == [
            "runloop://scenarios/{scenario_id}",
            "runloop://scenarios/{scenario_id}/problem",
            "runloop://scenarios/{scenario_id}/scores.svg",
            "runloop://scenarios/{scenario_id}/scores.png",
            "runloop://runs/{run_id}",
            "runloop://runs/{run_id}/score",
            "runloop://runs/{run_id}/log",
            "runloop://runs/{run_id}/log/{after}",
            "runloop://runs/{run_id}/executions/{execution_id}/{stream}",
            "runloop://benchmarks/{benchmark_id}",
            "runloop://benchmark-runs/{benchmark_run_id}",
        ]
        scenarios = json.loads(await agent.read("runloop://scenarios"))["scenarios"]
        (scenario_id,) = [each["scenario_id"] for each in scenarios if each["name"] == "answer"]
        listed = {str(resource.uri): resource.name for resource in (await agent.client.list_resources()).resources}
        assert listed[f"runloop://scenarios/{scenario_id}/problem"] == "answer"

        assert "get_scenario" not in await agent.read(f"runloop://scenarios/{scenario_id}")
        assert problem.strip() in await agent.read(f"runloop://scenarios/{scenario_id}/problem")
        shown = await agent.call("get_scenario", scenario_id=scenario_id)
        assert len(shown.text) < 45_000
        assert f"runloop://scenarios/{scenario_id}/problem" in shown.text

        run_id = await agent.run_of(scenario_id)
        assert "running" in await agent.read(f"runloop://runs/{run_id}")
        assert json.loads(await agent.read(f"runloop://runs/{run_id}/score"))["message"] == "No score yet (attempt 1)."
        await agent.call("score_run", run_id=run_id)
        assert json.loads(await agent.read(f"runloop://runs/{run_id}/score"))["score"] == 0.0


async def test_scores_are_plotted_with_every_number_in_words(tmp_path: Path, serve: Serve) -> None:
    """A column for each run the caller may see, a row for each function; sealed scores are in neither."""
    parts = (scorer("has-file", 0.25, "test -s answer.txt"), scorer("right", 0.75, SOLVED))
    pack = scenario_folder(tmp_path / "pack", "answer", functions=parts)
    scenario_folder(tmp_path / "pack", "sealed", functions=parts, metadata={"disclosure": "sealed"})
    async with serve(pack) as agent:
        ids = {
            name: (await agent.call("list_scenarios", query=name)).found(r"scn_\w+") for name in ("answer", "sealed")
        }
        for name in ids:
            run_id = await agent.run_of(name)
            await agent.call("write_file", run_id=run_id, path="answer.txt", content="41")
            await agent.call("score_run", run_id=run_id)
        (contents,) = (await agent.client.read_resource(f"runloop://scenarios/{ids['answer']}/scores.svg")).contents
        assert contents.mime_type == "image/svg+xml"
        svg = ET.fromstring(getattr(contents, "text", ""))  # noqa: S314 - our own server's
        described = svg.findtext("{*}desc") or ""
        assert "mean 0.25, best 0.25, worst 0.25." in described
        assert ": 0.25 (has-file 1.0, right 0.0)." in described
        drawn = [text.text for text in svg.iterfind("{*}text")]
        assert drawn[2:] == ["#1", "Total", "0.25", "has-file", "1.0", "right", "0.0"]
        sealed = await agent.read(f"runloop://scenarios/{ids['sealed']}/scores.svg")
        assert "none with a score that may be seen" in sealed
        assert "has-file" not in sealed
        picture = await picture_at(agent, f"runloop://scenarios/{ids['answer']}/scores.png")
        assert (picture.width, picture.height) == (2 * int(svg.get("width", 0)), 2 * int(svg.get("height", 0)))
        assert picture.info["Description"] == described
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 20) or []}
        assert {(0x11, 0x63, 0x29), (0x7D, 0x4E, 0x00)} <= colours  # a full bar, and one that is not
        hidden = await picture_at(agent, f"runloop://scenarios/{ids['sealed']}/scores.png")
        assert hidden.info["Description"] in sealed
    async with serve(pack, principal=Principal("solver", Role.SOLVER)) as solver:
        unseen = await solver.read(f"runloop://scenarios/{ids['answer']}/scores.svg")
        assert "0 runs" in unseen
        assert run_id not in unseen


def test_a_name_of_several_lines_takes_one_in_a_picture() -> None:
    """Or it would lie over what the picture shows."""
    first = plot_of("two\nlines " + "\n" * 50 + "end", []).parts[0]
    assert isinstance(first, Words)
    assert first.text == "Scores of two lines end"


async def picture_at(agent: Agent, uri: str) -> Image.Image:
    """What an image viewer makes of a resource."""
    (contents,) = (await agent.client.read_resource(uri)).contents
    assert isinstance(contents, BlobResourceContents)
    assert contents.mime_type == "image/png"
    picture = Image.open(io.BytesIO(base64.b64decode(contents.blob)))
    picture.load()
    return picture


async def test_without_the_library_the_error_says_how_to_get_it(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plot as SVG needs none, and the comparison has the table alone."""
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.delitem(sys.modules, "runloop_mcp.server.rendering.plot_png", raising=False)
    async with serve(scenario_folder(tmp_path / "pack", "answer")) as agent:
        scenario_id = (await agent.call("list_scenarios", query="answer")).found(r"scn_\w+")
        told = await refused(agent, f"runloop://scenarios/{scenario_id}/scores.png")
        assert "pip install 'runloop-mcp[plots]'" in told
        assert "scores.svg" in told
        assert "<svg" in await agent.read(f"runloop://scenarios/{scenario_id}/scores.svg")
        await agent.run_of("answer")
        filled = await agent.client.get_prompt("compare_runs", {"scenario_id": "answer"})
        assert {message.content.type for message in filled.messages} == {"text", "resource"}


async def test_a_wrong_uri_is_answered_with_the_right_forms(serve: Serve) -> None:
    """Unknown forms, ids that are not there and streams that are none."""
    async with serve() as agent:
        assert "runloop://runs/{run_id}/score" in await refused(agent, "runloop://nothing")
        assert "list_runs" in await refused(agent, "runloop://runs/scr_none")
        assert "list_scenarios" in await refused(agent, "runloop://scenarios/scn_none/problem")
        assert "stdout or stderr" in await refused(agent, "runloop://runs/scr_none/executions/exe_none/stdin")
        await refused(agent, "file:///etc/passwd")


async def test_the_prompt_sets_an_agent_to_work(tmp_path: Path, serve: Serve) -> None:
    """It names the calls in order and holds the problem statement; a wrong id says where right ones are."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    async with serve(pack) as agent:
        filled = await agent.client.get_prompt("solve_scenario", {"scenario_id": "answer"})
        text = str(getattr(filled.messages[0].content, "text", ""))
        places = [
            text.index(part) for part in ("start_run(", "exec_on_devbox", "score_run", "complete_run", "Write 42")
        ]
        assert places == sorted(places)
        for arguments in ({"scenario_id": "scn_none"}, {}):
            with pytest.raises(MCPError, match="list_scenarios"):
                await agent.client.get_prompt("solve_scenario", arguments)
        with pytest.raises(MCPError, match="solve_scenario"):
            await agent.client.get_prompt("other", {})


async def test_ids_are_offered_while_they_are_typed(tmp_path: Path, serve: Serve) -> None:
    """A scenario by its id or a word of its name, a run by its id, a stream by its first letters."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    async with serve(pack) as agent:
        run_id = await agent.run_of("answer")
        prompt = PromptReference(name="solve_scenario")
        for typed in ("scn_", "ANSW"):
            offered = await agent.client.complete(prompt, {"name": "scenario_id", "value": typed})
            assert any(value.startswith("scn_") for value in offered.completion.values)
        output = ResourceTemplateReference(uri="runloop://runs/{run_id}/executions/{execution_id}/{stream}")
        offered = await agent.client.complete(output, {"name": "run_id", "value": "scr_"})
        assert offered.completion.values == [run_id]
        offered = await agent.client.complete(output, {"name": "stream", "value": "stdo"})
        assert offered.completion.values == ["stdout"]
