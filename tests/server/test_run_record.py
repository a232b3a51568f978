"""The record of a run, as a solver may read it."""

import json
from pathlib import Path
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError
from mcp_agent import OLDER_IN_PROOF, STORED_SECRET, Agent, Serve, scenario_folder

from runloop_mcp.api.trace import EventKind, RunEvent


async def _log(agent: Agent, run_id: str) -> list[dict[str, Any]]:
    text = await agent.read(f"runloop://runs/{run_id}/log")
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


@pytest.mark.parametrize("era", OLDER_IN_PROOF)
async def test_the_log_tells_calls_commands_and_moves_in_order(tmp_path: Path, serve: Serve, era: str) -> None:
    """What the solver did is there as it did it, with its outcome; values of secrets are not."""
    pack = scenario_folder(tmp_path / "pack", "answer", required_secret_names=["DEPLOY_KEY"])
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


async def test_a_long_log_comes_in_parts(tmp_path: Path, serve: Serve) -> None:
    """Each part but the last ends with where the next begins; together they are the whole, each event once."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    async with serve(pack) as agent:
        run_id = await agent.run_of("answer")
        for number in range(100):
            note = RunEvent(run_id=run_id, kind=EventKind.NOTE, data={"text": f"{number} " + "x" * 3900})
            await agent.backend.trace.record(note)
        parts: list[list[dict[str, Any]]] = []
        uri: str | None = f"runloop://runs/{run_id}/log"
        while uri is not None:
            text = await agent.read(uri)
            assert len(text) < 250_000
            events = [json.loads(line) for line in text.splitlines()]
            uri = events.pop()["data"]["next"] if events[-1]["kind"] == "more" else None
            parts.append(events)
        whole = await agent.backend.trace.events(run_id)
        with pytest.raises(MCPError, match="sequence"):
            await agent.read(f"runloop://runs/{run_id}/log/x")
    assert len(parts) > 1
    assert [event["sequence"] for part in parts for event in part] == [event.sequence for event in whole]


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
