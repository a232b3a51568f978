"""Requests that are sent again: what they began happens once, whatever became of the first answer."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import anyio
import httpx
import pytest
from rest_devboxes import executed, running_devbox
from rest_requests import SCENARIO, created
from rest_server import Served

from runloop_mcp.api.errors import Conflict
from runloop_mcp.rest.answers import Answer
from runloop_mcp.rest.failures import failed
from runloop_mcp.rest.request_ids import RequestIds

ID: Final = "stainless-python-retry-00000000-0000-4000-8000-"


def with_id(number: int) -> dict[str, str]:
    """The header of the retries of one request."""
    return {"x-request-id": f"{ID}{number:012}"}


def test_a_retry_gets_the_first_answer(client: httpx.Client) -> None:
    """The same request under the same id makes one scenario; another id makes another."""
    first = client.post("/v1/scenarios", json=SCENARIO, headers=with_id(1)).json()
    assert client.post("/v1/scenarios", json=SCENARIO, headers=with_id(1)).json() == first
    assert client.post("/v1/scenarios", json=SCENARIO, headers=with_id(2)).json()["id"] != first["id"]


def test_an_id_with_another_body_is_refused(client: httpx.Client) -> None:
    """An id belongs to one request: nobody gets the answer to something else."""
    client.post("/v1/scenarios", json=SCENARIO, headers=with_id(3)).raise_for_status()
    refused = client.post("/v1/scenarios", json=SCENARIO | {"name": "other"}, headers=with_id(3))
    assert refused.status_code == 400
    assert "x-request-id" in refused.json()["message"]


def test_an_id_that_is_too_long_is_refused(client: httpx.Client) -> None:
    """Ids are kept, so they are bounded."""
    assert client.post("/v1/scenarios", json=SCENARIO, headers={"x-request-id": "x" * 300}).status_code == 400


def test_a_retry_of_a_client_that_gave_up_waits_for_the_first(served: Served) -> None:
    """A client that reads no longer does not stop what it asked for, and its retry gets the answer to that."""
    scenario = created(served.client)
    with holding(served, "start_run") as held:
        body = {"scenario_id": scenario["id"]}
        with pytest.raises(httpx.ReadTimeout):
            served.client.post("/v1/scenarios/start_run", json=body, headers=with_id(4), timeout=0.2)
        assert held.calls == 1
        answers: list[Any] = []
        retry = threading.Thread(
            target=lambda: answers.append(
                httpx.post(f"{served.url}/v1/scenarios/start_run", json=body, headers=with_id(4), timeout=60).json()
            )
        )
        retry.start()
        held.let_go()
        retry.join(30)
    runs = served.client.get(f"/v1/scenarios/{scenario['id']}/runs").json()["runs"]
    assert [run["id"] for run in runs] == [answers[0]["id"]]
    assert held.calls == 1


def test_a_run_is_started_once_also_when_answers_are_forgotten(served: Served) -> None:
    """The id goes down to the backend, which knows it for ever: a server that starts anew starts nothing twice."""
    scenario = created(served.client)
    body = {"scenario_id": scenario["id"]}
    first = served.client.post("/v1/scenarios/start_run", json=body, headers=with_id(5)).json()
    with served.another_face() as url:
        again = httpx.post(f"{url}/v1/scenarios/start_run", json=body, headers=with_id(5), timeout=60).json()
    assert again["id"] == first["id"]


class _Held:
    """A method of the backend that waits until it may go on."""

    def __init__(self, served: Served, original: Any) -> None:
        self.calls = 0
        self._served = served
        self._original = original
        self._go = served.portal.call(anyio.Event)

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        await self._go.wait()
        return await self._original(*args, **kwargs)

    def let_go(self) -> None:
        """Lets it go on."""
        self._served.portal.call(self._go.set)


@contextmanager
def holding(served: Served, method: str) -> Iterator[_Held]:
    """Holds a method of the scenarios up."""
    held = _Held(served, getattr(served.backend.scenarios, method))
    setattr(served.backend.scenarios, method, held)
    try:
        yield held
    finally:
        delattr(served.backend.scenarios, method)


SCOPE: Final = ("key", "POST", "/v1/things")


class _Work:
    """Counts how often it is carried out."""

    def __init__(self, *answers: Answer) -> None:
        self.done = 0
        self._answers = answers

    async def __call__(self) -> Answer:
        self.done += 1
        return self._answers[min(self.done, len(self._answers)) - 1]


async def test_an_answer_that_time_can_cure_is_not_kept() -> None:
    """A retry after a 409 is carried out, and its answer is the one that is kept."""
    work = _Work(failed(Conflict("Not yet.")), Answer(b"done"))
    async with anyio.create_task_group() as tasks:
        ids = RequestIds(tasks)
        bodies = [await ids.once((*SCOPE, "1"), b"", work) for _ in range(3)]
    assert [answer.body for answer in bodies if isinstance(answer, Answer)][1:] == [b"done", b"done"]
    assert work.done == 2


async def test_what_is_kept_is_bounded_and_the_oldest_goes_first() -> None:
    """Ten thousand requests with large answers do not fill the memory."""
    async with anyio.create_task_group() as tasks:
        ids = RequestIds(tasks, most_bytes=10)
        first, last = _Work(Answer(b"123456")), _Work(Answer(b"1234"))
        await ids.once((*SCOPE, "1"), b"", first)
        await ids.once((*SCOPE, "2"), b"", last)
        await ids.once((*SCOPE, "3"), b"", _Work(Answer(b"12")))
        await ids.once((*SCOPE, "2"), b"", last)
        await ids.once((*SCOPE, "1"), b"", first)
    assert (first.done, last.done) == (2, 1)


async def test_an_answer_is_forgotten_when_no_client_tries_again() -> None:
    """After its time a request is carried out anew."""
    work = _Work(Answer(b""))
    async with anyio.create_task_group() as tasks:
        ids = RequestIds(tasks, keep_seconds=0)
        await ids.once((*SCOPE, "1"), b"", work)
        await ids.once((*SCOPE, "1"), b"", work)
    assert work.done == 2


async def test_principals_paths_and_methods_have_ids_of_their_own() -> None:
    """Nobody gets an answer that was meant for another key."""
    work = _Work(Answer(b""))
    async with anyio.create_task_group() as tasks:
        ids = RequestIds(tasks)
        for scope in (("a", "POST", "/x", "1"), ("b", "POST", "/x", "1"), ("a", "POST", "/y", "1")):
            await ids.once(scope, b"", work)
    assert work.done == 3


@pytest.mark.parametrize("request_id", ["", "x-request-id: left-alone\r\n"])
def test_nobody_waits_on_for_a_client_that_left(served: Served, request_id: str) -> None:
    """Its connection is free at once, though the answer would be held; what it began goes on."""
    devbox = running_devbox(served.client)
    path, body = (
        (f"/v1/devboxes/{devbox}/execute", b'{"command": "touch ~/begun; until [ -e ~/go ]; do sleep 0.01; done"}')
        if request_id
        else (f"/v1/devboxes/{devbox}/wait_for_status", b'{"statuses": ["shutdown"]}')
    )
    address = urlsplit(served.url)
    with socket.create_connection((address.hostname, address.port), timeout=15) as client:
        head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n{request_id}\r\n"
        client.sendall(head.encode() + body)
        if request_id:
            executed(served.client, devbox, "until [ -e ~/begun ]; do sleep 0.01; done")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    if request_id:
        headers = {"x-request-id": "left-alone"}
        executed(served.client, devbox, "touch ~/go")
        again = served.client.post(path, content=body, headers=headers).json()
        assert (again["status"], again["exit_status"]) == ("completed", 0)
    assert served.client.post(f"/v1/devboxes/{devbox}/shutdown").status_code == 200
