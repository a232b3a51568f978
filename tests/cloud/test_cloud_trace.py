"""Records of runs in files of this machine: in order, bounded, without secrets, also with servers side by side."""

from pathlib import Path

import anyio
import pytest
from pydantic import SecretStr

from runloop_mcp.api.models.devbox import ExecutionDetails, ExecutionView
from runloop_mcp.api.models.run import ScenarioRunView
from runloop_mcp.api.trace import EventKind, RunEvent
from runloop_mcp.client.runloop_client import RunloopClient
from runloop_mcp.cloud import trace_file
from runloop_mcp.cloud.masking import Known
from runloop_mcp.cloud.sightings import Sightings
from runloop_mcp.cloud.trace import LocalTrace

RUN = "scr_1"


def trace_in(folder: Path, known: Known | None = None) -> LocalTrace:
    """A record that never needs to ask whether there is such a run."""
    trace = LocalTrace(folder, RunloopClient("http://127.0.0.1:9", None), known or Known())
    trace.learn(RUN)
    return trace


def note(text: str) -> RunEvent:
    """An event."""
    return RunEvent(run_id=RUN, kind=EventKind.NOTE, data={"text": text})


async def test_servers_side_by_side_write_one_record(tmp_path: Path) -> None:
    """Every event has a place of its own, and a reader that waits sees what another server writes."""
    traces = [trace_in(tmp_path), trace_in(tmp_path)]
    async with anyio.create_task_group() as tasks:
        for number in range(40):
            tasks.start_soon(traces[number % 2].record, note(str(number)))
        with anyio.fail_after(10):
            assert await trace_in(tmp_path).events(RUN, wait_seconds=10)
    events = await traces[0].events(RUN)
    assert [event.sequence for event in events] == list(range(1, 41))
    assert {event.data["text"] for event in events} == set(map(str, range(40)))
    assert await traces[1].end(RUN) == 40


async def test_secrets_that_are_known_are_covered(tmp_path: Path) -> None:
    """In whatever place of an event they are."""
    known = Known()
    known.learn("TOKEN", SecretStr("hush-4711"))
    await trace_in(tmp_path, known).record(
        RunEvent(
            run_id=RUN, kind=EventKind.CALL, data={"arguments": {"command": "echo hush-4711", "more": ["hush-4711"]}}
        )
    )
    assert b"hush" not in (tmp_path / f"{RUN}.jsonl").read_bytes()
    (event,) = await trace_in(tmp_path).events(RUN)
    assert event.data["arguments"] == {"command": "echo [secret TOKEN]", "more": ["[secret TOKEN]"]}


async def test_a_record_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that grows too large loses its older half, and its places go on; a line that is none is passed over."""
    monkeypatch.setattr(trace_file, "MOST_BYTES", 5_000)
    trace = trace_in(tmp_path)
    for number in range(100):
        await trace.record(note(f"{number} \ud800"))
    assert (tmp_path / f"{RUN}.jsonl").stat().st_size <= 5_000
    with (tmp_path / f"{RUN}.jsonl").open("ab") as file:
        file.write(b"{half a li\n")
    await trace.record(note("last"))
    events = await trace.events(RUN)
    assert (events[-1].sequence, events[-1].data["text"]) == (101, "last")
    assert len(events) < 100


async def test_what_is_seen_again_is_recorded_once(tmp_path: Path) -> None:
    """A state or a command is news once; the next server records the end of a command that it did not begin, once."""

    def execution(status: str) -> ExecutionView:
        details = ExecutionDetails(command="make", duration_ms=5)
        return ExecutionView(devbox_id="dbx_1", execution_id="exe_1", status=status, x_runloop_mcp=details)

    run = ScenarioRunView(id=RUN, scenario_id="scn_1", devbox_id="dbx_1", state="running")
    first = Sightings(trace_in(tmp_path))
    for _ in range(2):
        await first.run(run, "start_run")
        await first.execution(RUN, execution("running"), 1)
    for seen in (Sightings(trace_in(tmp_path)), Sightings(trace_in(tmp_path))):
        await seen.run(run)
        for _ in range(2):
            await seen.execution(RUN, execution("completed"), None)
    events = await trace_in(tmp_path).events(RUN)
    assert [(event.kind, event.data.get("state") or event.data.get("status")) for event in events] == [
        (EventKind.STATE, "running"),
        (EventKind.EXECUTION, "completed"),
    ]
    # Of what others did over the API, nothing is recorded.
    other = execution("completed").model_copy(update={"execution_id": "exe_2"})
    await first.execution(RUN, other, None)
    assert len(await trace_in(tmp_path).events(RUN)) == 2
