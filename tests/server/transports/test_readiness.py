"""`/readyz`: whether what is behind the server could carry out what clients ask for."""

import time
from pathlib import Path

import httpx
from served_command import PATIENCE, serving_command


def settled(url: str, status: int) -> httpx.Response:
    """The answer without a key, once the server has looked: it says 503 until it knows."""
    due = time.monotonic() + PATIENCE
    while (answer := httpx.get(url + "/readyz", trust_env=False, timeout=PATIENCE)).status_code != status:
        assert answer.status_code == 503
        assert time.monotonic() < due, answer.text
    return answer


def test_it_is_ready_when_devboxes_can_run(tmp_path: Path, built_tools: Path) -> None:
    """Where the backend answers and a devbox has booted, it says so to everyone."""
    with serving_command(tmp_path / "state", tools=built_tools) as server:
        assert settled(server.url, 200).json() == {"status": "ready"}


def test_it_says_what_keeps_it_from_being_ready(tmp_path: Path) -> None:
    """Without what devboxes run on it lives, is not ready, and tells the reason to this machine and to its log.

    Whoever asks through a proxy may be a stranger, and the reason names files.
    """
    env = {"RUNLOOP_MCP_DEVBOX": "docker", "DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    with serving_command(tmp_path / "state", env=env) as server:
        assert httpx.get(server.url + "/healthz", trust_env=False, timeout=PATIENCE).status_code == 200
        due = time.monotonic() + PATIENCE
        while (
            "Devboxes can't run here"
            not in (said := httpx.get(server.url + "/readyz", trust_env=False, timeout=PATIENCE)).text
        ):
            assert said.status_code == 503
            assert time.monotonic() < due, said.text
        assert (said.status_code, said.json()["code"]) == (503, "unavailable")
        assert "not ready" in server.log.read_text()
        forwarded = {"x-forwarded-for": "192.0.2.7"}
        told = httpx.get(server.url + "/readyz", headers=forwarded, trust_env=False, timeout=PATIENCE)
        assert told.status_code == 503
        assert "log" in told.json()["message"]
        assert "none.sock" in said.text
        assert "none.sock" not in told.text
