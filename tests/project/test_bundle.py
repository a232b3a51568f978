"""The bundle for Claude Desktop and the registry's server.json: valid by their own schemas, and true."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import forked_python
import jsonschema
import pytest

from runloop_mcp import __version__
from runloop_mcp.server.surface import TOOLSETS

ROOT = Path(__file__).parents[2]
_NODE = ROOT / ".sdks" / "node-mcpb" / "node_modules" / "@anthropic-ai" / "mcpb"
_SCRIPT = ROOT / "scripts" / "build_bundle.py"


def _build(argument: str) -> None:
    forked_python.run([str(_SCRIPT), argument], env=os.environ, timeout=60).check_returncode()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle, built."""
    path = tmp_path_factory.mktemp("bundle") / "made.mcpb"
    _build(str(path))
    return path


@pytest.fixture(scope="module")
def manifest(bundle: Path) -> dict[str, Any]:
    """What the host reads first."""
    with zipfile.ZipFile(bundle) as archive:
        return json.loads(archive.read("manifest.json"))


def test_the_manifest_is_valid_and_lists_the_tools(manifest: dict[str, Any]) -> None:
    """By the schema of its own tool; version, tools and questions are those of the server."""
    schema = json.loads((_NODE / "dist" / "mcpb-manifest-v0.4.schema.json").read_text())
    jsonschema.validate(manifest, schema)
    assert manifest["version"] == __version__
    assert tuple(tool["name"] for tool in manifest["tools"]) == TOOLSETS["core"]
    assert manifest["user_config"]["api_key"]["sensitive"] is True
    asked = set(re.findall(r"\$\{user_config\.(\w+)\}", json.dumps(manifest["server"])))
    assert asked == set(manifest["user_config"])


def test_the_bundle_holds_what_the_package_needs(bundle: Path) -> None:
    """All files of the package that are under version control, and the same bytes each time."""
    tracked = subprocess.run(
        ["git", "ls-files", "runloop_mcp"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    with zipfile.ZipFile(bundle) as archive:
        names = set(archive.namelist())
    assert {name for name in tracked if name and (ROOT / name).is_file()} <= names
    assert {"manifest.json", "pyproject.toml", "README.md", "LICENSE"} <= names
    again = bundle.with_name("again.mcpb")
    _build(str(again))
    assert again.read_bytes() == bundle.read_bytes()


def test_the_registry_entry_is_valid_and_in_step() -> None:
    """By the registry's schema and rules; the README proves to the registry that the package is ours."""
    _build("--check")
    entry = json.loads((ROOT / "server.json").read_text())
    (place,) = (ROOT / ".sdks" / "python-skillsaw").glob("lib/*/site-packages/skillsaw/schemas/mcp_registry")
    version = entry["$schema"].split("/")[-2]
    schema = json.loads((place / f"v{version.replace('-', '_')}" / "server.schema.json").read_text())
    jsonschema.validate(entry, schema)
    assert entry["version"] == __version__
    assert {package["version"] for package in entry["packages"]} == {__version__}
    assert len(entry["description"]) <= 100
    assert f"mcp-name: {entry['name']}" in (ROOT / "README.md").read_text()


@pytest.fixture
def unpacked(bundle: Path, tmp_path: Path) -> Path:
    """The bundle, laid out by its own tool."""
    folder = tmp_path / "unpacked"
    tool = [_node(), str(_NODE / "dist" / "cli" / "cli.js")]
    subprocess.run([*tool, "unpack", str(bundle), str(folder)], check=True, capture_output=True, timeout=60)
    subprocess.run([*tool, "validate", str(folder / "manifest.json")], check=True, capture_output=True, timeout=60)
    return folder


def _node() -> str:
    made = ROOT / ".sdks" / "node" / "bin" / "node"
    return str(made) if made.exists() else "node"


@pytest.mark.proof
@pytest.mark.timeout(600)
def test_the_unpacked_bundle_serves(unpacked: Path, manifest: dict[str, Any], tmp_path: Path) -> None:
    """Started by its manifest's command, with nothing answered but the state directory, it offers its tools."""
    config = manifest["server"]["mcp_config"]
    answers = {name: asked["default"] for name, asked in manifest["user_config"].items()}
    answers["state_dir"] = str(tmp_path / "state")

    def filled(text: str) -> str:
        text = text.replace("${__dirname}", str(unpacked))
        return re.sub(r"\$\{user_config\.(\w+)\}", lambda match: str(answers[match[1]]).replace("False", "false"), text)

    environment = {**os.environ, **{name: filled(value) for name, value in config["env"].items()}}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "host", "version": "1"}}
    messages = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
    ]
    told = subprocess.run(
        [config["command"], *map(filled, config["args"])],
        input="".join(json.dumps(message) + "\n" for message in messages),
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=500,
    )
    assert told.returncode == 0, told.stderr[-2000:]
    listed = json.loads(told.stdout.splitlines()[-1])
    assert [tool["name"] for tool in listed["result"]["tools"]] == [tool["name"] for tool in manifest["tools"]]
