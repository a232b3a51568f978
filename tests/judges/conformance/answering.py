"""Fixture tools that answer at once, or with progress and log messages on the way."""

import warnings
from typing import Annotated, Any, Final

from mcp.server.extension import ToolBinding
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult
from media import audio, embedded, image, text
from pydantic import Field

MISSING_CLIENT_CAPABILITY: Final = -32021
SCHEMA_TOOL: Final = "json_schema_2020_12_tool"

DIALECT_SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
"""A schema with the words of JSON Schema 2020-12 that must reach clients as they are."""


async def test_simple_text() -> CallToolResult:
    """Text."""
    return CallToolResult(content=[text("This is a simple text response for testing.")])


async def test_image_content() -> CallToolResult:
    """An image."""
    return CallToolResult(content=[image()])


async def test_audio_content() -> CallToolResult:
    """A sound."""
    return CallToolResult(content=[audio()])


async def test_embedded_resource() -> CallToolResult:
    """A resource within the answer."""
    return CallToolResult(
        content=[embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")]
    )


async def test_multiple_content_types() -> CallToolResult:
    """Text, an image and a resource."""
    resource = embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}')
    return CallToolResult(content=[text("Multiple content types test:"), image(), resource])


async def test_error_handling() -> str:
    """Fails."""
    raise ToolError("This tool intentionally returns an error for testing")


async def test_tool_with_logging(context: Context[Any, Any]) -> str:
    """Sends log messages on the way."""
    for words in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await _log(context, words)
    return "Tool with logging executed successfully"


async def test_tool_with_progress(context: Context[Any, Any]) -> str:
    """Tells how far it is, three times."""
    for done in (0, 50, 100):
        await context.report_progress(done, 100, f"Completed step {done} of 100")
    return str((context.request_context.meta or {}).get("progressToken", 0))


async def test_streaming_elicitation(context: Context[Any, Any]) -> str:
    """Sends something on the stream of its answer, and no request of its own."""
    await context.report_progress(50, 100)
    return "Streaming complete"


async def test_logging_tool(context: Context[Any, Any]) -> str:
    """Logs, which only clients that ask for it may see."""
    await _log(context, "Diagnostic")
    return "Logging evaluated"


async def test_missing_capability(context: Context[Any, Any]) -> str:
    """Works with clients that can sample, and says so to all others."""
    capabilities = context.client_capabilities
    if capabilities is None or capabilities.sampling is None:
        raise MCPError(
            code=MISSING_CLIENT_CAPABILITY,
            message="This tool needs a client that can sample.",
            data={"requiredCapabilities": {"sampling": {}}},
        )
    return "Success"


async def test_header_parameter(region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})]) -> str:
    """Has a parameter that clients repeat in a header."""
    return region


async def json_schema_2020_12_tool(name: str = "") -> str:
    """Has a schema with words that a plain function would not have."""
    return f"Called by {name}."


async def _log(context: Context[Any, Any], words: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the suite wants what the newest revision deprecates
        await context.info(words)


ANSWERING: Final = [
    ToolBinding(tool, kwargs={"structured_output": False})
    for tool in (
        test_simple_text,
        test_image_content,
        test_audio_content,
        test_embedded_resource,
        test_multiple_content_types,
        test_error_handling,
        test_tool_with_logging,
        test_tool_with_progress,
        test_streaming_elicitation,
        test_logging_tool,
        test_missing_capability,
        test_header_parameter,
        json_schema_2020_12_tool,
    )
]
