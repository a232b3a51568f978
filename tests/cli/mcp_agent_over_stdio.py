"""An MCP client that starts a server as it is told to, as clients do."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from mcp_types.version import LATEST_HANDSHAKE_VERSION


def tool_names(command: Sequence[str], *, cwd: Path | None = None) -> list[str]:
    """The tools of the server that a command starts."""
    hello = {
        "protocolVersion": LATEST_HANDSHAKE_VERSION,
        "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    }
    messages = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}},
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=cwd) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write("".join(json.dumps(message) + "\n" for message in messages))
            process.stdin.flush()
            answers = (json.loads(line) for line in process.stdout)
            listed = next(answer for answer in answers if answer.get("id") == 2)
        finally:
            process.stdin.close()
            process.wait(30)
    return [tool["name"] for tool in listed["result"]["tools"]]
