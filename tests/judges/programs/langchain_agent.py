"""An agent of LangGraph, with LangChain's adapters and a chat model of ours: the framework's loop, and our tools."""

import asyncio
import warnings
from collections.abc import Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools
from langgraph.prebuilt import create_react_agent
from lifecycle import COMMAND, SERVED, TASK, headers, next_call, tell

offered: list[str] = []
said: list[str] = []


class Scripted(BaseChatModel):
    """Calls what comes next, by what it was told."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> "Scripted":
        """Sees the tools, as a provider's model would be told of them."""
        offered[:] = [convert_to_openai_tool(tool)["function"]["name"] for tool in tools]
        return self

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        said[:] = [str(message.text) for message in messages if isinstance(message, ToolMessage)]
        call = next_call(said)
        calls = [{"name": call[0], "args": call[1], "id": f"call_{len(said)}"}] if call else []
        answer = AIMessage(content="" if call else "Done.", tool_calls=calls)
        return ChatResult(generations=[ChatGeneration(message=answer)])


async def main() -> None:
    """Has the agent work, and tells of it."""
    connection: dict[str, Any] = (
        {"transport": "stdio", "command": COMMAND[0], "args": COMMAND[1:]}
        if COMMAND
        else {"transport": "streamable_http", "url": SERVED["url"], "headers": headers()}
    )
    client = MultiServerMCPClient({"runloop": connection})
    async with client.session("runloop") as session:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            agent = create_react_agent(Scripted(), await load_mcp_tools(session))
        result = await agent.ainvoke({"messages": [("user", TASK)]}, {"recursion_limit": 50})
    tell(tools=offered, said=said, output=result["messages"][-1].content)


asyncio.run(main())
