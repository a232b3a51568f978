"""Blueprints over the wire."""

import httpx


def test_a_blueprint_is_built_and_begun_from(client: httpx.Client) -> None:
    """It is made, listed, logged, begun from by its name, and deleted."""
    sent = {"name": "tools", "system_setup_commands": ["echo built | tee ~/built"], "file_mounts": {"note": "n"}}
    made = client.post("/v1/blueprints", json=sent).json()
    assert made["parameters"]["system_setup_commands"] == sent["system_setup_commands"]
    path = f"/v1/blueprints/{made['id']}"
    while (view := client.get(path).json())["status"] not in {"build_complete", "failed"}:
        pass
    assert (view["status"], view["state"], view["is_public"]) == ("build_complete", "created", False)
    logs = client.get(f"{path}/logs").json()
    assert logs["blueprint_id"] == made["id"]
    assert any("built" in line["message"] for line in logs["logs"])
    for query, found in (({"name": "tools"}, [made["id"]]), ({"status": "failed"}, []), ({"name": "none"}, [])):
        assert [each["id"] for each in client.get("/v1/blueprints", params=query).json()["blueprints"]] == found
    assert client.get("/v1/blueprints/list_public").json() == {
        "blueprints": [],
        "has_more": False,
        "total_count": 0,
        "remaining_count": 0,
    }
    devbox = client.post("/v1/devboxes/create_and_await_running", json={"blueprint_name": "tools"}).json()
    ran = client.post(f"/v1/devboxes/{devbox['id']}/execute", json={"command": "cat ~/built ~/note"}).json()
    assert ran["stdout"] == "built\nn"
    assert client.post(f"/v1/devboxes/{devbox['id']}/shutdown").status_code == 200
    assert client.post(f"{path}/delete").json() == {}
    assert client.get(path).json()["state"] == "deleted"


def test_a_dockerfile_needs_a_container_driver(client: httpx.Client) -> None:
    """A sandbox can't build one, and says so at once."""
    answer = client.post("/v1/blueprints", json={"name": "image", "dockerfile": "FROM scratch\n"})
    assert (answer.status_code, answer.headers["x-should-retry"]) == (400, "false")
    assert "dockerfile" in answer.json()["message"].lower()
    assert "container" in answer.json()["message"]


def test_a_preview_tells_the_steps_of_the_build(client: httpx.Client) -> None:
    """In their order, with neither secrets nor tokens."""
    preview = client.post(
        "/v1/blueprints/preview",
        json={
            "name": "tools",
            "file_mounts": {"/etc/motd": "EOF\nhello\n"},
            "code_mounts": [
                {
                    "repo_owner": "someone",
                    "repo_name": "it",
                    "token": "hidden",
                    "git_ref": "v1",
                    "install_command": "make",
                }
            ],
            "secrets": {"TOKEN": "deploy-token"},
            "system_setup_commands": ["apt-get update", "one\ntwo"],
        },
    ).json()
    assert preview["dockerfile"].splitlines() == [
        "FROM runloop-mcp/devbox",
        "# The build gets the secret deploy-token as TOKEN.",
        "COPY <<'EOF_' /etc/motd",
        "EOF",
        "hello",
        "EOF_",
        "RUN git clone https://github.com/someone/it.git ~/it && git -C ~/it checkout v1 && cd ~/it && make",
        "RUN apt-get update",
        "RUN <<'EOF'",
        "one",
        "two",
        "EOF",
    ]
    assert client.post("/v1/blueprints/preview", json={"name": " "}).status_code == 400
    own = client.post("/v1/blueprints/preview", json={"name": "own", "dockerfile": "FROM scratch\n"}).json()
    assert own["dockerfile"] == "FROM scratch\n"
