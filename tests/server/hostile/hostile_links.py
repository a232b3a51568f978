"""Connections on which anything can be sent, to real servers over stdio and HTTP, in both eras of the protocol."""

import json
import os
import queue
import subprocess
import threading
from typing import Any, Protocol

import httpx
from forked_python import ForkedProcess
from hostile_messages import Message, Raw, written

SECONDS = 60.0
"""How long an answer may take: several times what any good call waits."""

_LONGEST_HEADER = 4000
"""What is longer is no matter of MCP any more: HTTP refuses it with a status of its own."""

MODERN = "2026-07-28"
HANDSHAKE = "2025-11-25"
_CLIENT = {"name": "hostile", "version": "1"}
_META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": _CLIENT,
    "io.modelcontextprotocol/clientCapabilities": {},
}
_HELLO = {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": _CLIENT}


class Link(Protocol):
    """A connection to a server."""

    def ask(self, message: Message) -> dict[str, Any]:
        """Sends a message and gives its answer."""
        ...


def request_text(message: Message, number: int, *, modern: bool) -> str:
    """The line of a message; a request in the modern era says with each what it speaks."""
    if message.method is None:
        return message.text
    params = message.params
    if modern and isinstance(params, dict):
        meta = params.get("_meta", {})
        params = {**params, "_meta": {**_META, **meta} if isinstance(meta, dict) else meta}
    body = {"jsonrpc": "2.0", "id": number, "method": message.method, "params": params}
    return written({key: value for key, value in body.items() if value is not None})


class StdioLink:
    """A server as a child process."""

    def __init__(self, process: ForkedProcess, *, modern: bool) -> None:
        self._process = process
        self._modern = modern
        self._number = 1000
        self._lines: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        if not modern:
            self.ask(Message("initialize", _HELLO))
            self._send('{"jsonrpc": "2.0", "method": "notifications/initialized"}')

    def ask(self, message: Message) -> dict[str, Any]:
        """Sends a message and gives its answer: that with its id, or with none where it had no good one."""
        self._number += 1
        self._send(request_text(message, self._number, modern=self._modern))
        while True:
            answer = json.loads(self._lines.get(timeout=SECONDS))
            if "method" in answer:
                continue  # a notification
            if message.method is None or answer.get("id") in (self._number, None):
                return answer

    def _send(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text.encode("utf-8", "surrogatepass") + b"\n")
        self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)


class HttpLink:
    """A server over streamable HTTP."""

    def __init__(self, client: httpx.Client, *, modern: bool) -> None:
        self._client = client
        self._modern = modern
        self._number = 1000
        self._headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        if not modern:
            answer = self._post(request_text(Message("initialize", _HELLO), 1, modern=False))
            self._headers["mcp-session-id"] = answer.headers.get("mcp-session-id", "")
            self._headers = {name: value for name, value in self._headers.items() if value}
            self._headers["mcp-protocol-version"] = HANDSHAKE
            self._post('{"jsonrpc": "2.0", "method": "notifications/initialized"}')

    def ask(self, message: Message) -> dict[str, Any]:
        """Posts a message and gives its answer, from the body or the stream."""
        self._number += 1
        headers = self._modern_headers(message) if self._modern else {}
        answer = self._post(request_text(message, self._number, modern=self._modern), **headers)
        if "event-stream" in answer.headers.get("content-type", ""):
            data = [line[5:].strip() for line in answer.text.split("\n") if line.startswith("data:")]
            found = [json.loads(text) for text in data if text]
            return next(one for one in found if "method" not in one)
        assert answer.content, f"status {answer.status_code} without a body"
        return answer.json()

    def _post(self, text: str, **headers: str) -> httpx.Response:
        content = text.encode("utf-8", "surrogatepass")
        return self._client.post("/mcp", content=content, headers=self._headers | headers, timeout=SECONDS)

    @staticmethod
    def _modern_headers(message: Message) -> dict[str, str]:
        """What this era repeats in headers, where a header can hold it."""
        if message.method is None or not message.method.isprintable() or not message.method:
            return {"mcp-protocol-version": MODERN}
        headers = {"mcp-protocol-version": MODERN, "mcp-method": message.method}
        params = message.params if isinstance(message.params, dict) else {}
        name = params.get("uri" if message.method == "resources/read" else "name")
        if (
            isinstance(name, str)
            and not isinstance(name, Raw)
            and name.isascii()
            and name.isprintable()
            and name.strip() == name
            and len(name) < _LONGEST_HEADER
        ):
            headers["mcp-name"] = name
        return headers


def stdio_process(command: list[str], log: Any, **variables: str) -> ForkedProcess:
    """A server that is a child of the tests."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("RUNLOOP", "OTEL_"))}
    return ForkedProcess(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env={**environment, **variables}
    )
