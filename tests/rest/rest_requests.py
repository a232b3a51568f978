"""Requests that the tests are told with."""

from typing import Any, Final

import httpx


def contract(scorer: dict[str, Any], name: str = "greets") -> dict[str, Any]:
    """A scoring contract of one scorer."""
    return {"scoring_function_parameters": [{"name": name, "weight": 1, "scorer": scorer}]}


SCENARIO: Final[dict[str, Any]] = {
    "name": "greeting",
    "input_context": {"problem_statement": "Write hello into greeting.txt."},
    "scoring_contract": contract({"type": "command_scorer", "command": "grep hello greeting.txt"}),
}
"""A scenario that is solved by a file that says hello."""


def created(client: httpx.Client, **fields: Any) -> dict[str, Any]:
    """That scenario, with other fields."""
    return _ok(client.post("/v1/scenarios", json=SCENARIO | fields))


def started(client: httpx.Client, scenario_id: str, **fields: Any) -> dict[str, Any]:
    """A run of a scenario."""
    return _ok(client.post("/v1/scenarios/start_run", json={"scenario_id": scenario_id, **fields}))


def _ok(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body
