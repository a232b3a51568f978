"""The main job over a real process: `runloop-mcp` as a client starts it."""

import sys
from pathlib import Path

import pytest
from human import Human
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_agent import ERAS, OLDER_IN_PROOF, Tools, scenario_folder

HOSTILE = r"printf 'half \xed\xa0\xbd nul \x00 bad \xff\n'"


@pytest.mark.parametrize("era", OLDER_IN_PROOF)
async def test_an_agent_goes_from_the_list_to_the_score_over_stdio(tmp_path: Path, devboxes: Path, era: str) -> None:
    """What a client sees that starts the server itself: framing, both eras, hostile bytes, large replies."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    # the folder of the session: what all devboxes share is built there already
    options = ["serve", "--state-dir", str(devboxes), "--scenarios", str(pack)]
    server = StdioServerParameters(command=sys.executable, args=["-m", "runloop_mcp", *options])
    human = Human()
    async with Client(stdio_client(server), mode=era, elicitation_callback=human) as client:
        tools = Tools(client)
        scenario_id = (await tools.call("list_scenarios", query="answer.txt")).structured["scenarios"][0]["scenario_id"]
        run_id = (await tools.call("start_run", scenario_id=scenario_id)).found(r"scr_\w+")
        assert "nul \ufffd bad \ufffd" in (await tools.call("exec_on_devbox", run_id=run_id, command=HOSTILE)).text
        given_up = (await tools.call("start_run", scenario_id=scenario_id)).found(r"scr_\w+")
        await tools.cancel_command(given_up)
        await tools.asks_before_it_gives_up(given_up, human)
        loud = await tools.call("exec_on_devbox", run_id=run_id, command="seq 1 100000")
        whole = await client.read_resource(
            f"runloop://runs/{run_id}/executions/{loud.found(r'exe_[a-zA-Z0-9]+')}/stdout"
        )
        assert str(getattr(whole.contents[0], "text", "")).endswith("\n100000\n")
        await tools.call("write_file", run_id=run_id, path="answer.txt", content="42\n")
        assert (await tools.call("score_run", run_id=run_id)).structured["score"] == pytest.approx(1.0)
        assert "completed" in (await tools.call("complete_run", run_id=run_id)).text


@pytest.mark.proof
@pytest.mark.parametrize("era", ERAS)
async def test_long_work_is_heard_of_within_five_seconds(tmp_path: Path, devboxes: Path, era: str) -> None:
    """Over stdio too; a call without a progress token is answered as well."""
    pack = scenario_folder(tmp_path / "pack", "box")
    options = ["serve", "--state-dir", str(devboxes), "--scenarios", str(pack)]
    server = StdioServerParameters(command=sys.executable, args=["-m", "runloop_mcp", *options])
    heard: list[float] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        del total, message
        heard.append(progress)

    async with Client(stdio_client(server), mode=era) as client:
        tools = Tools(client)
        scenario_id = (await tools.call("list_scenarios", query="answer.txt")).structured["scenarios"][0]["scenario_id"]
        run_id = await tools.run_of(scenario_id)
        arguments = {"run_id": run_id, "command": "sleep 5.2; echo over"}
        await client.call_tool("exec_on_devbox", arguments, progress_callback=hear)
        assert heard
        assert heard[0] <= 5
        assert "\nover\n" in (await tools.call("exec_on_devbox", **arguments)).text
