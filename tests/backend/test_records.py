"""The contract of a run's record, of its archive, and of the keys that make a move happen once."""

import json
import zipfile
from pathlib import Path

import pytest
from backend_cases import OpenBackend
from greeting_scenario import run_command, started

from runloop_mcp.api.access import Principal
from runloop_mcp.api.errors import InvalidRequest, InvalidState, NotFound
from runloop_mcp.api.models.devbox import ExecuteParams
from runloop_mcp.api.models.run import RunState
from runloop_mcp.api.trace import EventKind, RunEvent, ToolCall


async def test_a_record_goes_on_where_its_reader_was(open_backend: OpenBackend) -> None:
    """Each event has a number above those before it; what was recorded is there for the next server."""
    async with open_backend() as backend:
        run = await started(backend)
        begun = await backend.trace.end(run.id)
        await backend.trace.record(RunEvent(run_id=run.id, kind=EventKind.NOTE, data={"text": "one"}))
        call = ToolCall(tool="any", arguments={"a": 1}, principal="p", start_time_ms=5)
        await backend.trace.record(call.event(run.id, end_time_ms=7, error="refused"))
        events = await backend.trace.events(run.id, after=begun)
        assert [event.kind for event in events] == [EventKind.NOTE, EventKind.CALL]
        assert events[0].sequence < events[1].sequence == await backend.trace.end(run.id)
        assert events[1].data["arguments"] == {"a": 1}
        assert (events[1].data["outcome"], events[1].data["error"], events[1].data["duration_ms"]) == (
            "error",
            "refused",
            2,
        )
        assert await backend.trace.events(run.id, after=events[0].sequence) == events[1:]
        assert await backend.trace.events(run.id, after=events[1].sequence, wait_seconds=0) == []
    async with open_backend() as backend:
        assert await backend.trace.events(run.id, after=begun, limit=2) == events


async def test_the_archive_of_a_run_holds_what_happened_in_it(open_backend: OpenBackend, tmp_path: Path) -> None:
    """Record, outputs, score, task, also after the end; a file that can't be written is told and nothing is left."""
    target = tmp_path / "run.zip"
    target.write_text("what was here before")
    async with open_backend() as backend:
        run = await started(backend)
        loud = await run_command(backend, run, "seq 1 100000; echo oops >&2")
        long = ExecuteParams(command="echo under way; touch begun; sleep 60")
        await backend.devboxes.execute(run.devbox_id, long, wait_seconds=0)
        await run_command(backend, run, "until test -e begun; do sleep 0.01; done")
        await backend.runs.score(run.id)
        assert await backend.runs.download_logs(run.id, target) == target.stat().st_size
        for wrong in (tmp_path / "none" / "run.zip", tmp_path):
            with pytest.raises(InvalidRequest, match="can't be written"):
                await backend.runs.download_logs(run.id, wrong)
        with pytest.raises(NotFound):
            await backend.runs.download_logs("scr_none", tmp_path / "none.zip")
    with zipfile.ZipFile(target) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert texts[f"outputs/{loud.execution_id}.stdout"].endswith("\n100000\n")
    assert texts[f"outputs/{loud.execution_id}.stderr"] == "oops\n"
    assert "under way\n" in texts.values()
    assert texts["problem.md"] == "Write hello into greeting.txt."
    assert json.loads(texts["score.json"])["score"] == 0.0
    kinds = [json.loads(line)["kind"] for line in texts["trace.jsonl"].splitlines()]
    assert kinds.count("execution") == 3
    assert kinds[0] == kinds[-1] == "state"
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["run.zip"]


async def test_a_key_scores_and_completes_one_run(open_backend: OpenBackend) -> None:
    """Repeated with its key, a move is the one that was made; the key is refused for another run, and is one's own."""
    async with open_backend() as backend:
        first, second = await started(backend), await started(backend)
        with pytest.raises(InvalidState):
            await backend.runs.complete(first.id, idempotency_key="end")
        scores = [(await backend.runs.score(first.id, idempotency_key="k")).score for _ in range(2)]
        assert scores == [0.0, 0.0]
        with pytest.raises(InvalidRequest, match="other arguments"):
            await backend.runs.score(second.id, idempotency_key="k")
        assert (await backend.runs.retrieve(second.id)).state == RunState.RUNNING
        # Asked for again with a new key, the stored score is what that key is for.
        assert (await backend.runs.score(first.id, idempotency_key="k2")).score == 0.0
        for _ in range(2):
            assert (await backend.runs.complete(first.id, idempotency_key="end")).state == RunState.COMPLETED
        other = Principal("other")
        await backend.runs.score(second.id, principal=other, idempotency_key="k")
    async with open_backend() as backend:
        for key in ("k2", "k"):
            with pytest.raises(InvalidRequest, match="other arguments"):
                await backend.runs.score(second.id, idempotency_key=key)
        with pytest.raises(InvalidRequest, match="other arguments"):
            await backend.runs.complete(second.id, idempotency_key="end")
        assert (await backend.runs.retrieve(second.id)).state == RunState.SCORED
