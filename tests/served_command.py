"""`runloop-mcp serve --transport http` as a user starts it, with a key, for tests that need all of it."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx
import yaml
from forked_python import ForkedProcess

from runloop_mcp.access.keyring import open_keyring

PATIENCE = 100.0
"""Seconds that a test waits for what has to happen, on a machine that has much else to do."""


@dataclass(frozen=True)
class Server:
    """A server that serves over HTTP."""

    url: str
    key: str
    process: ForkedProcess
    log: Path

    def call(self, tool: str, meta: dict[str, str] | None = None, /, **arguments: object) -> dict[str, Any]:
        """Calls a tool as a client of the 2026 era and gives the result."""
        headers = {
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": "2026-07-28",
            "mcp-method": "tools/call",
            "mcp-name": tool,
        }
        envelope = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        params = {"name": tool, "arguments": arguments, "_meta": envelope | (meta or {})}
        with self.client(**headers) as client:
            message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
            result: dict[str, Any] = client.post("/mcp", json=message).json()["result"]
            return result

    @property
    def headers(self) -> dict[str, str]:
        """What carries the key."""
        return {"authorization": f"Bearer {self.key}"}

    def client(self, url: str | None = None, **headers: str) -> httpx.Client:
        """A plain client with the key."""
        return httpx.Client(base_url=url or self.url, headers=self.headers | headers, trust_env=False, timeout=PATIENCE)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ends it and gives its exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextmanager
def serving_command(
    state: Path, *arguments: str, tools: Path | None = None, env: dict[str, str] | None = None
) -> Iterator[Server]:
    """The server on a state directory, until left.

    Args:
        state: The state directory.
        arguments: Further ones of `serve`.
        tools: What devboxes share, where some are to be made.
        env: Further variables.
    """
    state.mkdir(parents=True, exist_ok=True)
    if tools is not None:
        shutil.copytree(tools, state / "sandbox" / "tools", symlinks=True, copy_function=os.link)
    key = anyio.run(_new_key, state)
    command = ["-m", "runloop_mcp", "serve", "--transport", "http", "--port", "0", *arguments]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("RUNLOOP", "OTEL_"))}
    environment = {**inherited, "RUNLOOP_MCP_STATE_DIR": str(state), **(env or {})}
    log = state / "server.log"
    with (
        log.open("wb") as errors,
        ForkedProcess(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, env=environment
        ) as process,
    ):
        try:
            yield Server(_address(process, log), key, process, log)
        finally:
            if process.poll() is None:
                process.terminate()
                assert process.wait(PATIENCE) == 0, log.read_text()
    said = log.read_text()
    assert key not in said
    assert "failed unexpectedly" not in said, said


async def _new_key(state: Path) -> str:
    return (await (await open_keyring(state)).create("test")).key


def _address(process: ForkedProcess, log: Path) -> str:
    due = time.monotonic() + PATIENCE
    while not (found := re.search(r'(http://\S+)(?:/sse\n[\s\S]*Ctrl-C|"\})', said := log.read_text())):
        assert process.poll() is None, said
        assert time.monotonic() < due, said
        time.sleep(0.02)
    return found.group(1)


def pack_with(folder: Path, name: str = "answer") -> Path:
    """A folder with one scenario, which wants 42 in a file."""
    (folder / name).mkdir(parents=True)
    function = {"name": "right", "weight": 1, "scorer": {"type": "command_scorer", "command": "grep -qx 42 answer.txt"}}
    scenario = {
        "format": 1,
        "name": name,
        "input_context": {"problem_statement": "Write 42 into answer.txt."},
        "scoring_contract": {"scoring_function_parameters": [function]},
    }
    (folder / name / "scenario.yaml").write_text(yaml.safe_dump(scenario))
    return folder
