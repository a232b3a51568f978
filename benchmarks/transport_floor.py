"""What a bare MCPServer costs: the floor that the other benchmarks stand on.

One echo tool, served as a process of its own by the SDK's stdio transport (`stock`) and by ours (`ours`). The client
is raw JSON lines over the child's pipes, so that nearly all of what is measured is the server's.

    python benchmarks/transport_floor.py            prints the table
    python benchmarks/transport_floor.py stock      is the bare server (likewise `ours`)

Other benchmarks import `bare_server`, `StdioPeer`, `cold_start_ms` and `call_ms`.
"""

import asyncio
import io
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Self, cast

Transport = Literal["stock", "ours"]
Era = Literal["handshake", "2026"]

ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "benchmark", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


def bare_server(transport: Transport) -> list[str]:
    """The command that serves one echo tool over stdio."""
    return [sys.executable, str(Path(__file__).resolve()), transport]


class StdioPeer:
    """A server as a child process, and the shortest possible client to it. Use it as a context manager.

    Args:
        command: The server's command line.
        environment: The child's environment; where None this process's own, with compiled modules kept as they are
            for every installed package, lest a cold start measure the compiler.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=_environment() if environment is None else dict(environment),
        )
        self._stdin = cast("IO[bytes]", self._process.stdin)
        # Buffered, or reading a line would cost a system call for each of its bytes.
        self._stdout = io.BufferedReader(cast("io.FileIO", self._process.stdout))
        self._last_id = 0

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    def request(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request and return its result; notifications in between are skipped.

        Raises:
            RuntimeError: The server answered with an error, or not at all.
        """
        self._last_id += 1
        self._send({"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params})
        while line := self._stdout.readline():
            answer = json.loads(line)
            if answer.get("id") == self._last_id:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return cast("dict[str, Any]", answer["result"])
        raise RuntimeError(f"{method}: the server ended without an answer")

    def initialize(self) -> dict[str, Any]:
        """Make the handshake and return the server's half."""
        params = {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "benchmark", "version": "1"},
        }
        result = self.request("initialize", params)
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return result

    def call_tool(self, name: str, arguments: Mapping[str, Any], era: Era = "handshake") -> dict[str, Any]:
        """Call a tool; in the 2026 era each call carries its own envelope and none may follow `initialize`."""
        params: dict[str, Any] = {"name": name, "arguments": arguments}
        if era == "2026":
            params["_meta"] = ENVELOPE
        return self.request("tools/call", params)

    def close(self) -> None:
        """Close the server's stdin and wait for its end."""
        self._stdin.close()
        try:
            self._process.wait(10)
        finally:
            self._process.kill()
            self._process.wait()
            self._stdout.close()

    def _send(self, message: Mapping[str, Any]) -> None:
        self._stdin.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def cold_start_ms(
    command: Sequence[str], rounds: int = 10, environment: Mapping[str, str] | None = None
) -> list[float]:
    """Milliseconds from starting the process to the answer to `initialize`, once per round."""
    taken = []
    with StdioPeer(command, environment) as peer:
        peer.initialize()  # brings the files into memory and compiles what is not
    for _ in range(rounds):
        started = time.perf_counter()
        with StdioPeer(command, environment) as peer:
            peer.initialize()
            taken.append((time.perf_counter() - started) * 1000)
    return taken


def call_ms(call: Callable[[], object], rounds: int = 1000, warm_up: int = 100) -> list[float]:
    """Milliseconds of each of `rounds` calls, one at a time, after `warm_up` that do not count."""
    for _ in range(warm_up):
        call()
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        taken.append((time.perf_counter() - started) * 1000)
    return taken


async def bash_ms(rounds: int) -> list[float]:
    """Milliseconds of each of so many plain `bash -c true`."""
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-c",
            "true",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        await process.communicate()
        taken.append((time.perf_counter() - started) * 1000)
    return taken


def echo_ms(transport: Transport, era: Era = "handshake", rounds: int = 1000) -> list[float]:
    """Milliseconds of each echo call to the bare server."""
    with StdioPeer(bare_server(transport)) as peer:
        if era == "handshake":
            peer.initialize()
        return call_ms(lambda: peer.call_tool("echo", {"text": "hello"}, era), rounds)


def p50(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _serve(transport: str) -> None:
    import anyio  # noqa: PLC0415 - the client half of this file runs without them
    from mcp.server import MCPServer  # noqa: PLC0415 - likewise

    server = MCPServer("bare")

    @server.tool(structured_output=False)
    async def echo(text: str) -> str:
        """The same text."""
        return text

    if transport == "stock":
        anyio.run(server.run_stdio_async)
        return
    from runloop_mcp.server.transports.stdio import serve_stdio  # noqa: PLC0415 - the stock server's start does not pay for ours

    anyio.run(serve_stdio, server)


def main() -> None:
    """Print the table, stock against ours."""
    print(f"{'':24}{'stock':>10}{'ours':>10}{'ratio':>8}")
    rows: list[tuple[str, Callable[[Transport], list[float]]]] = [
        ("cold start, ms p50", lambda transport: cold_start_ms(bare_server(transport))),
        ("echo handshake, ms p50", lambda transport: echo_ms(transport, "handshake")),
        ("echo 2026, ms p50", lambda transport: echo_ms(transport, "2026")),
    ]
    for name, measure in rows:
        stock, ours = p50(measure("stock")), p50(measure("ours"))
        print(f"{name:24}{stock:10.3f}{ours:10.3f}{ours / stock:8.2f}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _serve(sys.argv[1])
    else:
        main()
