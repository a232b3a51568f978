"""The OpenAPI document: that it is true, and that it changes on purpose."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from rest_server import Served

from runloop_mcp.rest.catalogue import ROUTES

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden" / "operations.txt"
UPDATE = "UPDATE_GOLDEN"
"""Set this environment variable to write the golden file anew, and read what changed before you commit it."""


def test_the_operations_are_the_golden_ones(client: httpx.Client) -> None:
    """What clients build on changes on purpose only: paths, queries, bodies, answers and statuses."""
    document = client.get("/openapi.json").json()
    lines = [
        _line(method, path, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    text = "\n".join(lines) + "\n"
    if os.environ.get(UPDATE):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text(), f"if this change is meant, run the tests with {UPDATE}=1"


def test_every_route_is_documented_unless_its_address_comes_from_an_answer(client: httpx.Client) -> None:
    """Nothing is served in secret; signed addresses are the exception, since clients never make them up."""
    paths = client.get("/openapi.json").json()["paths"]
    for route in ROUTES:
        assert (route.method.lower() in paths.get(route.path, {})) is not route.is_keyless, route.path


def test_names_of_operations_are_told_apart(client: httpx.Client) -> None:
    """Generators of clients make a function of each."""
    paths = client.get("/openapi.json").json()["paths"]
    names = [operation["operationId"] for operations in paths.values() for operation in operations.values()]
    assert len(names) == len(set(names))


def test_fields_and_parameters_say_what_they_mean(client: httpx.Client) -> None:
    """What the source says of them reaches clients."""
    document = client.get("/openapi.json").json()
    profile = document["components"]["schemas"]["RunProfile"]["properties"]
    assert profile["launchParameters"]["description"] == "What replaces the scenario's, field by field."
    parameters = {each["name"]: each for each in document["paths"]["/v1/scenarios"]["get"]["parameters"]}
    assert parameters["name"]["description"] == "The exact name."


@pytest.mark.timeout(3600)
def test_what_the_document_says_is_so(served: Served, full_size: bool, tmp_path: Path) -> None:
    """Requests made up from the document, valid and not, get only answers that it describes."""
    few = [
        option
        for tag in ("scenarios", "scorers", "secrets", "objects", "accounts")
        for option in ("--include-tag", tag)
    ]
    size = (
        ["--phases", "examples,coverage,fuzzing,stateful", "-n", "20"]
        if full_size
        else ["--phases", "fuzzing", "-n", "1", *few]
    )
    schemathesis = [Path(sys.executable).with_name("schemathesis"), "--config-file", ROOT / "schemathesis.toml"]
    with few_devboxes(served):
        run = subprocess.run(
            [*schemathesis, "run", f"{served.url}/openapi.json", "--seed", "5", "--no-color", *size],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=3000 if full_size else 100,
        )
    assert run.returncode == 0, run.stdout[-20_000:]


@contextmanager
def few_devboxes(served: Served) -> Iterator[None]:
    """Shuts down all but the newest devboxes meanwhile: calls on one that is queued take 20 seconds."""
    over = threading.Event()

    def shut_down() -> None:
        with httpx.Client(base_url=served.url, timeout=60) as client:
            while not over.wait(0.5):
                for status in ("running", "queued"):
                    for devbox in client.get(f"/v1/devboxes?status={status}&limit=1000").json()["devboxes"][3:]:
                        client.post(f"/v1/devboxes/{devbox['id']}/shutdown?force=true")

    thread = threading.Thread(target=shut_down)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _line(method: str, path: str, operation: dict[str, Any]) -> str:
    query = [each["name"] for each in operation.get("parameters", []) if each["in"] == "query"]
    content = operation["responses"]["200"]["content"]
    answer = " or ".join(_name(each["schema"]) or kind for kind, each in content.items())
    taken = [*_bodies(operation), *([f"?{','.join(query)}"] if query else [])]
    statuses = " ".join(operation["responses"])
    return f"{method.upper()} {path} [{operation['operationId']}] {' '.join(taken)} -> {answer} ({statuses})"


def _bodies(operation: dict[str, Any]) -> list[str]:
    content = operation.get("requestBody", {}).get("content", {})
    return [_name(each["schema"]) or kind for kind, each in content.items()]


def _name(schema: dict[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]
