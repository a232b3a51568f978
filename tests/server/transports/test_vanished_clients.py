"""Clients that are killed in the middle of a call, over every transport of a real server."""

import re
from pathlib import Path

from forked_python import ForkedProcess
from served_command import PATIENCE, Server, pack_with, serving_command

CLIENTS = [("/mcp", "auto"), ("/mcp", "legacy"), ("/sse", "auto"), ("/sse", "legacy")]

PROGRAM = """
import sys
import anyio, httpx2
from mcp.client import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

async def main(url, path, mode, key, run_id):
    headers = {"authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(headers=headers, trust_env=False, timeout=60) as http:
        over = sse_client(url + path, headers=headers) if path == "/sse" else streamable_http_client(
            url + path, http_client=http)
        async with Client(over, mode=mode) as client:
            arguments = {"run_id": run_id, "command": "echo $$ > started; exec sleep 4321", "timeout_seconds": 1}
            await client.call_tool("exec_on_devbox", arguments)

anyio.run(main, *sys.argv[1:])
"""


_STARTED = "until test -s started; do sleep 0.05; done"
_OVER = "while kill -0 $(cat started); do sleep 0.05; done"


def _run(server: Server, run_id: str, command: str) -> None:
    """Runs a command on a run's devbox, which must succeed."""
    result = server.call("exec_on_devbox", run_id=run_id, command=command, timeout_seconds=PATIENCE / 2)
    said = str(result["content"][0]["text"])
    assert "Exit status 0" in said, said


def _started(server: Server) -> str:
    found = re.search(r"scr_\w+", server.call("start_run", scenario_id="answer")["content"][0]["text"])
    assert found is not None
    return found.group()


def test_nothing_runs_on_without_an_owner_and_others_resume_the_run(
    tmp_path: Path, built_tools: Path, full_size: bool
) -> None:
    """What a killed client ran is over by its deadline at the latest; the run goes on with whoever comes next."""
    more = ["--scenarios", str(pack_with(tmp_path / "pack")), "--max-devboxes", "9"]
    with serving_command(tmp_path / "state", *more, tools=built_tools) as server:
        kinds = CLIENTS if full_size else CLIENTS[:2]
        runs = [_started(server) for _ in kinds]
        clients = [
            ForkedProcess(["-c", PROGRAM, server.url, path, mode, server.key, run_id])
            for (path, mode), run_id in zip(kinds, runs, strict=True)
        ]
        try:
            for run_id in runs:
                _run(server, run_id, _STARTED)
        finally:
            for client in clients:
                client.kill()
                client.wait()
        for run_id in runs:
            _run(server, run_id, f"{_OVER}; echo 42 > answer.txt")
            scored = server.call("score_run", run_id=run_id)
            assert "1.0" in scored["content"][0]["text"], scored
        with server.client() as client:
            states = {run["state"] for run in client.get("/v1/scenarios/runs").json()["runs"]}
            assert states == {"scored"}
