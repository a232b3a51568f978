"""Output over the wire, as server-sent events."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from rest_devboxes import begun, ended, executed, running_devbox
from rest_server import Served, serving

from runloop_mcp.rest import streaming


@pytest.fixture(scope="module")
def devbox(served: Served) -> str:
    """A devbox of the module's own."""
    return running_devbox(served.client)


def events(response: httpx.Response) -> Iterator[dict[str, Any]]:
    """The events of a stream, as they come; the strictest reading: lines of data and comments, nothing else."""
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/event-stream")
    for line in response.iter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))
        else:
            assert not line or line.startswith(":"), line


def streamed(client: httpx.Client, execution: str, stream: str = "stdout", **query: Any) -> list[dict[str, Any]]:
    """All events of a stream."""
    with client.stream("GET", f"{execution}/stream_{stream}_updates", params=query) as response:
        return list(events(response))


def test_output_comes_while_the_command_runs_and_ends_with_it(client: httpx.Client, devbox: str) -> None:
    """Each event tells the byte just past it, and the stream closes when the execution completes."""
    execution = begun(client, devbox, "echo one; read line; echo $line; echo err >&2", attach_stdin=True)
    with client.stream("GET", f"{execution}/stream_stdout_updates") as response:
        seen = events(response)
        assert next(seen) == {"output": "one\n", "offset": 4}
        client.post(f"{execution}/send_std_in", json={"text": "two\n"})
        assert next(seen) == {"output": "two\n", "offset": 8}
        assert list(seen) == []
    assert ended(client, execution)["exit_status"] == 0
    assert streamed(client, execution, "stderr") == [{"output": "err\n", "offset": 4}]


def test_a_stream_is_whole_and_resumes_at_any_event(client: httpx.Client, devbox: str) -> None:
    """However much there is, and whatever characters it is cut between."""
    view = executed(client, devbox, "for n in $(seq 20000); do printf '%s: x\u00e9\u6f22\U0001f600\u2028\\n' $n; done")
    execution = f"/v1/devboxes/{devbox}/executions/{view['execution_id']}"
    whole = "".join(f"{n}: x\u00e9\u6f22\U0001f600\u2028\n" for n in range(1, 20_001))
    chunks = streamed(client, execution)
    assert len(chunks) > 2
    assert "".join(chunk["output"] for chunk in chunks) == whole
    assert chunks[-1]["offset"] == len(whole.encode())
    for chunk in (chunks[0], chunks[1], chunks[-1]):
        rest = "".join(each["output"] for each in streamed(client, execution, offset=chunk["offset"]))
        assert rest == whole.encode()[chunk["offset"] :].decode()
    assert client.get(f"{execution}/stream_stdout_updates", params={"offset": -1}).status_code == 400


def test_a_character_in_two_writes_is_one_character(client: httpx.Client, devbox: str) -> None:
    """Half of it is held back until the rest comes."""
    execution = begun(client, devbox, r"printf '\xe2\x82'; read go; printf '\xac'", attach_stdin=True)
    with client.stream("GET", f"{execution}/stream_stdout_updates") as response:
        lines = response.iter_lines()
        assert next(lines).startswith(":")
        client.post(f"{execution}/send_std_in", json={"text": "go\n"})
        shown = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert shown == [{"output": "\u20ac", "offset": 3}]


def test_an_offset_that_is_not_there_yet_is_waited_for(client: httpx.Client, devbox: str) -> None:
    """Bytes before it are never shown."""
    execution = begun(client, devbox, "echo one; read go; echo two", attach_stdin=True)
    with client.stream("GET", f"{execution}/stream_stdout_updates", params={"offset": 6}) as response:
        client.post(f"{execution}/send_std_in", json={"text": "go\n"})
        assert list(events(response)) == [{"output": "o\n", "offset": 8}]
    assert streamed(client, execution, offset=100) == []


def test_a_silent_stream_is_kept_alive(client: httpx.Client, devbox: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Comments come while no output does."""
    monkeypatch.setattr(streaming, "KEEP_ALIVE_SECONDS", 0.02)
    execution = begun(client, devbox, "read go; echo done", attach_stdin=True)
    with client.stream("GET", f"{execution}/stream_stdout_updates") as response:
        lines = (line for line in response.iter_lines() if line)
        assert [next(lines)[0] for _ in range(3)] == [":"] * 3
        client.post(f"{execution}/send_std_in", json={"text": "go\n"})
        assert json.loads(next(line for line in lines if line[0] != ":").removeprefix("data: "))["output"] == "done\n"


def test_a_stream_ends_when_its_client_goes_away(served: Served, devbox: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads on for a client that is gone."""
    gone = served.portal.call(anyio.Event)
    read_output = served.backend.devboxes.read_output

    async def watched(*arguments: Any, **named: Any) -> Any:
        try:
            return await read_output(*arguments, **named)
        except anyio.get_cancelled_exc_class():
            gone.set()
            raise

    monkeypatch.setattr(served.backend.devboxes, "read_output", watched)
    execution = begun(served.client, devbox, "sleep 1000")
    stream = f"{execution}/stream_stdout_updates"
    with httpx.Client(base_url=served.url) as other, other.stream("GET", stream) as response:
        assert next(response.iter_lines()).startswith(":")

    async def ended_soon() -> None:
        with anyio.fail_after(10):
            await gone.wait()

    served.portal.call(ended_soon)
    assert served.client.post(f"{execution}/kill").status_code == 200


def test_a_stream_that_the_server_ends_says_so(tmp_path: Path, with_tools: Callable[[Path], Path]) -> None:
    """An orderly end would read as the end of the output; this way clients come back, to the next server too."""
    with_tools(tmp_path / "sandbox")
    with httpx.Client(timeout=30) as other:
        with serving(tmp_path) as server:
            execution = begun(server.client, running_devbox(server.client), "echo one; sleep 1000")
            request = other.build_request("GET", f"{server.url}{execution}/stream_stdout_updates")
            response = other.send(request, stream=True)
            lines = (line for line in response.iter_lines() if line)
            assert json.loads(next(line for line in lines if line[0] != ":").removeprefix("data: "))["offset"] == 4
        rest = [line for line in lines if line[0] != ":"]
        response.close()
    assert rest[0] == "event: error"
    assert json.loads(rest[1].removeprefix("data: "))["code"] == 408
    with serving(tmp_path) as again:
        assert streamed(again.client, execution, offset=4) == []
        assert streamed(again.client, execution) == [{"output": "one\n", "offset": 4}]
        assert ended(again.client, execution)["exit_status"] == 137


def test_output_is_streamed_whole_after_shutdown(served: Served) -> None:
    """What a devbox said stays when it is gone."""
    made = running_devbox(served.client)
    execution = begun(served.client, made, "seq 1000")
    ended(served.client, execution)
    served.client.post(f"/v1/devboxes/{made}/shutdown")
    shown = "".join(event["output"] for event in streamed(served.client, execution))
    assert shown == "".join(f"{line}\n" for line in range(1, 1001))
