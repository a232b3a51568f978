"""Scenarios, runs and custom scorers over the REST API, as its clients call them."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from rest_requests import SCENARIO, contract, created, started
from rest_server import serving

from runloop_mcp.rest.routes import scenario_runs

_GREET = """\
format: 1
name: greet
scoring_contract:
  scoring_function_parameters:
    - {name: greets, weight: 1, scorer: {type: bash_script_scorer, bash_script: echo 1.0}}
"""


def test_a_scenario_is_created_changed_and_archived(client: httpx.Client) -> None:
    """Update keeps what is absent or null; an archived scenario leaves the lists and comes back."""
    scenario = created(
        client, name="changed", metadata={"a": "1"}, environment_parameters={"working_directory": "/srv"}
    )
    assert scenario["status"] == "active"
    assert scenario["environment"] == {"working_directory": "/srv"}
    path = f"/v1/scenarios/{scenario['id']}"
    changed = client.post(path, json={"name": "renamed", "metadata": None, "input_context": {"problem_statement": "?"}})
    assert changed.json()["name"] == "renamed"
    assert changed.json()["metadata"] == {"a": "1"}
    assert client.get(path).json()["input_context"]["problem_statement"] == "?"
    assert client.post(f"{path}/archive").json()["status"] == "archived"
    assert client.get("/v1/scenarios?name=renamed").json()["scenarios"] == []
    assert len(client.get("/v1/scenarios?name=renamed&status=all").json()["scenarios"]) == 1
    assert client.post(f"{path}/unarchive").json()["status"] == "active"
    assert len(client.get("/v1/scenarios?name=renamed").json()["scenarios"]) == 1


def test_json_that_is_free_comes_back_as_it_was(client: httpx.Client) -> None:
    """Nulls, numbers and unknown fields in what the wire says nothing about are not touched."""
    free = {"null": None, "list": [1, 2.5, None], "text": "é\u2028"}
    context = {"problem_statement": "Say hello.", "additional_context": free, "hint": {"deep": None}}
    scenario = created(client, input_context=context)
    assert client.get(f"/v1/scenarios/{scenario['id']}").json()["input_context"] == context


def test_a_run_goes_its_whole_way(client: httpx.Client) -> None:
    """Start, solve, score, complete; the view carries score and scenario, and the logs come as a zip afterwards."""
    scenario = created(
        client, environment_parameters={"launch_parameters": {"launch_commands": ["echo hello > greeting.txt"]}}
    )
    run = started(client, scenario["id"], run_name="mine", runProfile={"envVars": {"A": "b"}, "purpose": "a test"})
    assert run["state"] == "running"
    assert run["scenario"]["input_context"] == scenario["input_context"]
    assert (run["name"], run["purpose"], run["environment_variables"]) == ("mine", "a test", {"A": "b"})
    path = f"/v1/scenarios/runs/{run['id']}"
    early = client.post(f"{path}/complete")
    assert (early.status_code, early.json()["code"]) == (400, "invalid_state")
    scored = client.post(f"{path}/score").json()
    assert (scored["state"], scored["score"], scored["scoring_contract_result"]["score"]) == ("scored", 1.0, 1.0)
    result = scored["scoring_contract_result"]["scoring_function_results"][0]
    assert (result["scoring_function_name"], result["state"], result["score"]) == ("greets", "complete", 1.0)
    assert client.post(f"{path}/complete").json()["state"] == "completed"
    assert client.get(path).json()["state"] == "completed"
    logs = client.post(f"{path}/download_logs")
    assert logs.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(logs.content)) as archive:
        assert archive.testzip() is None
        assert json.loads(archive.read("score.json"))["score"] == 1.0
    listed = client.get(f"/v1/scenarios/{scenario['id']}/runs").json()
    assert [each["id"] for each in listed["runs"]] == [run["id"]]
    assert client.get("/v1/scenarios/runs?state=running").json()["runs"] == []


def test_answers_are_held_while_scoring_goes_on(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Score and complete wait for a while; then score says how it stands, and complete is to be tried again."""
    scenario = created(client, scoring_contract=contract({"type": "command_scorer", "command": "sleep 1"}))
    run = started(client, scenario["id"])
    path = f"/v1/scenarios/runs/{run['id']}"
    monkeypatch.setattr(scenario_runs, "HOLD_SECONDS", 0.2)
    scoring = client.post(f"{path}/score").json()
    assert scoring["state"] == "scoring"
    assert "score" not in scoring
    busy = client.post(f"{path}/complete")
    assert (busy.status_code, busy.headers["x-should-retry"]) == (409, "true")
    assert int(busy.headers["retry-after-ms"]) > 0
    monkeypatch.setattr(scenario_runs, "HOLD_SECONDS", 20)
    done = client.post(f"{path}/complete").json()
    assert (done["state"], done["score"]) == ("completed", 1.0)


def test_a_run_is_canceled_once_and_for_all(client: httpx.Client) -> None:
    """Cancel answers with the run again and again; scoring a canceled run is a 400, not to be tried again."""
    run = started(client, created(client)["id"])
    path = f"/v1/scenarios/runs/{run['id']}"
    assert client.post(f"{path}/cancel").json()["state"] == "canceled"
    assert client.post(f"{path}/cancel").json()["state"] == "canceled"
    refused = client.post(f"{path}/score")
    assert (refused.status_code, refused.headers["x-should-retry"]) == (400, "false")


def test_a_run_does_not_start_without_what_the_scenario_requires(client: httpx.Client) -> None:
    """What is missing is named in a 400."""
    scenario = created(client, required_environment_variables=["TOKEN_PATH"])
    refused = client.post("/v1/scenarios/start_run", json={"scenario_id": scenario["id"]})
    assert refused.status_code == 400
    assert "TOKEN_PATH" in refused.json()["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/scenarios/scn_000000000000000000000",
        "/v1/scenarios/scn_000000000000000000000/runs",
        "/v1/scenarios/runs/scr_000000000000000000000",
        "/v1/scenarios/scorers/scs_000000000000000000000",
        "/v1/secrets/NOT_THERE",
        "/v1/secrets/id/sec_000000000000000000000",
        "/v1/secrets/id",
    ],
)
def test_what_is_not_there_is_not_found(client: httpx.Client, path: str) -> None:
    """A 404 that clients do not try again."""
    missing = client.get(path)
    assert (missing.status_code, missing.headers["x-should-retry"]) == (404, "false")
    assert missing.json()["code"] == "not_found"


def test_logs_of_no_run_are_not_found(client: httpx.Client) -> None:
    """A download that can't be had is an error of the wire, not an empty archive."""
    assert client.post("/v1/scenarios/runs/scr_000000000000000000000/download_logs").json()["code"] == "not_found"


def test_a_custom_scorer_is_created_tried_and_named_by_scenarios(client: httpx.Client) -> None:
    """Validate runs it in a devbox of its own; a scenario may name only a type that there is."""
    script = (
        "echo \"score=$(python3 -c \"import json,os; print(json.loads(os.environ['RL_SCORER_CONTEXT'])['points'])\")\""
    )
    made = client.post("/v1/scenarios/scorers", json={"type": "points", "bash_script": script}).json()
    assert made["id"].startswith("scs_")
    tried = client.post(f"/v1/scenarios/scorers/{made['id']}/validate", json={"scoring_context": {"points": 0.5}})
    assert tried.status_code == 200, tried.text
    assert tried.json()["scoring_result"]["score"] == 0.5
    assert tried.json()["scoring_context"] == {"points": 0.5}
    assert client.post("/v1/scenarios/scorers", json={"type": "points", "bash_script": script}).status_code == 400
    changed = client.post(f"/v1/scenarios/scorers/{made['id']}", json={"type": "points", "bash_script": "echo 1"})
    assert changed.json()["bash_script"] == "echo 1"
    assert [each["id"] for each in client.get("/v1/scenarios/scorers").json()["scorers"]] == [made["id"]]
    created(client, scoring_contract=contract({"type": "custom_scorer", "custom_scorer_type": "points"}))
    unknown: dict[str, Any] = SCENARIO | {
        "scoring_contract": contract({"type": "custom_scorer", "custom_scorer_type": "nobody_has_this"})
    }
    assert "nobody_has_this" in client.post("/v1/scenarios", json=unknown).json()["message"]


def test_a_secret_is_found_by_name_and_by_id_and_never_shown(client: httpx.Client) -> None:
    """No answer holds the value, the refusal of one that is not valid included."""
    value = "not-to-be-seen-anywhere"
    made = client.post("/v1/secrets", json={"name": "DEPLOY_KEY", "value": value})
    secret = made.json()
    assert client.post("/v1/secrets", json={"name": "DEPLOY_KEY", "value": value}).status_code == 400
    by_id = f"/v1/secrets/id/{secret['id']}"
    assert client.get("/v1/secrets/DEPLOY_KEY").json() == client.get(by_id).json() == secret
    assert client.get("/v1/secrets").json()["secrets"] == [secret]
    updated = client.post("/v1/secrets/DEPLOY_KEY", json={"value": value + "2"}).json()
    assert updated["update_time_ms"] > secret["update_time_ms"]
    refused = client.post(f"{by_id}/update", json={"value": [value]})
    assert refused.status_code == 400
    assert value not in refused.text + made.text
    assert client.post(f"{by_id}/update", json={"value": value + "3"}).status_code == 200
    assert client.post(f"{by_id}/delete").json()["id"] == secret["id"]
    assert client.post("/v1/secrets/DEPLOY_KEY/delete").status_code == 404


def test_a_secret_may_be_named_as_a_part_of_a_path(client: httpx.Client) -> None:
    """What a path spells out goes before its parameters, and is no more than that."""
    client.post("/v1/secrets", json={"name": "id", "value": "not shown"}).raise_for_status()
    assert client.get("/v1/secrets/id").json()["name"] == "id"
    assert client.post("/v1/secrets/id", json={"value": "not shown either"}).json()["name"] == "id"
    assert client.post("/v1/secrets/id/delete").json()["name"] == "id"


def test_a_start_answers_with_the_scenario_that_it_starts_from(
    tmp_path: Path, with_tools: Callable[[Path], Path]
) -> None:
    """Also where its folder was changed just now, before anybody has looked for changes."""
    folder = tmp_path / "pack" / "greet"
    folder.mkdir(parents=True)
    for name, text in {"scenario.yaml": _GREET, "problem.md": "Say hello."}.items():
        (folder / name).write_text(text)
    with_tools(tmp_path / "state" / "sandbox")
    with serving(tmp_path / "state", packs=[folder.parent]) as served:
        (scenario,) = served.client.get("/v1/scenarios").json()["scenarios"]
        (folder / "problem.md").write_text("Say good night.")
        run = started(served.client, scenario["id"])
    assert run["scenario"]["input_context"]["problem_statement"] == "Say good night."
    assert "started_from" not in run
