"""All that the conformance suite asks of a server to have, beside what it is: an extension, and prompts."""

import json
from typing import Any

from answering import ANSWERING, DIALECT_SCHEMA, SCHEMA_TOOL
from asking import ASKING, Asked, accepted, asks, form
from mcp.server.extension import Extension, ResourceBinding, ToolBinding
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.server.mcpserver.resources import BinaryResource, TextResource
from mcp_types import EmptyResult, SetLevelRequestParams
from media import PIXEL, embedded, image

from runloop_mcp.server.app import RunloopServer


class ConformanceFixtures(Extension):
    """The suite's tools and resources."""

    identifier = "test.conformance/fixtures"

    def tools(self) -> list[ToolBinding]:
        """Those that answer, and those that ask."""
        return [*ANSWERING, *ASKING]

    def resources(self) -> list[ResourceBinding]:
        """Text, bytes, and one to subscribe to."""
        return [
            ResourceBinding(
                TextResource(
                    uri="test://static-text",
                    name="static-text",
                    description="Text",
                    mime_type="text/plain",
                    text="This is the content of the static text resource.",
                )
            ),
            ResourceBinding(
                BinaryResource(
                    uri="test://static-binary",
                    name="static-binary",
                    description="Bytes",
                    mime_type="image/png",
                    data=PIXEL,
                )
            ),
            ResourceBinding(
                TextResource(
                    uri="test://watched-resource",
                    name="watched-resource",
                    description="Something to subscribe to",
                    mime_type="text/plain",
                    text="Watched resource content",
                )
            ),
        ]


def add_to(server: RunloopServer) -> None:
    """Adds what an extension has no way to bring."""
    schema_tool = server._tool_manager.get_tool(SCHEMA_TOOL)
    assert schema_tool is not None
    schema_tool.parameters = DIALECT_SCHEMA

    @server.resource("test://template/{id}/data", mime_type="application/json")
    def template(id: str) -> str:  # noqa: A002 - the suite's name
        """A resource with a parameter."""
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})

    @server.prompt()
    def test_simple_prompt() -> str:
        """No arguments."""
        return "This is a simple prompt for testing."

    @server.prompt()
    def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
        """Two arguments."""
        return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"

    @server.prompt()
    def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:  # noqa: N803 - the suite's name
        """A resource within a message."""
        resource = embedded(resourceUri, "text/plain", "Embedded resource content for testing.")
        return [UserMessage(resource), UserMessage("Please process the embedded resource above.")]

    @server.prompt()
    def test_prompt_with_image() -> list[UserMessage]:
        """An image within a message."""
        return [UserMessage(image()), UserMessage("Please analyze the image above.")]

    @server.prompt()
    async def test_input_required_result_prompt(context: Context[Any, Any]) -> Asked:
        """Asks before it is filled in."""
        told = accepted(context, "user_context", "context")
        return f"In this context: {told}" if told else asks(user_context=form("Which context?", context="string"))

    async def set_level(_: Any, __: SetLevelRequestParams) -> EmptyResult:
        return EmptyResult()

    server._lowlevel_server.add_request_handler("logging/setLevel", SetLevelRequestParams, set_level)
