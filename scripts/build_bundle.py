"""Builds the bundle for Claude Desktop (.mcpb), and writes server.json for the MCP registry.

    build_bundle.py [OUTPUT]        dist/runloop-mcp-VERSION.mcpb where no output is named
    build_bundle.py --server-json   writes server.json
    build_bundle.py --check         only compares it

A bundle is a zip file of the package, its pyproject.toml and a manifest; the host starts it with uv, which makes the
environment. What is in it depends on nothing but the files under version control.
"""

import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

from runloop_mcp import __version__
from runloop_mcp.cli.settings import Settings, variable
from runloop_mcp.server.surface import TOOLSETS
from runloop_mcp.server.tools.catalogue import tools_called

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REGISTRY_NAME = "io.github.runloop-mcp/runloop-mcp"
REGISTRY_SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
PLATFORMS = ["darwin", "linux"]
_EPOCH = (1980, 1, 1, 0, 0, 0)

_ASKED = {
    # setting: what the host asks for, and what it is called there
    "state_dir": ("directory", "State directory"),
    "scenarios": ("directory", "Scenarios of your own"),
    "devbox": ("string", "Devboxes"),
    "toolsets": ("string", "Toolsets"),
    "read_only": ("boolean", "Read only"),
    "api_key": ("string", "Runloop API key"),
}


def manifest() -> dict[str, Any]:
    """What the host is told of the bundle: how to start it, what to ask the user for, what it offers."""
    return {
        "manifest_version": "0.4",
        "name": PROJECT["name"],
        "display_name": "Runloop scenarios",
        "version": __version__,
        "description": PROJECT["description"],
        "author": {"name": PROJECT["authors"][0]["name"]},
        "license": PROJECT["license"],
        "keywords": PROJECT["keywords"],
        "server": {
            "type": "uv",
            "entry_point": "runloop_mcp/__main__.py",
            "mcp_config": {
                "command": "uv",
                "args": ["run", "--directory", "${__dirname}", "--no-dev", "runloop-mcp", "serve"],
                "env": {variable(name): f"${{user_config.{name}}}" for name in _ASKED},
            },
        },
        "tools": [
            {"name": tool.name, "description": tool.description} for tool in tools_called(TOOLSETS["core"]).values()
        ],
        "tools_generated": True,
        "prompts_generated": True,
        "user_config": {name: _question(name, kind, title) for name, (kind, title) in _ASKED.items()},
        "compatibility": {"platforms": PLATFORMS, "runtimes": {"python": PROJECT["requires-python"]}},
    }


def _question(name: str, kind: str, title: str) -> dict[str, Any]:
    """A setting as the host asks for it. Nothing has to be answered: what is left empty has the server's default."""
    described = Settings.model_fields[name].description or ""
    asked = {"type": kind, "title": title, "description": described.replace("`", ""), "required": False}
    if name == "api_key":
        asked["sensitive"] = True
    return asked | {"default": False if kind == "boolean" else ""}


def server_json() -> dict[str, Any]:
    """What the MCP registry lists."""
    return {
        "$schema": REGISTRY_SCHEMA,
        "name": REGISTRY_NAME,
        "title": "Runloop scenarios",
        "description": "Coding scenarios in isolated devboxes, from start to score.",
        "version": __version__,
        "packages": [
            {
                "registryType": "pypi",
                "identifier": PROJECT["name"],
                "version": __version__,
                "runtimeHint": "uvx",
                "transport": {"type": "stdio"},
                "environmentVariables": [_variable(name) for name in _ASKED],
            },
        ],
    }


def _variable(name: str) -> dict[str, Any]:
    described: dict[str, Any] = {"name": variable(name), "description": Settings.model_fields[name].description}
    kind = _ASKED[name][0]
    described |= {"format": {"directory": "filepath"}.get(kind, kind), "isRequired": False}
    return described | ({"isSecret": True} if name == "api_key" else {})


def build(output: Path) -> None:
    """Writes the bundle."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "runloop_mcp", "pyproject.toml", "README.md", "LICENSE"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    output.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as bundle:
        _add(bundle, "manifest.json", _text(manifest()).encode(), mode=0o644)
        for name in sorted(listed):
            path = ROOT / name
            if path.is_file():
                _add(bundle, name, path.read_bytes(), mode=0o755 if path.stat().st_mode & 0o100 else 0o644)


def _add(bundle: zipfile.ZipFile, name: str, content: bytes, *, mode: int) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.external_attr = (0o100000 | mode) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    bundle.writestr(entry, content)


def _text(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    place = ROOT / "server.json"
    if "--server-json" in sys.argv:
        place.write_text(_text(server_json()), encoding="utf-8")
    elif "--check" in sys.argv:
        if place.read_text(encoding="utf-8") != _text(server_json()):
            sys.exit("server.json is not as the code has it; run: make readme")
    else:
        made = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist" / f"{PROJECT['name']}-{__version__}.mcpb"
        build(made)
        sys.stdout.write(f"{made}\n")
