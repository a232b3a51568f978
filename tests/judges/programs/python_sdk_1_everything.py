"""The client of MCP's Python SDK 1.x, which holds every structured answer against its schema, calls every tool."""

from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
from every_tool import use_all
from lifecycle import tell
from mcp import ClientSession
from python_sdk_1 import transport


async def main() -> None:
    """Calls them, and tells which."""
    async with transport() as streams, ClientSession(streams[0], streams[1]) as session:
        await session.initialize()
        tools = [tool.name for tool in (await session.list_tools()).tools]

        async def call(tool: str, arguments: dict[str, Any]) -> str:
            result = await session.call_tool(tool, arguments)
            text = "\n".join(getattr(block, "text", "") for block in result.content)
            assert not result.isError, (tool, text)
            return text

        def from_thread(tool: str, **arguments: Any) -> str:
            return anyio.from_thread.run(call, tool, arguments)

        called, _ = await anyio.to_thread.run_sync(use_all, from_thread)
        tell(tools=tools, called=sorted(called))


anyio.run(main)
