"""Writes the tables of README.md and docs/ from the code, between their markers; --check only compares."""

import json
import re
import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from runloop_mcp.cli.settings import Settings, variable
from runloop_mcp.rest.catalogue import ROUTES
from runloop_mcp.server.surface import TOOLSETS
from runloop_mcp.server.tools.catalogue import tools_called

ROOT = Path(__file__).parents[1]


def tools_table() -> str:
    """The tools by toolset, with the first sentence of what a model is told of each."""
    rows = [
        f"| `{toolset}` | `{tool.name}` | {_first_sentence(tool.description)} |"
        for toolset, names in TOOLSETS.items()
        for tool in tools_called(names).values()
    ]
    return "\n".join(["| toolset | tool | what it does |", "|---|---|---|", *rows])


def settings_table() -> str:
    """The settings, with the variable that sets each."""
    rows = [f"| `{variable(name)}` | {field.description} |" for name, field in Settings.model_fields.items()]
    return "\n".join(["| variable | what it sets |", "|---|---|", *rows])


def routes_table() -> str:
    """The operations of the REST API, with the first sentence of what each does."""
    rows = [
        f"| {route.method} | `{route.path}` | {_first_sentence(' '.join((route.handler.__doc__ or '').split()))} |"
        for route in ROUTES
        if route.is_listed
    ]
    return "\n".join(["| method | path | what it does |", "|---|---|---|", *rows])


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.;:])\s", text, maxsplit=1)[0].rstrip(".;:") + "."


_LAUNCHED = {"command": "uvx", "args": ["runloop-mcp"]}


def one_liners() -> str:
    """What adds the server to each client by a command or a link of the client's own."""
    entry = json.dumps(_LAUNCHED, separators=(",", ":"))
    named = json.dumps({"name": "runloop", "type": "stdio", **_LAUNCHED}, separators=(",", ":"))
    encoded = quote(b64encode(entry.encode()).decode(), safe="")
    rows = {
        "Claude Code": "`claude mcp add --scope user runloop -- uvx runloop-mcp`",
        "Codex": "`codex mcp add runloop -- uvx runloop-mcp`",
        "Gemini CLI": "`gemini mcp add --scope user runloop uvx runloop-mcp`",
        "VS Code": f"`code --add-mcp '{named}'`",
        "VS Code, as a link": f"<vscode:mcp/install?{quote(named, safe='')}>",
        "Cursor, as a link": f"<cursor://anysphere.cursor-deeplink/mcp/install?name=runloop&config={encoded}>",
        "Claude Desktop": "open the bundle that `make bundle` builds",
    }
    return "\n".join(["| client | how |", "|---|---|", *(f"| {client} | {how} |" for client, how in rows.items())])


TABLES: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {"tools": tools_table, "settings": settings_table},
    "docs/install.md": {"one-liners": one_liners},
    "docs/rest-api.md": {"routes": routes_table},
}
"""File → name of the marker → what stands there."""


def written(name: str, text: str) -> str:
    """A file with its tables as the code has them."""
    for marker, table in TABLES[name].items():
        pattern = re.compile(rf"(<!-- {marker} -->\n).*?(<!-- /{marker} -->)", re.DOTALL)
        text, count = pattern.subn(lambda match, table=table: f"{match[1]}{table()}\n{match[2]}", text)
        if count != 1:
            sys.exit(f"{name} has {count} places for the table of {marker}; it needs one.")
    return text


if __name__ == "__main__":
    for name in TABLES:
        before = (ROOT / name).read_text(encoding="utf-8")
        after = written(name, before)
        if "--check" not in sys.argv:
            (ROOT / name).write_text(after, encoding="utf-8")
        elif after != before:
            sys.exit(f"The tables of {name} are not as the code has them; run: make readme")
