"""Progress on every wait: who is silent for long is spoken for."""

from pathlib import Path

import anyio
import pytest
from mcp.client import Client
from mcp_agent import ERAS, scenario_folder
from probed_driver import ProbedDriver

from runloop_mcp.api.models.run import StartRunParams
from runloop_mcp.api.models.scenario import ScenarioListParams
from runloop_mcp.engine.backend import EmbeddedEngine
from runloop_mcp.server.app import build_server
from runloop_mcp.server.heartbeat import Heartbeat

PATIENCE_SECONDS = 10


async def test_a_silent_call_is_spoken_for_and_progress_never_goes_back() -> None:
    """Reports come while a call is silent, rise with the tool's own, and stop when it ends."""
    told: list[float] = []
    heard = anyio.Event()

    async def report(progress: float, total: float | None = None, message: str | None = None) -> None:
        del total
        told.append(progress)
        if message and "still at work" in message:
            heard.set()

    heartbeat = Heartbeat(silence_seconds=0.05)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(heartbeat.run, tasks)
        beat = heartbeat.begin("cancel_run", report)
        with anyio.fail_after(PATIENCE_SECONDS):
            await heard.wait()
        await beat(0.0, 20, "at the beginning")
        heartbeat.end(beat)
        spoken = len(told)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    assert told == sorted(told)
    assert len(set(told)) == len(told) >= 2
    assert len(told) == spoken


@pytest.mark.parametrize("era", ERAS)
async def test_a_call_that_is_silent_for_long_is_heard_of(tmp_path: Path, devboxes: Path, era: str) -> None:
    """Here scoring waits for a devbox that is still being launched, which no tool reports; progress only goes up."""
    pack = scenario_folder(tmp_path / "pack", "slow", launch_commands=["sleep 0.6"])
    heard: list[tuple[float, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        assert total is None or progress <= total
        heard.append((progress, message))

    engine = EmbeddedEngine(tmp_path / "state", ProbedDriver(devboxes), packs=[pack])
    async with engine, Client(build_server(engine, silence_seconds=0.05), mode=era) as client:
        (scenario,) = (await engine.scenarios.list(ScenarioListParams())).items
        run = await engine.scenarios.start_run(StartRunParams(scenario_id=scenario.id))
        result = await client.call_tool("score_run", {"run_id": run.id}, progress_callback=hear)
        assert not result.is_error
    assert "score_run is still at work" in {message for _, message in heard}
    assert len(heard) > 1
    assert [progress for progress, _ in heard] == sorted({progress for progress, _ in heard})
