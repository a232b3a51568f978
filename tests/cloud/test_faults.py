"""Lifecycles over a wire that breaks: what is asked for happens, once, and no score is another than the engine's."""

import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from fault_proxy import Fault, FaultProxy, proxying
from lifecycles import carry_out
from probed_driver import ProbedDriver
from pydantic import SecretStr
from rest_face import serving_rest

from runloop_mcp.api.models.devbox import DevboxCreateParams, DevboxStatus, ExecuteParams, OutputStream
from runloop_mcp.api.models.storage_object import ContentType, ObjectCreateParams
from runloop_mcp.client.retries import RetryPolicy
from runloop_mcp.cloud.backend import CloudBackend
from runloop_mcp.engine.backend import EmbeddedEngine

_LIFECYCLES = 9
"""So few are enough for every kind of fault to come, and `benchmarks/faults.py` carries out many."""


async def test_every_lifecycle_comes_to_its_end_once(tmp_path: Path, with_tools: Callable[[Path], Path]) -> None:
    """No run is started twice or lost, no command runs twice, no score differs, and nobody hammers the server."""
    with_tools(tmp_path / "sandbox")
    summary = await carry_out(tmp_path, count=_LIFECYCLES, at_once=4, every=6)
    said = "\n".join(summary.lines())
    assert set(summary.injected) == set(Fault), said
    assert summary.runs_there == len({outcome.run_id for outcome in summary.outcomes}) == _LIFECYCLES, said
    assert {outcome.state for outcome in summary.outcomes} == {"completed"}, said
    assert summary.wrong_scores == [], said
    assert summary.asked <= summary.most_asked, said


@pytest.mark.proof
async def test_what_is_read_and_written_is_whole(tmp_path: Path, with_tools: Callable[[Path], Path]) -> None:
    """Files, output by range, archives and objects arrive byte for byte, though every third answer is broken."""
    with_tools(tmp_path / "sandbox")
    data = bytes(range(256)) * 4_000
    faults = [fault for fault in Fault if fault is not Fault.LATE]
    async with (
        serving_rest(EmbeddedEngine(tmp_path, ProbedDriver(tmp_path / "sandbox"))) as url,
        proxying(FaultProxy(url, faults, every=3)) as proxy,
        CloudBackend(tmp_path / "here", proxy.url, SecretStr("key"), policy=RetryPolicy(backoff_scale=0.05)) as backend,
    ):
        box = await backend.devboxes.create(DevboxCreateParams())
        await backend.devboxes.wait(box.id, until={DevboxStatus.RUNNING}, wait_seconds=60)
        for number in range(4):
            assert await backend.devboxes.write_file(box.id, f"file-{number}", data) == len(data)
            part = await backend.devboxes.read_file(box.id, f"file-{number}", offset=1_000, limit=300)
            assert (part.data, part.total_bytes) == (data[1_000:1_300], len(data))
        done = await backend.devboxes.execute(box.id, ExecuteParams(command="cat file-? | sha256sum; seq 1 50000"))
        digest = hashlib.sha256(data * 4).hexdigest()
        whole, offset, place = "", 0, (box.id, done.execution_id, OutputStream.STDOUT)
        while (found := await backend.devboxes.read_output(*place, offset=offset, limit=100_000)).text:
            assert found.offset == offset
            whole, offset = whole + found.text, found.next_offset
        assert whole == f"{digest}  -\n" + "".join(f"{number}\n" for number in range(1, 50_001))
        for number in range(3):
            made = await backend.objects.create(ObjectCreateParams(name=str(number), content_type=ContentType.BINARY))
            await backend.objects.write(made.id, _chunks(data))
            await backend.objects.complete(made.id)
            assert await backend.objects.read(made.id, tmp_path / "copy") == len(data)
            assert (tmp_path / "copy").read_bytes() == data
        assert set(proxy.injected) == set(faults)


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 100_000):
        yield data[start : start + 100_000]
