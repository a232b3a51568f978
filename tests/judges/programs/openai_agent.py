"""An agent of OpenAI's Agents SDK, with a model of ours: the framework's own loop, with the tools of the server."""

import asyncio
import json
from typing import Any

from agents import Agent, Model, ModelResponse, Runner, Usage, set_tracing_disabled
from agents.mcp import MCPServer, MCPServerStdio, MCPServerStreamableHttp
from lifecycle import COMMAND, SERVED, TASK, headers, next_call, tell
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

offered: list[str] = []
said: list[str] = []


class Scripted(Model):
    """Calls what comes next, by what it was told."""

    async def get_response(self, *_: Any, **given: Any) -> Any:
        """The next call, or the end."""
        offered[:] = [tool.name for tool in given["tools"]]
        said[:] = [_words(item["output"]) for item in given["input"] if item.get("type") == "function_call_output"]
        call = next_call(said)
        if call:
            number = f"call_{len(said)}"
            output: Any = ResponseFunctionToolCall(
                arguments=json.dumps(call[1]), call_id=number, name=call[0], type="function_call"
            )
        else:
            text = ResponseOutputText(annotations=[], text="Done.", type="output_text")
            output = ResponseOutputMessage(
                id="end", content=[text], role="assistant", status="completed", type="message"
            )
        return ModelResponse(output=[output], usage=Usage(), response_id=None)

    def stream_response(self, *_: Any, **__: Any) -> Any:
        """Nobody asks for it."""
        raise NotImplementedError


def _words(output: Any) -> str:
    if isinstance(output, str):
        return output
    return "\n".join(part.get("text", "") for part in output)


async def main() -> None:
    """Has the agent work, and tells of it."""
    set_tracing_disabled(disabled=True)
    patience = {"client_session_timeout_seconds": 60}
    server: MCPServer = (
        MCPServerStdio({"command": COMMAND[0], "args": COMMAND[1:]}, **patience)
        if COMMAND
        else MCPServerStreamableHttp({"url": SERVED["url"], "headers": headers()}, **patience)
    )
    async with server:
        agent = Agent("solver", model=Scripted(), mcp_servers=[server])
        result = await Runner.run(agent, TASK, max_turns=20)
    tell(tools=offered, said=said, output=result.final_output)


asyncio.run(main())
