"""The record of a run, as a solver may read it, and being told that it has changed."""

import json
import warnings
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp_agent import ERAS, STORED_SECRET, Agent, Serve, scenario_folder

from runloop_mcp.devbox.sandbox.driver import SandboxDriver
from runloop_mcp.engine.backend import EmbeddedEngine
from runloop_mcp.server.app import build_server

PATIENCE_SECONDS = 20


async def _log(agent: Agent, run_id: str) -> list[dict[str, Any]]:
    text = await agent.read(f"runloop://runs/{run_id}/log")
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


@pytest.mark.parametrize("era", ERAS)
async def test_the_log_tells_calls_commands_and_moves_in_order(tmp_path: Path, serve: Serve, era: str) -> None:
    """What the solver did is there as it did it, with its outcome; values of secrets are not."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    async with serve(pack, era=era) as agent:
        run_id = await agent.run_of("answer", secrets={"KEY": "DEPLOY_KEY"})
        await agent.call("exec_on_devbox", run_id=run_id, command=f"echo {STORED_SECRET} > /dev/null; exit 3")
        await agent.refused("read_file", run_id=run_id, path="missing.txt")
        await agent.call("write_file", run_id=run_id, path="answer.txt", content="42\n")
        await agent.call("score_run", run_id=run_id)
        text = await agent.read(f"runloop://runs/{run_id}/log")
        log = await _log(agent, run_id)
    assert STORED_SECRET not in text
    assert [event["sequence"] for event in log] == sorted(event["sequence"] for event in log)
    calls = [(event["data"]["tool"], event["data"]["outcome"]) for event in log if event["kind"] == "call"]
    assert ("exec_on_devbox", "ok") in calls
    assert ("read_file", "error") in calls
    assert ("write_file", "ok") in calls
    (execution,) = [event["data"] for event in log if event["kind"] == "execution"]
    assert execution["exit_status"] == 3
    states = [event["data"]["state"] for event in log if event["kind"] == "state"]
    assert states == ["running", "scoring", "scored"]


@pytest.mark.parametrize(("disclosure", "told"), [("sealed", False), ("named", True)])
async def test_the_log_tells_of_a_score_what_the_scenario_discloses(
    tmp_path: Path, serve: Serve, disclosure: str, told: bool
) -> None:
    """A sealed score is not in the log; neither is what scorers run or the reference, whatever is disclosed."""
    pack = scenario_folder(tmp_path / "pack", "answer", metadata={"disclosure": disclosure})
    async with serve(pack) as agent:
        run_id = await agent.run_of("answer")
        await agent.call("score_run", run_id=run_id)
        text = await agent.read(f"runloop://runs/{run_id}/log")
    assert ("right-answer" in text) is told
    assert "echo 42" not in text
    assert 'test "$(cat' not in text


async def test_a_log_is_read_on_from_a_place(tmp_path: Path, serve: Serve) -> None:
    """What comes after an event that was seen can be read alone."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    async with serve(pack) as agent:
        run_id = await agent.run_of("answer")
        seen = (await _log(agent, run_id))[-1]["sequence"]
        await agent.call("exec_on_devbox", run_id=run_id, command="true")
        text = await agent.read(f"runloop://runs/{run_id}/log/{seen}")
    later = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert later
    assert min(event["sequence"] for event in later) > seen


@pytest.mark.parametrize("era", ERAS)
async def test_subscribers_are_told_whoever_changed_the_run(tmp_path: Path, era: str) -> None:
    """A move that another server on the state directory makes is told, in both eras."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    state = tmp_path / "state"
    told = anyio.Event()
    uris: list[str] = []

    async def heard(message: Any) -> None:
        if getattr(message, "method", "") == "notifications/resources/updated":
            uris.append(str(message.params.uri))
            told.set()

    async with EmbeddedEngine(state, SandboxDriver(state / "sandbox"), packs=[pack]) as engine:
        client = Client(build_server(engine), mode=era, message_handler=heard)
        with anyio.fail_after(PATIENCE_SECONDS):
            async with client, EmbeddedEngine(state, SandboxDriver(state / "sandbox"), packs=[pack]) as other:
                agent = Agent(client, engine)
                run_id = await agent.run_of("answer")
                uri = f"runloop://runs/{run_id}"
                await engine.devboxes.wait(
                    (await engine.runs.retrieve(run_id)).devbox_id, until={"running"}, wait_seconds=20
                )
                held = engine._engine.keeper.get((await engine.runs.retrieve(run_id)).devbox_id)
                assert held is not None
                await engine._engine.keeper.stop(held)
                await engine._engine.keeper.release(held, forget=False)
                if era == "legacy":
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        await client.subscribe_resource(uri)
                    await other.runs.cancel(run_id)
                    await told.wait()
                    assert uris[0] == uri
                else:
                    async with client.listen(resource_subscriptions=[uri]) as stream:
                        await other.runs.cancel(run_id)
                        async for event in stream:
                            assert event.uri == uri
                            break


async def test_what_can_not_be_subscribed_to_is_refused(tmp_path: Path, serve: Serve) -> None:
    """The error names what can be."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    async with serve(pack, era="legacy") as agent:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for uri in ("runloop://scenarios", "runloop://runs/scr_missing"):
                with pytest.raises(MCPError):
                    await agent.client.subscribe_resource(uri)


async def test_one_key_is_for_one_run(tmp_path: Path, serve: Serve) -> None:
    """A key that scored one run is good for that again, and refused for another."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    async with serve(pack) as agent:
        first, second = await agent.run_of("answer"), await agent.run_of("answer")
        for _ in range(2):
            await agent.call("score_run", run_id=first, idempotency_key="k1")
        assert "key" in await agent.refused("score_run", run_id=second, idempotency_key="k1")
        for _ in range(2):
            await agent.call("complete_run", run_id=first, idempotency_key="k2")
