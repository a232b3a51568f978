"""The client of MCP's Python SDK 1.x."""

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any

from lifecycle import COMMAND, SERVED, headers, next_call, tell
from mcp import ClientSession, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client


def transport() -> AbstractAsyncContextManager[Any]:
    """The way to the server."""
    if COMMAND:
        return stdio_client(StdioServerParameters(command=COMMAND[0], args=COMMAND[1:]))
    if SERVED["url"].endswith("/sse"):
        return sse_client(SERVED["url"], headers())
    return streamablehttp_client(SERVED["url"], headers())


async def main() -> None:
    """Goes the way, and tells of it."""
    async with transport() as streams, ClientSession(streams[0], streams[1]) as session:
        opened = await session.initialize()
        tools = [tool.name for tool in (await session.list_tools()).tools]
        problem = await session.read_resource("runloop://scenarios/right-answer/problem")
        prompt = await session.get_prompt("solve_scenario", {"scenario_id": "right-answer"})
        said: list[str] = []
        while (call := next_call(said)) is not None:
            result = await session.call_tool(*call)
            said.append("\n".join(getattr(block, "text", "") for block in result.content))
        tell(
            version=opened.protocolVersion,
            tools=tools,
            problem=problem.contents[0].text,
            prompt=prompt.messages[0].content.text,
            said=said,
        )


if __name__ == "__main__":
    asyncio.run(main())
