"""Long polls, streams of output, and files: what is more than a question and an answer."""

import json
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qs

import anyio
import pytest
from pydantic import SecretStr
from scripted_server import Answer, Asked, serving

from runloop_mcp.api.errors import NotFound, Unavailable
from runloop_mcp.api.models.devbox import OutputStream
from runloop_mcp.client.retries import RetryPolicy
from runloop_mcp.client.runloop_client import RunloopClient
from runloop_mcp.client.wire import Deadlines

BOX = {"id": "dbx_1", "status": "provisioning", "create_time_ms": 1}
DONE = {"devbox_id": "dbx_1", "execution_id": "exe_1", "status": "completed", "exit_status": 0}
TEXT = "one\ntwo é\u2028three\n"


def client(url: str) -> RunloopClient:
    """A client that does not wait long."""
    return RunloopClient(
        url, SecretStr("key"), policy=RetryPolicy(backoff_scale=0.01), deadlines=Deadlines(1, 0.5, 0.5)
    )


async def test_a_wait_is_held_by_the_server() -> None:
    """A 408 means to ask again, until the time is over; a status that was asked for ends it, and so does the end."""

    async def held(asked: Asked) -> Answer:
        if asked.method == "GET":
            return Answer(200, BOX)
        await anyio.sleep(asked.json["timeout_seconds"])
        return Answer(408, {"message": "not yet"}, {"x-should-retry": "true"})

    async with serving(script=held) as server, client(server.url) as runloop:
        box = await runloop.devboxes.wait("dbx_1", until={"running"}, wait_seconds=0.3)
        assert box.status == "provisioning"
        assert [asked.method for asked in server.asked] == ["POST", "GET"]
        assert server.asked[0].json["statuses"] == ["failure", "running", "shutdown"]
    async with (
        serving(Answer(200, {**BOX, "status": "failure"})) as server,
        client(server.url) as runloop,
    ):
        assert (await runloop.devboxes.wait("dbx_1", until={"running"}, wait_seconds=9)).status == "failure"
        assert len(server.asked) == 1


async def test_a_server_that_does_not_hold_is_not_hammered() -> None:
    """Early answers, whatever their status, are followed by pauses that grow."""
    early = {"wait_for_status": 0}

    def script(asked: Asked) -> Answer:
        early["wait_for_status"] += asked.method == "POST"
        return Answer(200, BOX) if early["wait_for_status"] % 2 else Answer(408, {})

    async with serving(script=script) as server, client(server.url) as runloop:
        await runloop.devboxes.wait("dbx_1", until={"running"}, wait_seconds=1.5)
        assert len(server.asked) <= 5


async def test_a_wait_survives_faults() -> None:
    """Broken answers in between cost nothing but another request."""
    left = [Answer(500, {}), Answer(200, BOX, cut=True), Answer(429, {}, {"retry-after-ms": "1"}), Answer(200, DONE)]
    async with serving(*left) as server, client(server.url) as runloop:
        assert (await runloop.executions.wait("dbx_1", "exe_1", wait_seconds=20)).status == "completed"
    async with serving(Answer(404, {"message": "gone"})) as server, client(server.url) as runloop:
        with pytest.raises(NotFound):
            await runloop.executions.wait("dbx_1", "exe_1", wait_seconds=20)
        assert len(server.asked) == 1


def _events(start: int, size: int) -> bytes:
    """A stream of events, as the server would send what is left of the text in pieces of so many bytes."""
    whole, sent = TEXT.encode(), b": hello\n\n"
    while start < len(whole):
        end = min(start + size, len(whole))
        while end < len(whole) and whole[end] & 0xC0 == 0x80:
            end += 1
        event = json.dumps({"output": whole[start:end].decode(), "offset": end}, ensure_ascii=False)
        sent += b"data: " + event.encode() + b"\n\n"
        start = end
    return sent


async def test_a_stream_goes_on_where_it_broke() -> None:
    """Cut anywhere, refused or ended too soon, it is resumed by the offset: nothing is missing or there twice."""
    count = 0

    def script(asked: Asked) -> Answer:
        nonlocal count
        if not asked.path.endswith("stream_stdout_updates"):
            return Answer(200, {**DONE, "status": "running" if count < 5 else "completed"})
        count += 1
        offset = int(parse_qs(asked.query)["offset"][0])
        headers = {"content-type": "text/event-stream"}
        match count:
            case 1 | 3:
                return Answer(200, _events(offset, 3), headers, cut=True)
            case 2:
                return Answer(503, {})
            case 4:
                return Answer(200, _events(offset, 5)[:40].rsplit(b"\n\n", 1)[0] + b"\n\n", headers)
            case _:
                return Answer(200, _events(offset, 5), headers)

    async with serving(script=script) as server, client(server.url) as runloop:
        chunks = [chunk async for chunk in runloop.executions.stream("dbx_1", "exe_1", OutputStream.STDOUT, offset=4)]
    assert "".join(chunk.text for chunk in chunks) == TEXT[4:]
    assert chunks[0].offset == 4
    assert chunks[-1].end == len(TEXT.encode())
    assert all(one.end == next_.offset for one, next_ in pairwise(chunks))
    assert count == 5


async def test_a_stream_that_says_it_was_broken_off_is_resumed() -> None:
    """Also when the command has completed meanwhile, so that what it said last is not missing."""
    broken = b'event: error\ndata: {"code": 408, "message": "interrupted"}\n\n'

    def script(asked: Asked) -> Answer:
        if not asked.path.endswith("stream_stdout_updates"):
            return Answer(200, DONE)
        offset = int(parse_qs(asked.query)["offset"][0])
        sent = _events(offset, 5)
        head = sent[: sent.index(b"\n\n", sent.index(b"data:")) + 2] + broken
        return Answer(200, head if offset == 0 else sent, {"content-type": "text/event-stream"})

    async with serving(script=script) as server, client(server.url) as runloop:
        chunks = [chunk async for chunk in runloop.executions.stream("dbx_1", "exe_1", OutputStream.STDOUT)]
    assert "".join(chunk.text for chunk in chunks) == TEXT


async def test_files_go_up_and_down_whole(tmp_path: Path) -> None:
    """An upload is sent whole on every attempt; a download that breaks leaves what was there, and then replaces it."""
    source, target = tmp_path / "source", tmp_path / "target"
    data = bytes(range(256)) * 2000
    source.write_bytes(data)
    target.write_bytes(b"before")
    left = [Answer(500, {}), Answer(200, {}), Answer(200, data, cut=True), Answer(200, data)]
    async with serving(*left) as server, client(server.url) as runloop:
        await runloop.devboxes.upload("dbx_1", "a/b", source)
        for asked in server.asked:
            assert data in asked.body
            assert b'name="path"\r\n\r\na/b' in asked.body
        assert len({asked.headers["x-request-id"] for asked in server.asked}) == 1
        assert await runloop.devboxes.download("dbx_1", "a/b", target) == len(data)
    assert target.read_bytes() == data
    async with serving(Answer(404, {"message": "no file"})) as server, client(server.url) as runloop:
        with pytest.raises(NotFound, match="no file"):
            await runloop.devboxes.download("dbx_1", "a/b", target)
    assert target.read_bytes() == data
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "target"]


async def test_a_body_that_drips_is_not_waited_for(tmp_path: Path) -> None:
    """There is a deadline for the whole of an answer, be it read, written to a file or read in part."""
    policy, deadlines = RetryPolicy(most_attempts=1), Deadlines(0.2, 0.2, 0.2)
    slow = Answer(200, b"x" * 200, dripping=True)
    async with serving(slow) as server, RunloopClient(server.url, None, policy=policy, deadlines=deadlines) as runloop:
        with pytest.raises(Unavailable, match="in time"):
            await runloop.devboxes.read_file("dbx_1", "a")
        with pytest.raises(Unavailable, match="in time"):
            await runloop.devboxes.download("dbx_1", "a", tmp_path / "target")
        with pytest.raises(Unavailable, match="in time"):
            await runloop.devboxes.read_range("dbx_1", "a", offset=100)
    assert list(tmp_path.iterdir()) == []
