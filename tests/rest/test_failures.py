"""Who is turned away, and what clients and logs learn of what nobody foresaw."""

import json
import logging

import httpx
import pytest
from rest_requests import created, started
from rest_server import Served

from runloop_mcp.api.access import Principal, Role
from runloop_mcp.api.models.scenario import InputContext
from runloop_mcp.api.models.scoring import ScoringFunctionResult
from runloop_mcp.rest.answers import json_answer
from runloop_mcp.rest.catalogue import ROUTES
from runloop_mcp.rest.openapi.document import openapi_document


def test_what_nobody_foresaw_is_an_error_of_the_wire_and_tells_no_values(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the answer nor the log holds the message of the exception; the log says where it was raised."""

    async def broken(_: str) -> None:
        raise RuntimeError("the value of a secret")

    monkeypatch.setattr(served.backend.scenarios, "retrieve", broken)
    with caplog.at_level(logging.ERROR):
        answer = served.client.get("/v1/scenarios/scn_000000000000000000000")
    assert (answer.status_code, answer.headers["x-should-retry"]) == (500, "true")
    assert answer.json()["code"] == "error"
    assert "secret" not in answer.text + caplog.text
    assert "test_failures.py" in caplog.text


def test_a_solver_is_turned_away(served: Served) -> None:
    """The agent under test would find references and scorers here."""
    solver = Principal("run:scr_1", Role.SOLVER, "scr_1")
    with served.another_face(solver) as url:
        answer = httpx.get(f"{url}/v1/scenarios")
    assert (answer.status_code, answer.headers["x-should-retry"], answer.json()["code"]) == (403, "false", "forbidden")


def test_attempts_are_counted_by_key(served: Served) -> None:
    """Whoever authenticated is whose attempt a run is."""
    scenario = created(served.client)
    started(served.client, scenario["id"])
    with served.another_face(Principal("key:one")) as url, httpx.Client(base_url=url, timeout=60) as client:
        details = started(client, scenario["id"])["x_runloop_mcp"]
    assert (details["principal"], details["attempt"]) == ("key:one", 1)


def test_text_that_is_no_unicode_leaves_as_valid_json() -> None:
    """Bytes of a devbox can hold half a character, which no parser of JSON takes."""
    result = ScoringFunctionResult(scoring_function_name="a", score=0.0, state="complete", output="cut \ud83d here")
    assert json.loads(json_answer(result).body)["output"] == "cut ? here"
    context = InputContext(problem_statement="a", additional_context={"\ud83d": ["\ud83d", 1, None]})
    assert json.loads(json_answer(context).body)["additional_context"] == {"?": ["?", 1, None]}


def test_the_document_says_whether_a_key_is_needed() -> None:
    """A client that is made from it sends one, and knows 401 and 403."""
    with_key, without = (openapi_document(ROUTES[:1], needs_key=needs_key) for needs_key in (True, False))
    assert with_key["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert {"401", "403"} <= set(with_key["paths"]["/v1/scenarios"]["get"]["responses"])
    assert "security" not in without
    assert "401" not in without["paths"]["/v1/scenarios"]["get"]["responses"]
