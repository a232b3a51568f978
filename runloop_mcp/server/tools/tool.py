"""What a tool is made of."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic

from mcp_types import Tool as ListedTool
from mcp_types import ToolAnnotations
from pydantic import BaseModel

from runloop_mcp.server.arguments import A
from runloop_mcp.server.call import Call, Reply
from runloop_mcp.server.schemas import input_schema, output_schema


@dataclass(frozen=True, slots=True)
class Tool(Generic[A]):
    """A tool: what models read of it, what it takes, what it does."""

    name: str
    title: str
    description: str
    arguments: type[A]
    run: Callable[[Call, A], Awaitable[Reply]]
    result: type[BaseModel] | None = None
    """The structured result, of lists and scores only: clients hide the text of tools that have one."""
    reads_only: bool = False
    destroys: bool = False
    """Whether it can overwrite, end or remove something."""
    repeatable: bool = False
    """Whether doing it twice is as good as once."""
    open_world: bool = False
    """Whether it may reach something outside the scenario's own world."""
    always_load: bool = False
    """Whether clients that load tools on demand should load it at once."""

    def listed(self) -> ListedTool:
        """The tool as a list of tools shows it."""
        meta: dict[str, Any] = {"anthropic/alwaysLoad": True}
        return ListedTool(
            name=self.name,
            title=self.title,
            description=self.description,
            input_schema=input_schema(self.arguments),
            output_schema=output_schema(self.result) if self.result else None,
            annotations=self._annotations(),
            _meta=meta if self.always_load else None,
        )

    def _annotations(self) -> ToolAnnotations:
        """The hints that clients decide by. For a tool that only reads, the protocol gives two of them no meaning."""
        if self.reads_only:
            return ToolAnnotations(read_only_hint=True, open_world_hint=self.open_world)
        return ToolAnnotations(
            read_only_hint=False,
            destructive_hint=self.destroys,
            idempotent_hint=self.repeatable,
            open_world_hint=self.open_world,
        )
