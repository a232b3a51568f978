"""Inspector's command line: a client of its own, which is started for each thing that is asked."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from client_environments import environment_of, node
from served_command import PATIENCE

PROGRAM = Path("node_modules", "@modelcontextprotocol", "inspector", "clients", "launcher", "build", "index.js")

FINE, TOOL_ERROR = 0, 5
"""How it exits: with something else where the protocol or the server failed."""


@dataclass(frozen=True)
class Inspector:
    """Asks a server by one transport and in one era of the protocol.

    Args:
        home: Where it may leave what it likes.
        target: What it is told of the server: an address and a header, or a command after `--`.
        era: `legacy` or `modern`.
    """

    home: Path
    target: list[str]
    era: str

    def ask(self, method: str, *words: str, exits: int = FINE) -> dict[str, Any]:
        """The result of a request."""
        program = [node(), str(environment_of("node-judges") / PROGRAM), "--cli", "--format", "json"]
        done = subprocess.run(
            [*program, "--protocol-era", self.era, "--method", method, *words, *self.target],
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), "NODE_COMPILE_CACHE": str(self.home / "compiled")},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert done.returncode == exits, (method, words, done.stdout, done.stderr)
        assert exits != FINE or not done.stderr, done.stderr
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[0])["result"]
        return result

    def listed(self, what: str) -> list[dict[str, Any]]:
        """All that a list has."""
        key = "resourceTemplates" if what == "resources/templates" else what
        entries: list[dict[str, Any]] = self.ask(f"{what}/list", *(["--strict"] if what == "tools" else []))[key]
        return entries

    def call(self, tool: str, *, exits: int = FINE, **arguments: Any) -> str:
        """The text of a tool's answer."""
        words = ["--tool-name", tool, "--tool-args-json", json.dumps(arguments)]
        content = self.ask("tools/call", *words, exits=exits)["content"]
        return "\n".join(block.get("text", "") for block in content)

    def read(self, uri: str) -> str:
        """What a resource holds: its text, or its bytes in base 64."""
        (contents,) = self.ask("resources/read", "--uri", uri)["contents"]
        return str(contents.get("text") or contents["blob"])

    def prompt(self, name: str, **arguments: str) -> str:
        """The text of a prompt's first message."""
        words = [f"{key}={value}" for key, value in arguments.items()]
        messages = self.ask("prompts/get", "--prompt-name", name, *(["--prompt-args", *words] if words else []))[
            "messages"
        ]
        return str(messages[0]["content"]["text"])
