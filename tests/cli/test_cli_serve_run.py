"""`serve --run`: a solver that somebody else started, bound to one run."""

import json
import os
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from forked_python import ForkedProcess, forked_command
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_types import TextContent

pytestmark = pytest.mark.usefixtures("quick_devboxes")

_SCENARIO = """\
format: 1
name: answer
input_context: {problem_statement: Write 42 into answer.txt.}
scoring_contract:
  scoring_function_parameters:
    - {name: right, weight: 1, scorer: {type: command_scorer, command: grep -qx 42 answer.txt}}
"""


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A folder with one scenario."""
    (tmp_path / "pack" / "answer").mkdir(parents=True)
    (tmp_path / "pack" / "answer" / "scenario.yaml").write_text(_SCENARIO)
    return tmp_path / "pack"


@asynccontextmanager
async def _served(environment: dict[str, str], *arguments: str) -> AsyncIterator[Client]:
    program, *command = forked_command("-m", "runloop_mcp", "serve", *arguments)
    server = StdioServerParameters(command=program, args=command, env={**os.environ, **environment})
    async with Client(stdio_client(server)) as client:
        yield client


async def _said(client: Client, tool: str, **arguments: object) -> str:
    result = await client.call_tool(tool, arguments)
    text = "\n".join(block.text for block in result.content if isinstance(block, TextContent))
    assert not result.is_error, text
    return text


async def test_a_solver_is_served_by_whoever_has_the_devbox_and_else_on_the_runs_disk(
    environment: dict[str, str], pack: Path
) -> None:
    """It works on the very devbox of the server that began its run; once that has ended, its own takes the run up."""
    async with _served(environment, "--scenarios", str(pack)) as operator:
        started = await _said(operator, "start_run", scenario_id="answer")
        run_id = next(word for word in started.split() if word.startswith("scr_"))
        await _said(operator, "exec_on_devbox", run_id=run_id, command="sleep 4321", background=True)
        async with _served(environment, "--run", run_id) as solver, _served(environment, "--run", run_id) as second:
            assert "start_run" not in [tool.name for tool in (await solver.list_tools()).tools]
            assert "sleep" in await _said(
                solver, "exec_on_devbox", run_id=run_id, command="cat /proc/[0-9]*/comm; echo 42 > answer.txt"
            )
            assert "booted again" not in await _said(second, "get_run", run_id=run_id)
    async with _served(environment, "--run", run_id, "--scenarios", str(pack)) as solver:
        assert "42" in await _said(solver, "read_file", run_id=run_id, path="answer.txt")
        assert "1.0" in await _said(solver, "score_run", run_id=run_id)


def test_a_run_that_is_not_there_ends_the_server_with_a_sentence(environment: dict[str, str]) -> None:
    """Whoever configured it learns what is wrong, rather than the agent later."""
    command = ["-m", "runloop_mcp", "serve", "--run", "scr_none"]
    with ForkedProcess(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as server:
        assert server.stderr is not None
        said = server.stderr.read().decode()
        assert server.wait(30) == 1
    assert "There is no run 'scr_none'" in said
    assert "Traceback" not in said


def test_a_solvers_server_ends_with_the_one_that_has_the_devbox(environment: dict[str, str], pack: Path) -> None:
    """Killed, that one takes the solver's connection with it, and a sentence says how the run goes on."""
    serve = ["-m", "runloop_mcp", "serve"]
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE) | {"env": environment}
    with ForkedProcess([*serve, "--scenarios", str(pack)], **pipes) as operator:
        _ask(operator, "initialize", _INITIALIZE)
        started = _ask(operator, "tools/call", {"name": "start_run", "arguments": {"scenario_id": "answer"}})
        found = re.search(r"scr_\w+", started)
        assert found is not None
        with ForkedProcess([*serve, "--run", found.group()], **pipes) as solver:
            assert found.group() in _ask(solver, "initialize", _INITIALIZE)
            operator.kill()
            assert solver.stderr is not None
            said = solver.stderr.read()
            assert solver.wait(30) == 1
    assert b"has the run's devbox has ended" in said
    assert b"Traceback" not in said


def _ask(server: ForkedProcess, method: str, params: dict[str, object]) -> str:
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode() + b"\n")
    server.stdin.flush()
    answer: bytes = server.stdout.readline()
    return answer.decode()


_INITIALIZE: dict[str, object] = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}
