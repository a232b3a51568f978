"""An agent of Pydantic AI, whose model is a function: the framework's own loop, with the tools of the server."""

import asyncio
from typing import Any

from fastmcp.client.transports import StdioTransport, StreamableHttpTransport
from lifecycle import COMMAND, SERVED, TASK, headers, next_call, tell
from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.messages import ModelMessage, ModelResponse, RetryPromptPart, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

offered: list[str] = []
said: list[str] = []


def model(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    """Calls what comes next, by what it was told."""
    offered[:] = [tool.name for tool in info.function_tools]
    parts = [part for message in messages for part in message.parts]
    said[:] = [_words(part) for part in parts if isinstance(part, ToolReturnPart | RetryPromptPart)]
    call = next_call(said)
    return ModelResponse(parts=[ToolCallPart(*call) if call else TextPart("Done.")])


def _words(part: Any) -> str:
    return part.model_response() if isinstance(part, RetryPromptPart) else part.model_response_str()


async def main() -> None:
    """Has the agent work, and tells of it."""
    if COMMAND:
        transport: Any = StdioTransport(COMMAND[0], COMMAND[1:], keep_alive=False)
    else:
        transport = StreamableHttpTransport(SERVED["url"], headers=headers())
    agent = Agent(FunctionModel(model), toolsets=[MCPToolset(transport)])
    async with agent:
        result = await agent.run(TASK)
    tell(tools=offered, said=said, output=result.output)


asyncio.run(main())
