"""Agents over the wire."""

import httpx


def test_agents_are_registered_listed_and_deleted(client: httpx.Client) -> None:
    """With where they come from; newest first, by name."""
    sources = [
        {"type": "npm", "npm": {"package_name": "agent"}},
        {"type": "pip", "pip": {"package_name": "agent", "agent_setup": ["true"]}},
        {"type": "git", "git": {"repository": "https://example.com/agent.git", "ref": "main"}},
    ]
    made = [client.post("/v1/agents", json={"name": "agent", "version": "1.0", "source": each}) for each in sources]
    views = [answer.json() for answer in made]
    assert [view["source"]["type"] for view in views] == ["npm", "pip", "git"]
    assert all(view["is_public"] is False and view["create_time_ms"] > 0 for view in views)
    listed = client.get("/v1/agents", params={"name": "agent"}).json()
    assert [each["id"] for each in listed["agents"]] == [view["id"] for view in reversed(views)]
    assert (listed["total_count"], listed["remaining_count"]) == (3, 0)
    assert client.get(f"/v1/agents/{views[0]['id']}").json() == views[0]
    assert client.get("/v1/agents/list_public").json()["agents"] == []
    assert client.get("/v1/agents/devbox_counts").json() == {"counts": {}, "total_count": 0}
    assert client.post(f"/v1/agents/{views[0]['id']}/delete").json() == {}
    assert client.get(f"/v1/agents/{views[0]['id']}").status_code == 404


def test_an_agent_that_is_not_valid_is_refused(client: httpx.Client) -> None:
    """By the name of the field."""
    answer = client.post("/v1/agents", json={"name": "agent", "source": {"type": "npm", "npm": {}}})
    assert (answer.status_code, "source.npm.package_name" in answer.json()["message"]) == (400, True)
    assert client.post("/v1/agents", json={}).status_code == 400
