"""What tools answer, as results of the protocol."""

import base64

from mcp_types import CallToolResult, ContentBlock, ImageContent, TextContent

from runloop_mcp.server.call import Reply
from runloop_mcp.server.printable import sendable, sendable_json


def tool_result(reply: Reply) -> CallToolResult:
    """The reply of a tool as a result: text, an image behind it, and structured content beside them."""
    structured = None
    if reply.structured is not None:
        structured = sendable_json(reply.structured.model_dump(mode="json", exclude_defaults=True))
    content: list[ContentBlock] = [TextContent(type="text", text=sendable(reply.text))]
    if reply.image is not None:
        data = base64.b64encode(reply.image.data).decode()
        content.append(ImageContent(type="image", data=data, mime_type=reply.image.mime_type))
    return CallToolResult(content=content, structured_content=structured)
