"""The README says what the code says."""

import json
import os
import re
from base64 import b64decode
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import forked_python

from runloop_mcp.cli.clients.catalogue import CLIENTS

ROOT = Path(__file__).parents[2]


def test_tables_are_as_the_code_has_them() -> None:
    """The tables of tools and settings are those that `make readme` writes."""
    command = [str(ROOT / "scripts" / "readme_tables.py"), "--check"]
    result = forked_python.run(command, env=os.environ, timeout=60)
    assert result.returncode == 0, result.stderr


def test_every_make_target_that_is_named_exists() -> None:
    """README and CONTRIBUTING name no target that the Makefile lacks."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for name in ("README.md", "CONTRIBUTING.md"):
        named = set(re.findall(r"(?:`|^)make ([a-z-]+)", (ROOT / name).read_text(), re.MULTILINE))
        assert named
        assert named <= targets, name


def test_every_command_that_is_named_exists() -> None:
    """README names no command that the program lacks, and the other way round."""
    shown = forked_python.run(["-m", "runloop_mcp", "--help"], env=os.environ, timeout=60).stdout
    commands = set(re.findall(r"^  ([a-z]+)  +\S", shown.partition("Commands:")[2], re.MULTILINE))
    section = (ROOT / "README.md").read_text().partition("## Command line")[2].partition("##")[0]
    assert set(re.findall(r"^\| `runloop-mcp ([a-z]+)", section, re.MULTILINE)) == commands


def test_links_hold_what_the_clients_read() -> None:
    """The link for Cursor holds an entry of its mcp.json in base 64, that for VS Code one in JSON."""
    text = (ROOT / "docs" / "install.md").read_text()
    cursor = re.search(r"<(cursor://[^>]+)>", text)
    vscode = re.search(r"<vscode:mcp/install\?([^>]+)>", text)
    assert cursor
    assert vscode
    asked = parse_qs(urlsplit(cursor[1]).query, strict_parsing=True)
    assert asked["name"] == ["runloop"]
    entry = json.loads(b64decode(asked["config"][0], validate=True))
    assert entry == {"command": "uvx", "args": ["runloop-mcp"]}
    assert json.loads(unquote(vscode[1])) == {"name": "runloop", "type": "stdio", **entry}


def test_the_guide_tells_where_each_client_keeps_its_servers() -> None:
    """A row for each client that `install` knows, with its project file and the key below which servers stand."""
    text = (ROOT / "docs" / "install.md").read_text()
    rows = {row.split("`")[1]: row for row in re.findall(r"^\| `[a-z-]+` \|.*$", text, re.MULTILINE)}
    assert set(rows) == set(CLIENTS)
    for name, client in CLIENTS.items():
        assert f"`{client.section}`" in rows[name]
        assert client.project_file is None or f"`{client.project_file}`" in rows[name]
