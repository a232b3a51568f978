"""The MCP server over a backend. Cheap to build: tools and all that they need are imported when first asked for.

A server must answer `initialize` about as fast as one without tools; what it can do depends on none of them.
"""

from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Literal

import anyio
from mcp.server._otel import OpenTelemetryMiddleware  # the SDK has no public way to know it by
from mcp.server.context import ServerRequestContext
from mcp.server.extension import Extension
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ResourceNotFoundError
from mcp_types import (
    CallToolResult,
    DiscoverResult,
    EmptyResult,
    GetPromptResult,
    InputRequiredResult,
    ListToolsResult,
    PaginatedRequestParams,
    Prompt,
    RequestParams,
    Resource,
    ResourceTemplate,
    ResourceTemplateReference,
    SubscribeRequestParams,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
    Tool,
    UnsubscribeRequestParams,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import AnyUrl

from runloop_mcp import __version__
from runloop_mcp.api.access import LOCAL_OPERATOR, Principal
from runloop_mcp.server.caller import CALLER
from runloop_mcp.server.heartbeat import SILENCE_SECONDS, Heartbeat
from runloop_mcp.server.instructions import instructions_for
from runloop_mcp.server.minting import Minting
from runloop_mcp.server.score_card import APPS
from runloop_mcp.server.services import NONE, Services
from runloop_mcp.server.subscribing.subscriptions import Subscriptions
from runloop_mcp.server.surface import AT_ONCE, CORE, Surface
from runloop_mcp.server.tasks.deferral import DEFER_SECONDS
from runloop_mcp.server.tasks.extension import Tasks
from runloop_mcp.server.tracing import WhenCollected

if TYPE_CHECKING:
    from runloop_mcp.api.backend import Backend
    from runloop_mcp.server.face import Face

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
_FACES = 1000
"""Principals whose faces are kept: over HTTP there can be one for each run."""
ANSWER_SECONDS: Final = 20.0
"""How long a call waits for a person's answer; many clients give a call up after 30 or 60."""
_OWN_PAGES: Final = "ui://runloop/"
_LONGEST_URI = 4000
"""Characters. The SDK's own error repeats the URI whole."""
_Context = ServerRequestContext[Subscriptions, Any]


class RunloopServer(MCPServer[Any]):
    """An MCP server whose own tools, resources and prompts come from a `Face`; extensions add to them."""

    def __init__(
        self,
        backend: "Backend",
        *,
        principal: Principal,
        extensions: Sequence[Extension],
        log_level: LogLevel,
        silence_seconds: float,
        surface: Surface,
        services: Services,
        defer_seconds: float,
        answer_seconds: float,
        minting: Minting | None,
    ) -> None:
        super().__init__(
            name="runloop",
            title="Runloop scenarios",
            description="Coding scenarios in isolated devboxes, from start to score",
            instructions=instructions_for(principal, surface),
            version=__version__,
            extensions=[Tasks(lambda: self._face, defer_seconds), *extensions],
            log_level=log_level,
            lifespan=self._serving,
        )
        self._backend = backend
        self._principal = principal
        self._surface = surface
        self._services = services
        self._minting = minting
        self._faces: OrderedDict[Principal, Face] = OrderedDict()
        self._heartbeat = Heartbeat(silence_seconds)
        self._answer_seconds = answer_seconds
        self._leave_out_idle_spans()
        self._serve_subscriptions()
        self._serve_apps()
        self.completion()(self._complete)  # type: ignore[no-untyped-call]  # the SDK's decorator has no types

    def _leave_out_idle_spans(self) -> None:
        middleware = self._lowlevel_server.middleware
        for place, each in enumerate(middleware):
            if isinstance(each, OpenTelemetryMiddleware):
                middleware[place] = WhenCollected(each)

    @asynccontextmanager
    async def _serving(self, _: MCPServer[Any]) -> AsyncIterator[Subscriptions]:
        """What runs beside the calls, for as long as clients are served."""
        failure: Exception | None = None
        async with anyio.create_task_group() as tasks:
            subscriptions = Subscriptions(tasks, self._subscriptions, lambda: self._face, self._backend, self._is_added)
            tasks.start_soon(self._heartbeat.run, tasks)
            try:
                yield subscriptions
            except Exception as error:  # noqa: BLE001 - raised again outside, where no task group wraps it
                failure = error
            finally:
                subscriptions.close()
                tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure

    def _serve_subscriptions(self) -> None:
        """Subscriptions in both eras, and capabilities that say no more than is true: lists never tell of changes."""
        server = self._lowlevel_server

        async def discover(context: _Context, _: RequestParams) -> DiscoverResult:
            capabilities = server.get_capabilities(protocol_version=context.protocol_version)
            for listed in (capabilities.tools, capabilities.prompts, capabilities.resources):
                if listed is not None:
                    listed.list_changed = False
            return DiscoverResult(
                supported_versions=list(MODERN_PROTOCOL_VERSIONS),
                capabilities=capabilities,
                instructions=server.instructions,
            )

        async def listen(context: _Context, params: SubscriptionsListenRequestParams) -> SubscriptionsListenResult:
            return await context.lifespan_context.listen(context, params)

        async def subscribe(context: _Context, params: SubscribeRequestParams) -> EmptyResult:
            return await context.lifespan_context.subscribe(context, params)

        async def unsubscribe(context: _Context, params: UnsubscribeRequestParams) -> EmptyResult:
            return await context.lifespan_context.unsubscribe(context, params)

        server.add_request_handler("server/discover", RequestParams, discover)
        server.add_request_handler("subscriptions/listen", SubscriptionsListenRequestParams, listen)
        server.add_request_handler("resources/subscribe", SubscribeRequestParams, subscribe)
        server.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, unsubscribe)

    def _serve_apps(self) -> None:
        """The score card as a page: the list of tools names it to clients that say that they show pages."""
        server = self._lowlevel_server

        async def list_tools(context: _Context, _: PaginatedRequestParams) -> ListToolsResult:
            from runloop_mcp.server.score_card.page import linked, shows_pages  # noqa: PLC0415 - no list, no page

            tools = await self.list_tools()
            shown = shows_pages(context.session.client_capabilities)
            return ListToolsResult(tools=linked(tools) if shown else tools)

        server.extensions.setdefault(APPS, {})
        server.add_request_handler("tools/list", PaginatedRequestParams, list_tools)

    @property
    def _face(self) -> "Face":
        """The face for whoever calls: over HTTP the principal of the request, else the one that the server is for."""
        principal = CALLER.get() or self._principal
        face = self._faces.get(principal)
        if face is None:
            from runloop_mcp.server.face import Face  # noqa: PLC0415 (see the docstring of this module)

            face = Face(self._backend, principal, self._surface, self._services, self._minting)
            self._faces[principal] = face
            if len(self._faces) > _FACES:
                self._faces.popitem(last=False)
        return face

    def instructions_of(self, principal: Principal) -> str:
        """What a principal's model is told at first."""
        return instructions_for(principal, self._surface)

    def own_tool(self, name: str) -> str | None:
        """The tool of ours that whoever calls means by a name; None where that is none."""
        return self._face.tool_called(name)

    def answers_at_once(self, name: str) -> bool:
        """Whether a tool reads what this server has at hand, and waits for nothing unless it is asked to."""
        return name in AT_ONCE and not self._backend.waits_cost_requests

    async def list_tools(self) -> list[Tool]:
        """Our tools, then those of extensions."""
        return [*self._face.tools(), *await super().list_tools()]

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Calls a tool of ours, or of an extension.

        Raises:
            ToolError: An expected failure, in words for the caller.
        """
        if (ours := self._face.tool_called(name)) is not None:
            meta = context.request_context.meta if context else None
            beat = self._heartbeat.begin(ours, context.report_progress if context else _unheard)
            try:
                person = self._face.person(context, self._answer_seconds) if context else None
                return await self._face.call_tool(ours, arguments, meta=dict(meta or {}), report=beat, person=person)
            finally:
                self._heartbeat.end(beat)
        others = [tool.name for tool in await super().list_tools()]
        if name not in others:
            raise self._face.unknown_tool(name, others)
        return await super().call_tool(name, arguments, context)

    async def list_resources(self) -> list[Resource]:
        """Our resources, then those of extensions."""
        return [*await self._face.resources(), *await super().list_resources()]

    async def list_resource_templates(self) -> list[ResourceTemplate]:
        """The forms of our resources, then those of extensions."""
        return [*self._face.resource_templates(), *await super().list_resource_templates()]

    async def read_resource(
        self, uri: AnyUrl | str, context: Context[Any, Any] | None = None
    ) -> Iterable[ReadResourceContents] | InputRequiredResult:
        """Reads a resource of ours, which are all under `runloop://` and `ui://runloop/`, or of an extension.

        Raises:
            ResourceError: An expected failure, in words for the caller.
        """
        if not str(uri).startswith(("runloop://", _OWN_PAGES)):
            if len(str(uri)) > _LONGEST_URI:
                raise ResourceNotFoundError("There is no such resource: its URI is longer than any resource's.")
            return await super().read_resource(uri, context)
        contents = await self._face.read_resource(str(uri))
        return [ReadResourceContents(content=contents.data, mime_type=contents.mime_type, meta=contents.meta)]

    def _is_added(self, uri: str) -> bool:
        """Whether a resource is none of ours, but was added to the server under this very URI."""
        return any(str(each.uri) == uri for each in self._resource_manager.list_resources())

    async def list_prompts(self) -> list[Prompt]:
        """Our prompts, then those that were added."""
        return [*self._face.prompts(), *await super().list_prompts()]

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, context: Context[Any, Any] | None = None
    ) -> GetPromptResult | InputRequiredResult:
        """One of our prompts, or of those that were added, filled in.

        Raises:
            MCPError: There is none of this name, or its scenario is not there.
        """
        if self._prompt_manager.get_prompt(name) is not None:
            return await super().get_prompt(name, arguments, context)
        return await self._face.get_prompt(name, arguments)

    async def _complete(self, reference: Any, argument: Any, context: Any) -> Any:
        """Offers values for an argument of a prompt or a resource's URI."""
        given = (context.arguments if context else None) or {}
        in_uri = isinstance(reference, ResourceTemplateReference)
        return await self._face.complete(argument.name, argument.value, given, in_uri=in_uri)


async def _unheard(progress: float, total: float | None = None, message: str | None = None) -> None:
    """Progress of a call that came without a request."""


def build_server(
    backend: "Backend",
    *,
    principal: Principal = LOCAL_OPERATOR,
    extensions: Sequence[Extension] = (),
    log_level: LogLevel = "WARNING",
    silence_seconds: float = SILENCE_SECONDS,
    surface: Surface = CORE,
    services: Services = NONE,
    defer_seconds: float = DEFER_SECONDS,
    answer_seconds: float = ANSWER_SECONDS,
    minting: Minting | None = None,
) -> RunloopServer:
    """The MCP server over a backend.

    Args:
        backend: What it works on. The caller enters it, around the time the server runs.
        principal: Whoever calls, where a request over HTTP does not say it: attempts count by it, and one that is bound
            to a run reaches no other. In what they are shown, all callers are solvers, unless the surface is one for
            operators.
        extensions: Extensions of the protocol, with their own tools.
        log_level: From which level on messages go to standard error, where logging is not set up yet.
        silence_seconds: How long a call is silent before its caller is told that it is still at work.
        surface: The tools that it offers.
        services: What some of them need beside the backend.
        defer_seconds: How long a call is waited for before it becomes a task, for clients that take tasks.
        answer_seconds: How long a call of the handshake era waits for the answer to a question.
        minting: Makes tokens for the solvers of runs that operators start; None where nobody can use one.
    """
    return RunloopServer(
        backend,
        principal=principal,
        extensions=extensions,
        log_level=log_level,
        silence_seconds=silence_seconds,
        surface=surface,
        services=services,
        defer_seconds=defer_seconds,
        answer_seconds=answer_seconds,
        minting=minting,
    )
