"""Benchmarks, their runs, jobs and accounts over the REST API."""

import io
import zipfile

import httpx
from rest_requests import created, started

NOBODY = "000000000000000000000"


def test_a_benchmark_is_made_run_and_scored(client: httpx.Client) -> None:
    """The run's score is the mean of its scenarios' runs, whose logs come in one archive."""
    right = created(
        client,
        name="right",
        environment_parameters={"launch_parameters": {"launch_commands": ["echo hello > greeting.txt"]}},
    )
    wrong = created(client, name="wrong")
    made = client.post("/v1/benchmarks", json={"name": "both", "scenario_ids": [right["id"]]}).json()
    path = f"/v1/benchmarks/{made['id']}"
    assert made["scenarioIds"] == [right["id"]]
    added = client.post(f"{path}/scenarios", json={"scenarios_to_add": [wrong["id"]]}).json()
    assert added["scenarioIds"] == [right["id"], wrong["id"]]
    definitions = client.get(f"{path}/definitions").json()
    assert [each["name"] for each in definitions["scenarios"]] == ["right", "wrong"]
    run = client.post("/v1/benchmarks/start_run", json={"benchmark_id": made["id"], "run_name": "first"}).json()
    assert (run["state"], run["benchmark_id"], run["name"]) == ("running", made["id"], "first")
    for scenario in (right, wrong):
        one = started(client, scenario["id"], benchmark_run_id=run["id"])
        assert client.post(f"/v1/scenarios/runs/{one['id']}/score").json()["state"] == "scored"
    runs = client.get(f"/v1/benchmark_runs/{run['id']}/scenario_runs").json()
    assert sorted(each["score"] for each in runs["runs"]) == [0.0, 1.0]
    done = client.post(f"/v1/benchmark_runs/{run['id']}/complete").json()
    assert (done["state"], done["score"]) == ("completed", 0.5)
    for logs in (f"/v1/benchmark_runs/{run['id']}", f"/v1/benchmarks/runs/{run['id']}"):
        with zipfile.ZipFile(io.BytesIO(client.post(f"{logs}/download_logs").content)) as archive:
            assert archive.testzip() is None
    assert [each["id"] for each in client.get(f"{path}/runs").json()["runs"]] == [run["id"]]
    assert client.get("/v1/benchmark_runs?state=completed").json()["total_count"] == 1


def test_a_benchmark_is_changed_and_archived(client: httpx.Client) -> None:
    """Update keeps what is absent; an archived benchmark leaves the list, can't be started, and comes back."""
    made = client.post("/v1/benchmarks", json={"name": "old", "description": "kept"}).json()
    path = f"/v1/benchmarks/{made['id']}"
    changed = client.post(path, json={"name": "new", "metadata": {"a": "b"}}).json()
    assert (changed["name"], changed["description"], changed["metadata"]) == ("new", "kept", {"a": "b"})
    assert client.post(f"{path}/archive").json()["status"] == "archived"
    assert client.get("/v1/benchmarks?name=new").json()["benchmarks"] == []
    assert len(client.get("/v1/benchmarks?name=new&status=all").json()["benchmarks"]) == 1
    assert client.post("/v1/benchmarks/start_run", json={"benchmark_id": made["id"]}).status_code == 400
    assert client.post(f"{path}/unarchive").json()["status"] == "active"
    assert client.get(path).json()["status"] == "active"


def test_a_run_of_a_benchmark_is_canceled_with_its_scenarios(client: httpx.Client) -> None:
    """What has not ended ends without a score."""
    scenario = created(client)
    made = client.post("/v1/benchmarks", json={"name": "canceled", "scenario_ids": [scenario["id"]]}).json()
    run = client.post("/v1/benchmarks/start_run", json={"benchmark_id": made["id"]}).json()
    one = started(client, scenario["id"], benchmark_run_id=run["id"])
    assert client.post(f"/v1/benchmark_runs/{run['id']}/cancel").json()["state"] == "canceled"
    assert client.get(f"/v1/scenarios/runs/{one['id']}").json()["state"] == "canceled"
    assert client.get(f"/v1/benchmark_runs/{run['id']}").json()["state"] == "canceled"


def test_what_is_not_there_is_not_found(client: httpx.Client) -> None:
    """Also where it is named in a body."""
    for path in (
        f"/v1/benchmarks/bmd_{NOBODY}",
        f"/v1/benchmarks/bmd_{NOBODY}/runs",
        f"/v1/benchmarks/bmd_{NOBODY}/definitions",
        f"/v1/benchmark_runs/bmr_{NOBODY}",
        f"/v1/benchmark_jobs/bmj_{NOBODY}",
    ):
        assert client.get(path).status_code == 404, path
    assert client.post("/v1/benchmarks/start_run", json={"benchmark_id": f"bmd_{NOBODY}"}).status_code == 404


def test_a_job_needs_what_it_is_to_do(client: httpx.Client) -> None:
    """A job of another tool's format is refused with a reason; the list of jobs is a page."""
    harbor = {"name": "x", "spec": {"type": "harbor", "inline_yaml": "a: b"}}
    refused = client.post("/v1/benchmark_jobs", json=harbor)
    assert refused.status_code == 400
    unknown = client.post("/v1/benchmark_jobs", json={"spec": {"type": "nothing"}})
    assert (unknown.status_code, "spec" in unknown.json()["message"]) == (400, True)
    assert client.get("/v1/benchmark_jobs").json()["jobs"] == []


def test_the_account_is_that_of_whoever_runs_the_server(client: httpx.Client) -> None:
    """Clients ask for it to see that their key is good."""
    account = client.get("/v1/accounts/me").json()
    assert {"id", "name", "account_status", "created_at", "tier"} <= set(account)
    assert account["account_status"] == "ACCOUNT_STATUS_ENABLED"
