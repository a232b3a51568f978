"""Runs beyond the limit on devboxes at once, as an agent meets them."""

from pathlib import Path

from mcp_agent import Serve, scenario_folder


async def test_an_agent_is_told_its_place_in_the_queue(tmp_path: Path, serve: Serve) -> None:
    """At once when it starts, whenever it looks, and while it waits; its turn comes when another run is done."""
    told: list[str | None] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        told.append(message)

    async with serve(scenario_folder(tmp_path / "pack", "answer"), max_devboxes=1) as agent:
        first = await agent.run_of("answer")
        started = await agent.call("start_run", scenario_id="answer")
        second = started.found(r"scr_\w+")
        assert "is queued, place 1 of 1 in the queue" in started.text
        assert "Write 42 into answer.txt." in started.text
        assert f'get_run(run_id="{second}"' in started.text
        assert "is queued, place 1 of 1 in the queue" in (await agent.call("get_run", run_id=second)).text
        waits = {"run_id": second, "wait_seconds": 0.05}
        await agent.client.call_tool("get_run", waits, progress_callback=on_progress)
        assert told == ["The devbox is queued, place 1 of 1 in the queue"]
        await agent.call("cancel_run", run_id=first)
        assert "is running" in (await agent.call("get_run", run_id=second, wait_seconds=20)).text
        assert "Exit status 0" in (await agent.call("exec_on_devbox", run_id=second, command="true")).text
