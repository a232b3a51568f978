"""Devboxes over the wire: made, waited for, named, suspended, snapshotted and ended."""

import re
from typing import Any

import httpx
import pytest
from rest_devboxes import executed, running_devbox

from runloop_mcp.rest.routes import devboxes

ENDED = {"statuses": ["shutdown"]}


def test_a_devbox_is_made_and_waited_for(client: httpx.Client) -> None:
    """`create` answers at once; `wait_for_status` blocks until it runs; and it is ended once for all."""
    made = client.post("/v1/devboxes", json={"name": "mine", "metadata": {"of": "test"}})
    assert made.status_code == 200
    devbox = made.json()
    assert re.fullmatch("dbx_[0-9A-Za-z]{21}", devbox["id"])
    for field in ("capabilities", "create_time_ms", "launch_parameters", "metadata", "state_transitions", "status"):
        assert field in devbox
    path = f"/v1/devboxes/{devbox['id']}"
    statuses = {"statuses": ["running", "failure", "shutdown"]}
    running = client.post(f"{path}/wait_for_status", json=statuses).json()
    assert (running["status"], running["name"], running["metadata"]) == ("running", "mine", {"of": "test"})
    assert client.post(f"{path}/keep_alive").json() == {}
    for _ in range(2):
        assert client.post(f"{path}/shutdown").json()["status"] == "shutdown"
    ended = client.get(path).json()
    assert (ended["status"], ended["shutdown_reason"]) == ("shutdown", "api_shutdown")
    assert ended["end_time_ms"] >= ended["create_time_ms"]


def test_a_wait_is_never_answered_early(client: httpx.Client) -> None:
    """It blocks, then answers 408; 400 where the devbox has ended, or a status is none."""
    path = f"/v1/devboxes/{running_devbox(client)}"
    for statuses in (["suspended"], ["scheduled", "failure"]):
        late = client.post(f"{path}/wait_for_status", json={"statuses": statuses, "timeout_seconds": 0.2})
        assert late.status_code == 408
        assert late.headers["x-should-retry"] == "true"
        assert late.json()["code"] == "timeout"
    assert client.post(f"{path}/wait_for_status", json={"statuses": ["asleep"]}).status_code == 400
    assert client.post(f"{path}/wait_for_status", json={"statuses": []}).status_code == 400
    assert client.post(f"{path}/shutdown").status_code == 200
    never = client.post(f"{path}/wait_for_status", json={"statuses": ["running"]})
    assert (never.status_code, never.headers["x-should-retry"]) == (400, "false")


@pytest.mark.parametrize("route", ["devboxes", "devboxes/create_and_await_running"])
def test_a_retried_create_makes_one_devbox(client: httpx.Client, route: str) -> None:
    """Retries carry the id of the first request."""
    headers = {"x-request-id": f"stainless-node-retry-{route}"}
    ids = {client.post(f"/v1/{route}", json={}, headers=headers).json()["id"] for _ in range(2)}
    assert len(ids) == 1
    assert client.post(f"/v1/devboxes/{ids.pop()}/shutdown").status_code == 200


def test_a_devbox_that_takes_long_is_answered_as_it_stands(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients go on with `wait_for_status` then, which answers once it runs."""
    monkeypatch.setattr(devboxes, "_CREATE_SECONDS", 0)
    launch = {"launch_commands": ["sleep 0.5"]}
    made = client.post("/v1/devboxes/create_and_await_running", json={"launch_parameters": launch})
    assert (made.status_code, made.json()["status"] in {"provisioning", "initializing"}) == (200, True)
    path = f"/v1/devboxes/{made.json()['id']}"
    waited = client.post(f"{path}/wait_for_status", json={"statuses": ["running", "failure", "shutdown"]})
    assert (waited.status_code, waited.json()["status"]) == (200, "running")
    assert client.post(f"{path}/shutdown").status_code == 200


def test_a_devbox_that_can_not_boot_is_told_so(client: httpx.Client) -> None:
    """As a devbox that has failed, which clients make an error of; the reason stands beside."""
    made = client.post(
        "/v1/devboxes/create_and_await_running", json={"launch_parameters": {"launch_commands": ["exit 3"]}}
    ).json()
    assert made["status"] == "failure"
    assert made["failure_reason"] == "execution_failed"
    answer = client.post(f"/v1/devboxes/{made['id']}/execute", json={"command": "true"})
    assert (answer.status_code, answer.headers["x-should-retry"]) == (400, "false")


def test_an_execute_on_a_booting_devbox_waits(client: httpx.Client) -> None:
    """Nobody has to wait for `running` first."""
    devbox = client.post("/v1/devboxes", json={"launch_parameters": {"launch_commands": ["echo up > ~/up"]}}).json()
    assert executed(client, devbox["id"], "cat ~/up")["stdout"] == "up\n"
    assert client.post(f"/v1/devboxes/{devbox['id']}/shutdown").status_code == 200


def test_devboxes_are_named_and_listed(client: httpx.Client) -> None:
    """Newest first, in pages with both counts, by status; an old name of a status is understood."""
    ids = [running_devbox(client, name=name) for name in ("first", "second")]
    updated = client.post(f"/v1/devboxes/{ids[0]}", json={"name": "renamed", "metadata": {"a": "b"}}).json()
    assert (updated["name"], updated["metadata"]) == ("renamed", {"a": "b"})
    page = client.get("/v1/devboxes", params={"status": "running", "limit": 1}).json()
    assert [each["id"] for each in page["devboxes"]] == [ids[1]]
    assert page["has_more"]
    assert page["remaining_count"] == page["total_count"] - 1
    more = client.get("/v1/devboxes", params={"status": "running", "starting_after": ids[1]}).json()
    assert more["devboxes"][0]["id"] == ids[0]
    assert client.get("/v1/devboxes", params={"status": "scheduled"}).json()["devboxes"] == []
    assert client.get("/v1/devboxes", params={"status": "asleep"}).status_code == 400
    for each in ids:
        client.post(f"/v1/devboxes/{each}/shutdown")


def test_a_devbox_is_suspended_and_resumed(client: httpx.Client) -> None:
    """Its disk stays; what is not in its state is a 400."""
    path = f"/v1/devboxes/{running_devbox(client)}"
    executed(client, path.rsplit("/", 1)[1], "echo kept > ~/file")
    assert client.post(f"{path}/resume").status_code == 400
    assert client.post(f"{path}/suspend").json()["status"] in {"suspending", "suspended"}
    statuses = {"statuses": ["suspended", "failure", "shutdown"]}
    assert client.post(f"{path}/wait_for_status", json=statuses).json()["status"] == "suspended"
    assert client.post(f"{path}/suspend").status_code == 400
    assert client.post(f"{path}/resume").status_code == 200
    assert client.post(f"{path}/wait_for_status", json={"statuses": ["running"]}).json()["status"] == "running"
    assert executed(client, path.rsplit("/", 1)[1], "cat ~/file")["stdout"] == "kept\n"
    assert client.post(f"{path}/shutdown").status_code == 200


def test_logs_and_usage_are_told_after_shutdown(client: httpx.Client) -> None:
    """What ran, and what it took."""
    devbox = running_devbox(client)
    execution = executed(client, devbox, "echo logged")
    assert client.post(f"/v1/devboxes/{devbox}/shutdown").status_code == 200
    logs = client.get(f"/v1/devboxes/{devbox}/logs").json()["logs"]
    assert any("logged" in (line.get("message") or "") + (line.get("cmd") or "") for line in logs)
    own = client.get(f"/v1/devboxes/{devbox}/logs", params={"execution_id": execution["execution_id"]}).json()["logs"]
    assert {line["cmd_id"] for line in own} == {execution["execution_id"]}
    usage = client.get(f"/v1/devboxes/{devbox}/usage").json()
    assert (usage["id"], usage["status"]) == (devbox, "shutdown")
    for field in ("disk_gb_seconds", "memory_gb_seconds", "vcpu_seconds", "total_active_seconds", "start_time_ms"):
        assert usage[field] >= 0


def test_a_disk_is_kept_and_begun_from(client: httpx.Client) -> None:
    """A snapshot is made, found, renamed, begun from and deleted."""
    devbox = running_devbox(client)
    executed(client, devbox, "echo kept > ~/file")
    made = client.post(f"/v1/devboxes/{devbox}/snapshot_disk", json={"name": "one", "metadata": {"of": "test"}})
    assert made.status_code == 200, made.text
    snapshot: dict[str, Any] = made.json()
    assert (snapshot["source_devbox_id"], snapshot["metadata"]) == (devbox, {"of": "test"})
    path = f"/v1/devboxes/disk_snapshots/{snapshot['id']}"
    status = client.get(f"{path}/status").json()
    assert (status["status"], status["snapshot"]["id"]) == ("complete", snapshot["id"])
    assert client.post(path, json={"name": "renamed"}).json()["name"] == "renamed"
    for query in ({"devbox_id": devbox}, {"metadata[of]": "test"}, {"metadata[of][in]": "rest,test"}):
        listed = client.get("/v1/devboxes/disk_snapshots", params=query).json()
        assert [each["id"] for each in listed["snapshots"]] == [snapshot["id"]]
    assert client.get("/v1/devboxes/disk_snapshots", params={"metadata[of]": "other"}).json()["snapshots"] == []
    assert client.get("/v1/devboxes/disk_snapshots/list_public").json()["total_count"] == 0
    other = running_devbox(client, snapshot_id=snapshot["id"])
    assert executed(client, other, "cat ~/file")["stdout"] == "kept\n"
    for each in (devbox, other):
        assert client.post(f"/v1/devboxes/{each}/shutdown").status_code == 200
    for _ in range(2):
        assert client.post(f"{path}/delete").json() == {}
    assert client.get(f"{path}/status").json()["status"] == "deleted"


def test_a_disk_is_kept_in_the_background(client: httpx.Client) -> None:
    """`snapshot_disk_async` answers at once, and `status` tells the rest."""
    devbox = running_devbox(client)
    begun = client.post(f"/v1/devboxes/{devbox}/snapshot_disk_async")
    assert begun.status_code == 200
    path = f"/v1/devboxes/disk_snapshots/{begun.json()['id']}/status"
    status = client.get(path).json()["status"]
    while status == "in_progress":
        status = client.get(path).json()["status"]
    assert status == "complete"
    assert client.post(f"/v1/devboxes/{devbox}/shutdown", params={"force": "true"}).status_code == 200


@pytest.mark.parametrize("field", ["tunnel", "gateways", "mcp"])
def test_a_devbox_that_would_lack_what_was_asked_for_is_refused(client: httpx.Client, field: str) -> None:
    """By the name of the field; an explicit null asks for nothing."""
    answer = client.post("/v1/devboxes", json={field: {"auth_mode": "open"}})
    assert (answer.status_code, answer.headers["x-should-retry"]) == (400, "false")
    assert answer.json()["message"].startswith(f"{field}: ")
    devbox = running_devbox(client, **{field: None})
    assert client.post(f"/v1/devboxes/{devbox}/shutdown").status_code == 200


@pytest.mark.parametrize(
    "route", ["create_ssh_key", "enable_tunnel", "remove_tunnel", "create_pty_tunnel", "create_mcp_token"]
)
def test_what_a_local_devbox_can_not_have_is_not_found(client: httpx.Client, route: str) -> None:
    """With the wire's error, which clients don't try again."""
    answer = client.post(f"/v1/devboxes/dbx_000000000000000000000/{route}", json={})
    assert (answer.status_code, answer.headers["x-should-retry"]) == (404, "false")
    assert client.get("/v1/devboxes/evictions/watch").status_code == 404
