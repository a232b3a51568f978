"""Progress on every wait: a client hears of a call that takes long, whatever the call waits for."""

from pathlib import Path

import pytest
from mcp.client import Client
from mcp_agent import ERAS, scenario_folder

from runloop_mcp.api.models.run import StartRunParams
from runloop_mcp.api.models.scenario import ScenarioListParams
from runloop_mcp.devbox.sandbox.driver import SandboxDriver
from runloop_mcp.engine.backend import EmbeddedEngine
from runloop_mcp.server.app import build_server


@pytest.mark.parametrize("era", ERAS)
async def test_a_call_that_is_silent_for_long_is_heard_of(tmp_path: Path, devboxes: Path, era: str) -> None:
    """Here scoring waits for a devbox that is still being launched, which no tool reports; progress only goes up."""
    pack = scenario_folder(tmp_path / "pack", "slow", launch_commands=["sleep 0.6"])
    heard: list[tuple[float, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        assert total is None or progress <= total
        heard.append((progress, message))

    engine = EmbeddedEngine(tmp_path / "state", SandboxDriver(devboxes), packs=[pack])
    async with engine, Client(build_server(engine, silence_seconds=0.05), mode=era) as client:
        (scenario,) = (await engine.scenarios.list(ScenarioListParams())).items
        run = await engine.scenarios.start_run(StartRunParams(scenario_id=scenario.id))
        result = await client.call_tool("score_run", {"run_id": run.id}, progress_callback=hear)
        assert not result.is_error
    assert "score_run is still at work" in {message for _, message in heard}
    assert len(heard) > 1
    assert [progress for progress, _ in heard] == sorted({progress for progress, _ in heard})
