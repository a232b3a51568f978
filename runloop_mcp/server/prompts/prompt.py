"""What a prompt is made of, and the checks that all share."""

import base64
import difflib
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    EmbeddedResource,
    GetPromptResult,
    ImageContent,
    Prompt,
    PromptMessage,
    TextContent,
    TextResourceContents,
)

from runloop_mcp.api.access import Principal
from runloop_mcp.api.backend import Backend
from runloop_mcp.server.printable import printable, sendable, shortened
from runloop_mcp.server.resources import PLAIN, PNG, Resources

WHERE: Final = {
    "scenario_id": "The resource runloop://scenarios and list_scenarios give the ids.",
    "run_id": "list_runs gives the ids.",
}

_NAME: Final = 60
"""Characters of a wrong argument's name that are said again."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks for a prompt, and what they may see and use."""

    backend: Backend
    principal: Principal
    resources: Resources
    tools: Collection[str]
    """The names of the tools that they have."""

    async def embedded(self, uri: str, limit: int) -> PromptMessage:
        """A resource as they would read it, up to so many characters."""
        contents = await self.resources.read(uri)
        kind = contents.mime_type if len(contents.text) <= limit else PLAIN  # what is cut is no JSON any more
        resource = TextResourceContents(uri=uri, text=sendable(shortened(contents.text, limit)), mime_type=kind)
        return PromptMessage(role="user", content=EmbeddedResource(type="resource", resource=resource))


@dataclass(frozen=True, slots=True)
class PromptKind:
    """A prompt: what menus show of it, who may have it, how it is filled in."""

    listed: Prompt
    fill: Callable[[Asking, Mapping[str, str]], Awaitable[GetPromptResult]]
    needs: frozenset[str]
    """The tools without which it would send an agent nowhere."""
    for_solvers: bool = False
    """Whether solvers have it; operators have all."""

    def is_for(self, principal: Principal, tools: Collection[str]) -> bool:
        """Whether it can be of use to a principal that has these tools."""
        return (principal.operates or self.for_solvers) and self.needs <= set(tools)

    def taken(self, arguments: Mapping[str, str] | None) -> dict[str, str]:
        """The arguments that were given, without blanks around them; those that are empty left out.

        Raises:
            MCPError: One that it needs is missing, or there is none of this name.
        """
        known = {each.name: bool(each.required) for each in self.listed.arguments or ()}
        given = {name: value.strip() for name, value in (arguments or {}).items() if value.strip()}
        for name in (arguments or {}).keys() - known.keys():
            near = difflib.get_close_matches(name, known, n=1)
            meant = f" Did you mean `{near[0]}`?" if near else ""
            said_again = shortened(printable(name), _NAME)
            raise _wrong(f"`{said_again}` is no argument of this prompt.{meant} Its arguments: {', '.join(known)}.")
        for name in (name for name, required in known.items() if required and name not in given):
            raise _wrong(f"`{name}` is missing. {WHERE.get(name, '')}".strip())
        return given


def said(text: str) -> PromptMessage:
    """A message of whoever picked the prompt."""
    return PromptMessage(role="user", content=TextContent(type="text", text=printable(text)))


def pictured(png: bytes) -> PromptMessage:
    """A picture, as models are shown one."""
    image = ImageContent(type="image", data=base64.b64encode(png).decode(), mime_type=PNG)
    return PromptMessage(role="user", content=image)


def _wrong(message: str) -> MCPError:
    return MCPError(code=INVALID_PARAMS, message=message)
