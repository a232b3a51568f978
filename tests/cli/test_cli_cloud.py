"""`--backend cloud`: commands over Runloop's API, against servers on this machine."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from forked_python import ForkedProcess
from threaded_http import served_by

Command = Callable[..., CompletedProcess[str]]

KEY = "rk-nobody-may-see-this"


@contextmanager
def own_server(environment: dict[str, str], state: Path) -> Iterator[str]:
    """The address of our own server over HTTP, with a state of its own."""
    command = ["-m", "runloop_mcp", "serve", "--transport", "http", "--no-auth", "--port", "0"]
    server = ForkedProcess(
        command,
        env={**environment, "RUNLOOP_MCP_STATE_DIR": str(state)},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    try:
        while "RUNLOOP_BASE_URL=" not in (line := server.stderr.readline()):
            assert line, "the server ended"
        yield line.rpartition("RUNLOOP_BASE_URL=")[2].strip()
    finally:
        server.terminate()
        server.wait(10)
        server.stderr.close()


class _Hosted(BaseHTTPRequestHandler):
    """A service that has devboxes and, as Runloop's may, no scenarios any more."""

    def do_GET(self) -> None:
        known = self.path.startswith("/v1/devboxes")
        body = json.dumps({"devboxes": [], "has_more": False} if known else {"code": "not_found", "message": "no"})
        self.send_response(200 if known else 404)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def test_commands_work_over_the_api(
    runloop: Command, environment: dict[str, str], tmp_path: Path, with_tools: Callable[[Path], Path]
) -> None:
    """Scenarios that another server keeps are listed and shown, doctor finds all well, and nobody shows the key."""
    with own_server(environment, with_tools(tmp_path / "there")) as url:
        cloud = {"RUNLOOP_MCP_BACKEND": "cloud", "RUNLOOP_BASE_URL": url, "RUNLOOP_API_KEY": KEY}
        listed = runloop("scenarios", "list", "--json", **cloud)
        doctor = runloop("doctor", "--json", **cloud)
        config = runloop("config", **cloud)
    assert listed.returncode == 0, listed.stderr
    assert "restless-rota" in listed.stdout
    seen = json.loads(doctor.stdout)
    assert (doctor.returncode, seen["devboxes"], seen["driver"]) == (0, True, "runloop"), doctor.stdout
    assert {finding["name"] for finding in seen["findings"]} >= {"account", "devboxes", "scenarios"}
    assert KEY not in listed.stdout + listed.stderr + doctor.stdout + doctor.stderr + config.stdout
    assert "******" in config.stdout


@pytest.mark.proof
def test_an_agent_reaches_its_run_without_the_key(
    runloop: Command, environment: dict[str, str], tmp_path: Path
) -> None:
    """An agent that `eval` starts works on its run in the cloud through `eval`; its environment holds no key."""
    agent = f"env > {tmp_path}/seen; {sys.executable} {Path(__file__).parent}/little_agent.py solve"
    with own_server(environment, tmp_path / "there") as url:
        cloud = {"RUNLOOP_MCP_BACKEND": "cloud", "RUNLOOP_BASE_URL": url, "RUNLOOP_API_KEY": KEY}
        results = tmp_path / "results.jsonl"
        evaluated = runloop(
            "eval", "--scenarios", "restless-rota", "--agent", agent, "--output", str(results), seconds=110, **cloud
        )
        assert evaluated.returncode == 0, evaluated.stdout + evaluated.stderr
        run_id = json.loads(results.read_text().splitlines()[-1])["run_id"]
        log = runloop("runs", "log", run_id, **cloud)
    assert "write_file(path='answer.txt'" in log.stdout, log.stdout + log.stderr
    assert KEY not in (tmp_path / "seen").read_text()
    assert KEY not in results.read_text()


def test_service_without_scenarios(runloop: Command) -> None:
    """Commands on scenarios name the two ways on, and doctor tells what there is and what not."""
    with served_by(_Hosted) as url:
        cloud = {"RUNLOOP_MCP_BACKEND": "cloud", "RUNLOOP_BASE_URL": url, "RUNLOOP_API_KEY": KEY}
        listed = runloop("scenarios", "list", **cloud)
        doctor = runloop("doctor", "--json", **cloud)
    assert listed.returncode == 1
    assert "--backend local" in listed.stderr
    assert "--devbox runloop" in listed.stderr
    findings = {finding["name"]: finding for finding in json.loads(doctor.stdout)["findings"]}
    assert doctor.returncode == 1
    assert findings["devboxes"]["ok"]
    assert not findings["scenarios"]["ok"]
    assert "--devbox runloop" in findings["scenarios"]["remedy"]
