"""An MCP client that starts a server as it is told to, as clients do. It imports little, as agents begin often."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}


class Session:
    """A client's session with a server, whose answers come one after the other."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._last_id = 0

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The result of a request."""
        assert self._process.stdout is not None
        self._last_id += 1
        self._send({"id": self._last_id, "method": method, "params": params})
        answers = (json.loads(line) for line in self._process.stdout)
        answer = next(answer for answer in answers if answer.get("id") == self._last_id)
        result: dict[str, Any] = answer["result"]
        return result

    def begin(self) -> None:
        """Shakes hands."""
        self.ask("initialize", HELLO)
        self._send({"method": "notifications/initialized"})

    def call(self, tool: str, **arguments: Any) -> str:
        """The text of what a tool says, which must succeed."""
        result = self.ask("tools/call", {"name": tool, "arguments": arguments})
        text = "\n".join(block.get("text", "") for block in result["content"])
        assert not result.get("isError"), text
        return text

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self._process.stdin.flush()


@contextmanager
def session_with(
    command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Iterator[Session]:
    """A session with the server that a command starts, which ends with it."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=cwd, env=env) as process:
        assert process.stdin is not None
        try:
            session = Session(process)
            session.begin()
            yield session
        finally:
            process.stdin.close()
            process.wait(30)


def tool_names(command: Sequence[str], *, cwd: Path | None = None) -> list[str]:
    """The tools of the server that a command starts."""
    with session_with(command, cwd=cwd) as session:
        return [tool["name"] for tool in session.ask("tools/list", {})["tools"]]
