"""The client of MCP's Python SDK 2.x, in the era that MCP_ERA names."""

import asyncio
import os
from contextlib import AsyncExitStack
from typing import Any

import httpx2
from lifecycle import COMMAND, SERVED, headers, next_call, tell
from mcp.client import Client
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client


async def transport(stack: AsyncExitStack) -> Any:
    """The way to the server."""
    if COMMAND:
        return stdio_client(StdioServerParameters(command=COMMAND[0], args=COMMAND[1:]))
    if SERVED["url"].endswith("/sse"):
        return sse_client(SERVED["url"], headers())
    client = await stack.enter_async_context(httpx2.AsyncClient(headers=headers(), timeout=30, trust_env=False))
    return streamable_http_client(SERVED["url"], http_client=client)


async def main() -> None:
    """Goes the way, and tells of it."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(Client(await transport(stack), mode=os.environ["MCP_ERA"]))
        tools = [tool.name for tool in (await client.list_tools()).tools]
        problem = await client.read_resource("runloop://scenarios/right-answer/problem")
        prompt = await client.get_prompt("solve_scenario", {"scenario_id": "right-answer"})
        said: list[str] = []
        while (call := next_call(said)) is not None:
            result = await client.call_tool(*call)
            said.append("\n".join(getattr(block, "text", "") for block in result.content))
        tell(
            version=client.protocol_version,
            tools=tools,
            problem=problem.contents[0].text,
            prompt=prompt.messages[0].content.text,
            said=said,
        )


asyncio.run(main())
