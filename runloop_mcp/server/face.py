"""What the server offers, once somebody asks for it: calls of tools, reads of resources, prompts.

Kept apart from `app` so that `initialize` is answered before any of this is imported.
"""

import difflib
import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import anyio
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceError, ToolError, UnexpectedResourceError, UnexpectedToolError
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolResult,
    Completion,
    GetPromptResult,
    InputRequiredResult,
    Prompt,
    Resource,
    ResourceTemplate,
)
from mcp_types import Tool as ListedTool

from runloop_mcp.api.access import Principal
from runloop_mcp.api.backend import Backend
from runloop_mcp.api.disclosure import run_for_solver
from runloop_mcp.api.errors import ApiError, InvalidState
from runloop_mcp.api.trace import EventKind
from runloop_mcp.server.answers import tool_result
from runloop_mcp.server.arguments import parse
from runloop_mcp.server.asking import InputNeeded, Person
from runloop_mcp.server.call import Call, Reply
from runloop_mcp.server.failures import explain, prompt_error, resource_error, tool_error
from runloop_mcp.server.handles import find_run
from runloop_mcp.server.heartbeat import Report
from runloop_mcp.server.minting import Minting
from runloop_mcp.server.printable import sendable
from runloop_mcp.server.recording import CallRecorder
from runloop_mcp.server.rendering.run import next_calls
from runloop_mcp.server.resources import Contents, Resources
from runloop_mcp.server.services import NONE, Services
from runloop_mcp.server.surface import ALIASES, CORE, Surface, all_tools, is_for, is_operators
from runloop_mcp.server.targets import Target
from runloop_mcp.server.tasks.deferral import DEFERRAL
from runloop_mcp.server.tasks.desk import TaskDesk
from runloop_mcp.server.tools.catalogue import tools_called
from runloop_mcp.server.tools.tool import Tool
from runloop_mcp.server.visible.backend import visible_to

if TYPE_CHECKING:
    from runloop_mcp.server.prompts.prompt import PromptKind

_log = logging.getLogger(__name__)


class Face:
    """Tools, resources and prompts for one principal over one backend."""

    def __init__(
        self,
        backend: Backend,
        principal: Principal,
        surface: Surface = CORE,
        services: Services = NONE,
        minting: Minting | None = None,
    ) -> None:
        self._operates = surface.for_operators and principal.operates
        if not (principal.operates and surface.for_all_runs):
            backend = visible_to(principal, backend, operates=self._operates)
        self._backend = backend
        self._principal = principal
        self._surface = surface
        self._services = services
        self._minting = minting if principal.operates else None
        self._tools = tools_called([name for name in surface.tools if is_for(principal, name)])
        if self._minting is not None and _START in self._tools:
            self._tools[_START] = _start_for_solvers()
        self._resources = Resources(backend, principal)
        self._targets: dict[str, Target] = {}
        self._agreed: set[str] = set()
        self._recorder = CallRecorder(backend, principal)
        self.tasks = TaskDesk(backend, principal, self._recorder, may_stop=not _STOPPING.isdisjoint(self._tools))
        """Calls that became tasks."""

    def tools(self) -> list[ListedTool]:
        """All tools that are offered to this principal, in their stable order."""
        return [tool.listed() for tool in self._tools.values()]

    def tool_called(self, name: str) -> str | None:
        """The name of the tool that a caller means, which may be an older one; None where it is none of ours."""
        name = ALIASES.get(name, name) if name not in self._tools else name
        return name if name in self._tools else None

    def unknown_tool(self, name: str, others: list[str]) -> ToolError:
        """What a caller reads who names a tool that is not there, or that this server does not offer."""
        names = [*self._tools, *others]
        meant = ALIASES.get(name, name)
        if meant in all_tools():
            off = self._surface.why_off(meant) if meant not in self._surface.tools else _whose(self._principal, meant)
            return ToolError(f"{meant} is not offered here. {off} The tools: {', '.join(names)}.")
        near = difflib.get_close_matches(name, names, n=1)
        return ToolError(
            "There is no such tool."
            + (f" Did you mean {near[0]}?" if near else "")
            + f" The tools: {', '.join(names)}."
        )

    def person(self, context: Context[Any, Any], answer_seconds: float) -> Person:
        """Whoever sits at the client of a call, and has so long for an answer."""
        return Person(context, answer_seconds)

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        meta: Mapping[str, Any],
        report: Report,
        person: Person | None = None,
    ) -> CallToolResult | InputRequiredResult:
        """Calls a tool; answers with a question where the client has to call again with what its person says.

        Raises:
            ToolError: An expected failure, in words for the caller.
            UnexpectedToolError: A defect of ours; the words tell nothing of it, the log does.
        """
        record = self._recorder.begin(name, arguments)
        call = Call(
            self._backend,
            self._principal,
            meta,
            report,
            record,
            self._targets,
            DEFERRAL.get(),
            person,
            self._agreed,
            self._operates,
            self._services,
            self._minting,
        )
        # What operators do is none of a run's record, which its solver can read: a backend tells there what it must.
        named = None if is_operators(name) else arguments.get("run_id")
        try:
            result = tool_result(await self._carry_out(call, arguments))
        except InputNeeded as question:
            return question.result
        except (ToolError, MCPError) as error:
            await self._recorder.end(record, named, str(error))
            raise
        except anyio.get_cancelled_exc_class():
            await self._recorder.end_canceled(record, named)
            raise
        await self._recorder.end(record, named, changed_nothing=self._tools[name].reads_only)
        return result

    async def _carry_out(self, call: Call, arguments: Mapping[str, Any]) -> Reply:
        tool = self._tools[call.record.tool]
        try:
            return await tool.run(call, parse(tool.name, tool.arguments, arguments))
        except ApiError as error:
            raise tool_error(error, moves=await self._moves(error, arguments)) from error
        except (ToolError, MCPError, InputNeeded):
            raise
        except Exception as error:
            raise UnexpectedToolError(
                f"{tool.name} failed by a defect of the server, not of your call. Its log tells more; get_run shows the"
                " run."
            ) from error

    async def _moves(self, error: ApiError, arguments: Mapping[str, Any]) -> str:
        """The state of the run and its valid next calls, after a move that this state forbids."""
        run_id = arguments.get("run_id")
        if not isinstance(error, InvalidState) or not isinstance(run_id, str):
            return ""
        try:
            return next_calls(run_for_solver(await find_run(self._backend, self._principal, run_id)))
        except ApiError:
            return ""

    async def resources(self) -> list[Resource]:
        """The resources worth listing one by one.

        Raises:
            MCPError: The backend can't be asked.
        """
        try:
            return await self._resources.listed()
        except ApiError as error:
            raise MCPError(code=INTERNAL_ERROR, message=explain(error)) from error

    @property
    def principal(self) -> Principal:
        """Whom it is for."""
        return self._principal

    async def subscribable(self, uri: str) -> tuple[str | None, frozenset[EventKind]]:
        """The run that a resource depends on, and the events of its record after which it reads otherwise.

        Where it depends on no single run, it has to be read again.

        Raises:
            ApiError: It can't be subscribed to, or its run is none that the principal may see.
        """
        return await self._resources.subscribable(uri)

    async def look_at(self, uri: str) -> str:
        """What a resource of this server reads as just now.

        Raises:
            ApiError: It is not there, or can't be read.
        """
        return (await self._resources.read(uri)).text

    def resource_templates(self) -> list[ResourceTemplate]:
        """The forms of all other resources."""
        return self._resources.templates()

    async def read_resource(self, uri: str) -> Contents:
        """Reads a resource.

        Raises:
            ResourceError: An expected failure, in words for the caller.
            UnexpectedResourceError: A defect of ours.
        """
        try:
            contents = await self._resources.read(uri)
        except ApiError as error:
            raise resource_error(error) from error
        except (ResourceError, MCPError):
            raise
        except Exception as error:
            raise UnexpectedResourceError("Reading this resource failed by a defect of the server.") from error
        return contents if isinstance(contents.data, bytes) else replace(contents, data=sendable(contents.data))

    @cached_property
    def _prompts(self) -> "dict[str, PromptKind]":
        from runloop_mcp.server.prompts.catalogue import prompts_for  # noqa: PLC0415 - many clients ask for none

        return prompts_for(self._principal, self._tools)

    def prompts(self) -> list[Prompt]:
        """The prompts that can be of use to this principal, with the tools that it has."""
        return [kind.listed for kind in self._prompts.values()]

    async def get_prompt(self, name: str, arguments: Mapping[str, str] | None) -> GetPromptResult:
        """A prompt, filled in.

        Raises:
            MCPError: There is no such prompt, or it can't be filled in.
        """
        kind = self._prompts.get(name)
        if kind is None:
            raise MCPError(
                code=INVALID_PARAMS,
                message=f"There is no such prompt. There are: {', '.join(self._prompts) or 'none'}.",
            )
        from runloop_mcp.server.prompts.prompt import Asking  # noqa: PLC0415 - many clients ask for none

        asking = Asking(self._backend, self._principal, self._resources, self._tools)
        try:
            return await kind.fill(asking, kind.taken(arguments))
        except ApiError as error:
            raise prompt_error(error) from error

    async def complete(self, argument: str, begun: str, given: Mapping[str, str], *, in_uri: bool) -> Completion:
        """How an argument of a prompt or resource template may go on.

        Args:
            argument: Its name.
            begun: What is typed so far.
            given: The values of other arguments.
            in_uri: Whether it becomes a part of a URI.
        """
        from runloop_mcp.server.completing.completions import complete  # noqa: PLC0415 - likewise
        from runloop_mcp.server.completing.typing import Typing  # noqa: PLC0415 - likewise

        try:
            typing = Typing(argument, begun, given, in_uri)
            return await complete(self._backend, self._principal, typing, authors=self._operates)
        except ApiError as error:
            _log.info("No completion of %s: %s", argument, error)
            return Completion(values=[])


_START: Final = "start_run"
_STOPPING: Final = frozenset({"exec_on_devbox", "get_execution"})
"""Tools by which commands are ended."""


def _start_for_solvers() -> Tool[Any]:
    from runloop_mcp.server.tools.starts_for_solvers import START_RUN_FOR_SOLVER  # noqa: PLC0415 - for operators alone

    return START_RUN_FOR_SOLVER


def _whose(principal: Principal, tool: str) -> str:
    if principal.run_id is not None and (principal.tools is None or tool in principal.tools):
        return f"You are bound to the run {principal.run_id}. Go on with get_run."
    return "It is for operators." if is_operators(tool) else "Your key or token does not allow it."
