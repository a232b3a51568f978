"""Servers over HTTP, and the shortest possible client to them."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

BARE = [sys.executable, str(Path(__file__).resolve().with_name("bare_http.py"))]
"""The command that serves one route that takes JSON, keeps it and answers with it, and one that reads it."""


class HttpPeer:
    """A server as a child process, and one connection to it. Use it as a context manager.

    Args:
        command: The server's command line; it tells its address on standard error.
    """

    def __init__(self, command: Sequence[str]) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, env=environment, text=True)
        self.port = self._told_port()
        self._socket = socket.create_connection(("127.0.0.1", self.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _told_port(self) -> int:
        for line in cast("IO[str]", self._process.stderr):
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                return int(found[1])
        raise RuntimeError("The server ended without telling its address.")

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    def send(self, method: str, path: str, body: bytes = b"", *headers: str) -> bytes:
        """Sends a request and gives the body of its answer.

        Raises:
            RuntimeError: It is no 200.
        """
        lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", "authorization: Bearer none", *headers]
        if method == "POST":
            lines += ["content-type: application/json", f"content-length: {len(body)}"]
        self._socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        head, _, answer = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if length is None:
            raise RuntimeError(f"{method} {path}: an answer without a length")
        while len(answer) < int(length[1]):
            answer += self._more()
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{method} {path}: {head.splitlines()[0].decode()} {answer.decode()}")
        return answer

    def _more(self) -> bytes:
        if data := self._socket.recv(1 << 16):
            return data
        raise RuntimeError("The server closed the connection.")

    def get(self, path: str) -> dict[str, Any]:
        """Reads something."""
        return cast("dict[str, Any]", json.loads(self.send("GET", path)))

    def post(self, path: str, **body: object) -> dict[str, Any]:
        """Changes something."""
        return cast("dict[str, Any]", json.loads(self.send("POST", path, json.dumps(body).encode())))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
        self._process.terminate()
        try:
            self._process.wait(20)
        finally:
            self._process.kill()
            self._process.wait()
            cast("IO[str]", self._process.stderr).close()
