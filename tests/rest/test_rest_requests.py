"""How requests are read and refused: routes, bodies and queries."""

import httpx
import pytest
from rest_requests import SCENARIO


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/nothing"),
        ("GET", "/v1"),
        ("GET", "/v1/"),
        ("PUT", "/v1/scenarios"),
        ("DELETE", "/v1/scenarios"),
        ("POST", "/v1/scenarios/some/thing/else"),
        ("GET", "/v1/scenarios/"),
    ],
)
def test_what_is_no_operation_is_not_found(client: httpx.Client, method: str, path: str) -> None:
    """Unknown paths and methods answer 404 with the wire's error, never 405 or 501, which clients would try again."""
    answer = client.request(method, path)
    assert answer.status_code == 404
    assert answer.headers["x-should-retry"] == "false"
    assert answer.json()["code"] == "not_found"
    assert method in answer.json()["message"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"name": "\\ud800"}', "not valid JSON"),
        (b'{"input_context": {"problem_statement": "a", "additional_context": NaN}}', "not valid JSON"),
        (b'{"name": "\xff"}', "not valid JSON"),
        (b"[]", "not an object"),
        (b"null", "not an object"),
        (b"", "name: Field required"),
        (b"{}", "input_context: Field required"),
        (b'{"input_context": {}}', "input_context.problem_statement: Field required"),
        (b'{"input_context": {"problem_statement": null}}', "input_context.problem_statement: Field required"),
        (
            b'{"scoring_contract": {"scoring_function_parameters": [{"scorer": {"type": "command_scorer"}}]}}',
            "scoring_contract.scoring_function_parameters.0.scorer.command: Field required",
        ),
        (b'{"name": 5}', "name: Input should be a valid string"),
    ],
)
def test_a_body_that_is_not_valid_is_refused_by_the_name_of_the_field(
    client: httpx.Client, body: bytes, said: str
) -> None:
    """Whatever comes as a body, the answer is a 400 that says what is wrong, and not to try again."""
    answer = client.post("/v1/scenarios", content=body)
    assert answer.status_code == 400
    assert said in answer.json()["message"]
    assert answer.headers["x-should-retry"] == "false"


def test_a_body_that_is_too_large_is_refused(client: httpx.Client) -> None:
    """More than 32 MiB answers 413 as an error of the wire."""
    answer = client.post("/v1/scenarios", content=b" " * (32 * 2**20 + 1))
    assert answer.status_code == 413
    assert "32 MiB" in answer.json()["message"]


def test_unknown_fields_are_kept_and_nulls_are_as_good_as_absent(client: httpx.Client) -> None:
    """A client that is newer, or that sends every field, is understood."""
    contract = {
        "scoring_function_parameters": [
            {
                "name": "tests",
                "weight": 1,
                "scorer": {"type": "test_based_scorer", "test_command": "true", "test_files": None},
            }
        ]
    }
    made = client.post(
        "/v1/scenarios", json=SCENARIO | {"scoring_contract": contract, "metadata": None, "colour": "red"}
    )
    assert made.status_code == 200, made.text
    assert made.json()["metadata"] == {}
    scorer = made.json()["scoring_contract"]["scoring_function_parameters"][0]["scorer"]
    assert scorer["test_files"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=many", "limit"),
        ("limit=0", "limit"),
        ("limit=5001", "limit"),
        ("name=%ff", "query"),
    ],
)
def test_a_query_that_is_not_valid_is_refused_by_the_name_of_the_field(
    client: httpx.Client, query: str, field: str
) -> None:
    """Limits of pages and other values that can't be are a 400 that names them."""
    answer = client.get(f"/v1/scenarios?{query}")
    assert answer.status_code == 400
    assert field in answer.json()["message"]


def test_a_blank_value_of_a_query_is_as_good_as_absent(client: httpx.Client) -> None:
    """Runloop's TypeScript client sends a null as nothing."""
    query = "limit=&starting_after=&include_total_count=&status=&is_public=&tags=&search="
    assert client.get(f"/v1/scenarios?{query}").status_code == 200


def test_a_list_in_a_query_is_repeated(client: httpx.Client) -> None:
    """A scenario has to carry every tag that is asked for."""
    for tags in ("one", "one, two"):
        client.post("/v1/scenarios", json=SCENARIO | {"metadata": {"tags": tags}}).raise_for_status()
    found = [client.get(f"/v1/scenarios?{query}").json()["total_count"] for query in ("tags=one", "tags=one&tags=two")]
    assert found == [2, 1]


def test_lists_are_pages_with_both_counts(client: httpx.Client) -> None:
    """A page has at most `limit` items, and two counts that are numbers, whatever is asked for."""
    for number in range(3):
        client.post("/v1/scenarios", json=SCENARIO | {"name": f"paged {number}"}).raise_for_status()
    first = client.get("/v1/scenarios?search=paged&limit=2&include_total_count=false").json()
    assert [scenario["name"] for scenario in first["scenarios"]] == ["paged 2", "paged 1"]
    assert (first["has_more"], first["total_count"], first["remaining_count"]) == (True, 3, 1)
    last = first["scenarios"][-1]["id"]
    second = client.get(f"/v1/scenarios?search=paged&limit=2&starting_after={last}").json()
    assert [scenario["name"] for scenario in second["scenarios"]] == ["paged 0"]
    assert (second["has_more"], second["total_count"], second["remaining_count"]) == (False, 3, 0)
