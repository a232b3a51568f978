"""Devboxes that the tests use over the wire."""

from typing import Any

import httpx


def running_devbox(client: httpx.Client, **fields: Any) -> str:
    """The id of a new devbox that runs."""
    answer = client.post("/v1/devboxes/create_and_await_running", json=fields)
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "running", answer.text
    made: str = answer.json()["id"]
    return made


def executed(client: httpx.Client, devbox_id: str, command: str, **fields: Any) -> dict[str, Any]:
    """A command, run to its end."""
    answer = client.post(f"/v1/devboxes/{devbox_id}/execute", json={"command": command} | fields)
    assert answer.status_code == 200, answer.text
    view: dict[str, Any] = answer.json()
    assert view["status"] == "completed", view
    return view


def begun(client: httpx.Client, devbox_id: str, command: str, **fields: Any) -> str:
    """The path of an execution that has begun."""
    answer = client.post(f"/v1/devboxes/{devbox_id}/execute_async", json={"command": command} | fields)
    assert answer.status_code == 200, answer.text
    return f"/v1/devboxes/{devbox_id}/executions/{answer.json()['execution_id']}"


def ended(client: httpx.Client, execution: str) -> dict[str, Any]:
    """An execution, once it has ended."""
    answer = client.post(f"{execution}/wait_for_status", json={"statuses": ["completed"], "timeout_seconds": 25})
    assert answer.status_code == 200, answer.text
    view: dict[str, Any] = answer.json()
    return view
