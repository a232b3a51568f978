"""`runloop-mcp call TOOL`: the tools that agents have over MCP, for agents that prefer the command line."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import click

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.cli.options import backend_options, json_option
from runloop_mcp.cli.settings import Settings, load_settings
from runloop_mcp.cli.terminal import print_json, print_table, say

if TYPE_CHECKING:
    from mcp_types import CallToolResult, Tool

_FORM = "Give arguments as NAME=VALUE, NAME=@FILE, or NAME=@- for standard input."


@click.command(short_help="Call one of the tools that agents have over MCP.")
@click.argument("tool", required=False)
@click.argument("arguments", nargs=-1, metavar="[NAME=VALUE]...")
@backend_options
@json_option
def call(*, flags: dict[str, object], tool: str | None, arguments: tuple[str, ...], as_json: bool) -> int:
    """Call one of the tools that agents have over MCP; without TOOL, list them.

    NAME=@FILE takes the value from a file, NAME=@- from standard input. Lists and objects are JSON. What is shown is
    what a solver may see. A run goes on from call to call; its devbox keeps its disk, and no processes. The exit code
    is 1 when the tool says that it could not.
    """
    settings = load_settings(**flags)
    if tool is None:
        _list(anyio.run(_tools, settings), as_json=as_json)
        return 0
    result = anyio.run(_call, settings, tool, _given(arguments))
    text = "\n".join(getattr(block, "text", f"[{block.type}]") for block in result.content)
    if as_json:
        print_json({"text": text, "structured": result.structured_content, "failed": bool(result.is_error)})
    elif result.is_error:
        say(text)
    else:
        click.echo(text)
    return 1 if result.is_error else 0


def _given(arguments: Sequence[str]) -> dict[str, str]:
    given = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{argument!r} is no argument of a tool. {_FORM}")
        given[name] = _from_file(value[1:]) if value.startswith("@") else value
    return given


def _from_file(name: str) -> str:
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InvalidRequest(f"{name} is no text in UTF-8.", hint="Tools take text only.") from None


async def _tools(settings: Settings) -> "list[Tool]":
    from runloop_mcp.cli.wiring import backend_for
    from runloop_mcp.server.app import build_server

    async with backend_for(settings) as backend:
        return await build_server(backend).list_tools()


async def _call(settings: Settings, tool: str, given: Mapping[str, str]) -> "CallToolResult":
    from mcp.client import Client

    from runloop_mcp.cli.wiring import backend_for
    from runloop_mcp.server.app import build_server

    async with backend_for(settings) as backend:
        server = build_server(backend)
        schemas = {listed.name: listed.input_schema for listed in await server.list_tools()}
        properties = schemas.get(tool, {}).get("properties", {})
        arguments = {name: _value(value, properties.get(name, {})) for name, value in given.items()}
        async with Client(server) as client:
            return await client.call_tool(tool, arguments)


def _value(text: str, schema: Mapping[str, Any]) -> Any:
    """A value as the tool wants it: text stays text, all else is JSON where it can be."""
    kinds = {schema.get("type"), *(each.get("type") for each in schema.get("anyOf", []))}
    if "string" in kinds or not kinds - {None}:
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text  # the tool says what it wants instead


def _list(tools: "list[Tool]", *, as_json: bool) -> None:
    if as_json:
        print_json([tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools])
        return
    rows = [
        (
            tool.name,
            " ".join(
                name if name in tool.input_schema.get("required", []) else f"[{name}]"
                for name in tool.input_schema.get("properties", {})
            ),
        )
        for tool in tools
    ]
    print_table(("tool", "arguments"), rows)
