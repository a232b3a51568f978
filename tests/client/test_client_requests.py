"""How the client of the Runloop API asks: again where that helps, once for each thing that is to happen."""

import logging

import anyio
import pytest
from pydantic import SecretStr, ValidationError
from scripted_server import Answer, Asked, serving

from runloop_mcp.api.errors import (
    ApiError,
    Conflict,
    Forbidden,
    InvalidRequest,
    InvalidState,
    NotFound,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from runloop_mcp.api.models.devbox import DevboxCreateParams, DevboxListParams
from runloop_mcp.api.models.scenario import ScenarioListParams
from runloop_mcp.api.models.scoring import ScoringContract
from runloop_mcp.client.ask import Ask
from runloop_mcp.client.retries import RetryPolicy
from runloop_mcp.client.runloop_client import RunloopClient
from runloop_mcp.client.wire import Deadlines, Refused

KEY = "rk_a-key-that-nobody-may-see"
BOX = {"id": "dbx_1", "status": "running", "create_time_ms": 1}
QUICK = RetryPolicy(backoff_scale=0.01)
SHORT = Deadlines(connect=1, read=0.2, long_read=0.4)


def client(url: str) -> RunloopClient:
    """A client that does not wait long."""
    return RunloopClient(url, SecretStr(KEY), policy=QUICK, deadlines=SHORT)


@pytest.mark.parametrize(
    "fault",
    [
        Answer(429, {"code": "rate_limited", "message": "slow"}, {"retry-after-ms": "5"}),
        Answer(500, {}),
        Answer(503, {"message": "busy"}, {"x-should-retry": "true"}),
        Answer(408, {"message": "late"}),
        Answer(409, {"message": "not yet"}, {"retry-after-ms": "1"}),
        Answer(200, BOX, cut=True),
        Answer(200, BOX, silent=True),
        Answer(502, b"<html>Bad gateway"),
    ],
    ids=["429", "500", "503", "408", "409", "cut", "silent", "502"],
)
async def test_what_time_cures_is_asked_again_with_one_request_id(fault: Answer) -> None:
    """Whatever goes wrong on the way, the same request comes again under the id it had, so that it happens once."""
    async with serving(fault, fault, Answer(200, BOX)) as server, client(server.url) as runloop:
        box = await runloop.devboxes.create(DevboxCreateParams(name="n"))
        assert box.id == "dbx_1"
        assert len(server.asked) == 3
        assert len({asked.headers["x-request-id"] for asked in server.asked}) == 1
        assert {asked.body for asked in server.asked} == {b'{"name": "n"}'}
        # Another request is another thing.
    async with serving(Answer(200, BOX)) as server, client(server.url) as runloop:
        for _ in range(2):
            await runloop.devboxes.create(DevboxCreateParams(name="n"))
        assert len({asked.headers["x-request-id"] for asked in server.asked}) == 2


@pytest.mark.parametrize(
    ("status", "body", "headers", "kind"),
    [
        (400, {"code": "invalid_request", "message": "No."}, {}, InvalidRequest),
        (400, {"code": "invalid_state", "message": "No."}, {}, InvalidState),
        (401, {"message": "No."}, {}, Unauthorized),
        (403, {"message": "No."}, {}, Forbidden),
        (404, {"message": "No."}, {}, NotFound),
        (422, {"message": "No."}, {}, InvalidRequest),
        (409, {"message": "No."}, {"x-should-retry": "false"}, Conflict),
        (503, {"message": "No."}, {"x-should-retry": "false"}, Unavailable),
    ],
)
async def test_what_stays_refused_is_asked_once(
    status: int, body: object, headers: dict[str, str], kind: type[ApiError]
) -> None:
    """A permanent failure, or one that the server says is, costs one request and is an error of ours with its words."""
    async with serving(Answer(status, body, headers)) as server, client(server.url) as runloop:
        with pytest.raises(kind, match=r"^No\.") as caught:
            await runloop.devboxes.retrieve("dbx_1")
        assert type(caught.value) is kind
        assert len(server.asked) == 1


async def test_trying_ends() -> None:
    """What is never cured ends in an error that says so, whether the server answers or is not there at all."""
    async with serving(Answer(429, {}, {"retry-after-ms": "1"})) as server, client(server.url) as runloop:
        with pytest.raises(RateLimited, match="429"):
            await runloop.devboxes.retrieve("dbx_1")
        assert len(server.asked) == QUICK.most_attempts
    async with serving(Answer(409, {}, {"retry-after": "5"})) as server, client(server.url) as runloop:
        with pytest.raises(Conflict) as caught:
            await runloop.devboxes.retrieve("dbx_1")
        assert (len(server.asked), caught.value.retry_after) == (1, 5)
    async with client(server.url) as runloop:  # nobody listens there any more
        with pytest.raises(Unavailable, match="can't be reached") as gone:
            await runloop.devboxes.retrieve("dbx_1")
        assert gone.value.retryable
    async with serving(Answer(200, b"<html>")) as server, client(server.url) as runloop:
        with pytest.raises(Unavailable, match="no JSON"):
            await runloop.devboxes.retrieve("dbx_1")


async def test_one_refusal_for_being_too_many_slows_all_down() -> None:
    """After a 429 nobody asks until the server's pause is over, and then one after the other."""
    times: list[float] = []
    refused = anyio.Event()

    def script(asked: Asked) -> Answer:
        times.append(anyio.current_time())
        refused.set()
        return Answer(429, {}, {"retry-after-ms": "300"}) if len(times) == 1 else Answer(200, BOX)

    async with serving(script=script) as server, client(server.url) as runloop:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(runloop.devboxes.retrieve, "dbx_0")
            await refused.wait()
            await anyio.sleep(0.05)  # for the answer to arrive
            for number in range(5):
                tasks.start_soon(runloop.devboxes.retrieve, f"dbx_{number}")
        assert len(times) == 7
        later = sorted(times[1:])
        assert later[0] - times[0] > 0.25
        assert later[-1] - later[0] > 0.05


async def test_a_stream_refused_for_being_too_many_slows_all_down() -> None:
    """Also what is no stream: the server does not tell them apart."""
    times: dict[str, float] = {}

    def script(asked: Asked) -> Answer:
        times[asked.path.rsplit("/", 1)[1]] = anyio.current_time()
        refused = asked.path.endswith("stream_stdout_updates")
        return Answer(429, {}, {"retry-after-ms": "300"}) if refused else Answer(200, BOX)

    async with serving(script=script) as server, client(server.url) as runloop:
        with pytest.raises(Refused):
            async with runloop.wire.stream(Ask("GET", "/stream_stdout_updates"), silence_seconds=1):
                pass
        await runloop.devboxes.retrieve("dbx_1")
    assert times["dbx_1"] - times["stream_stdout_updates"] > 0.25


async def test_the_key_is_told_to_the_server_alone(caplog: pytest.LogCaptureFixture) -> None:
    """No log, however much it tells, no error and no representation holds it; what can be no key is refused unseen."""
    caplog.set_level(logging.DEBUG)
    async with serving(Answer(401, {"message": f"bad key {KEY}"})) as server, client(server.url) as runloop:
        with pytest.raises(Unauthorized) as caught:
            await runloop.devboxes.retrieve("dbx_1")
        assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"
        shown = [str(caught.value), repr(caught.value), repr(runloop), repr(runloop.wire), caplog.text]
    assert not [text for text in shown if KEY in text]
    for wrong in ("", "two words", "new\nline", "ключ", None):
        key = None if wrong is None else SecretStr(wrong)
        async with RunloopClient("https://api.runloop.ai", key) as runloop:
            with pytest.raises(Unauthorized, match="RUNLOOP_API_KEY") as refused:
                await runloop.devboxes.retrieve("dbx_1")
        assert not wrong or wrong not in str(refused.value)
    for address in ("api.runloop.ai", "ftp://x", "https://user:pass@x"):
        with pytest.raises(InvalidRequest, match="RUNLOOP_BASE_URL") as bad:
            RunloopClient(address, None)
        assert "pass@" not in str(bad.value)


async def test_answers_of_later_versions_are_understood() -> None:
    """Unknown fields are kept, unknown statuses pass, nulls are as good as absent."""
    newer = {**BOX, "status": "hibernating", "metadata": None, "launch_parameters": None, "colour": "red"}
    page = {"devboxes": [newer], "has_more": False}
    async with serving(Answer(200, newer), Answer(200, page)) as server, client(server.url) as runloop:
        box = await runloop.devboxes.retrieve("dbx_1")
        assert (box.status, box.metadata) == ("hibernating", {})
        assert box.model_dump()["colour"] == "red"
        listed = await runloop.devboxes.list(DevboxListParams(limit=3))
        assert (listed.total_count, listed.has_more) == (1, False)
        assert server.asked[1].query.startswith("limit=3")


async def test_a_scorer_of_a_later_version_is_shown_as_it_is() -> None:
    """One scenario that has it does not take the others of its page along."""
    scorer = {"type": "oracle_scorer", "question": "?"}
    contract = {"scoring_function_parameters": [{"name": "asks", "weight": 1.0, "scorer": scorer}]}
    newer = {"id": "scn_1", "name": "n", "input_context": {"problem_statement": "p"}, "scoring_contract": contract}
    async with serving(Answer(200, {"scenarios": [newer]})) as server, client(server.url) as runloop:
        page = await runloop.scenarios.list(ScenarioListParams())
    assert page.items[0].model_dump()["scoring_contract"] == contract
    with pytest.raises(ValidationError, match="oracle_scorer"):
        ScoringContract.model_validate(contract)


async def test_ids_cannot_reach_other_places() -> None:
    """An id is one step of a path, whatever it holds."""
    async with serving(Answer(200, BOX)) as server, client(server.url) as runloop:
        await runloop.devboxes.retrieve("../accounts/me?x")
        assert server.asked[0].path == "/v1/devboxes/..%2Faccounts%2Fme%3Fx"
        for wrong in ("", "..", "a\nb"):
            with pytest.raises(InvalidRequest):
                await runloop.devboxes.retrieve(wrong)
