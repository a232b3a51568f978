"""The web application of the REST API."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import anyio
from anyio import to_thread
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.routing import Route as StarletteRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from runloop_mcp.api.access import LOCAL_OPERATOR, PRINCIPAL, Principal, Role
from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import ApiError, Forbidden, InvalidRequest
from runloop_mcp.api.models.base import Page
from runloop_mcp.rest.answers import AnyAnswer, json_answer
from runloop_mcp.rest.attendance import while_there
from runloop_mcp.rest.bodies import ClientLeft, parse_body, read_body
from runloop_mcp.rest.call import Call
from runloop_mcp.rest.catalogue import ROUTES
from runloop_mcp.rest.failures import failed, unexpected, unknown_route
from runloop_mcp.rest.pages import wire_page
from runloop_mcp.rest.queries import read_query
from runloop_mcp.rest.request_ids import LONGEST_ID, RequestIds, Work
from runloop_mcp.rest.route import Route
from runloop_mcp.rest.router import Router
from runloop_mcp.rest.signing import ProcessSigner, SignedAddresses, Signer


class RestFace:
    """The Runloop REST API over a backend.

    `routes` are served only while `running` is entered, once, by whoever serves them:

        face = RestFace(backend)
        await serve_http(server, routes=face.routes, lifespans=[face.running])

    Args:
        backend: What carries everything out; entered by its owner.
        routes: The operations.
        signer: Signs the addresses of objects' contents; None: with a secret that ends with the process.
        public_url: Where clients reach the server; None: where each request reached it.
        needs_key: Whether requests need a key, which whoever serves the routes sees to; the document says so.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        routes: Sequence[Route] = ROUTES,
        signer: Signer | None = None,
        public_url: str | None = None,
        needs_key: bool = False,
    ) -> None:
        self._backend = backend
        self._addresses = SignedAddresses(signer or ProcessSigner(), public_url)
        self._router = Router(routes)
        self._declared = routes
        self._needs_key = needs_key
        self._openapi: Response | None = None
        self._request_ids: RequestIds | None = None

    @property
    def routes(self) -> list[BaseRoute]:
        """What to serve: everything below /v1, and the OpenAPI document."""
        return [_Below("/v1", self), StarletteRoute("/openapi.json", self._document)]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Holds the tasks of requests that go on when their clients leave."""
        async with anyio.create_task_group() as tasks:
            self._request_ids = RequestIds(tasks)
            try:
                yield
            finally:
                self._request_ids = None
                tasks.cancel_scope.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await send({"type": "websocket.close"})
            return
        try:
            answer = await self._answer(scope, receive, send)
        except ClientLeft:
            return
        except ApiError as error:
            answer = failed(error)
        await answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> AnyAnswer:
        """The answer to a request.

        Raises:
            ApiError: It can't be carried out.
        """
        found = self._router.find(scope["method"], scope["path"])
        if found is None:
            return unknown_route(scope)
        route, values = found
        principal = _principal(route, scope)
        body = await read_body(receive) if route.method != "GET" and route.form is None else b""
        request_id = _request_id(scope) if route.is_deduplicated else None
        key = None if request_id is None else f"{principal.id}/{request_id}"
        call = Call(self._backend, principal, key, Request(scope, receive, send), self._addresses)
        work: Work = partial(self._carry_out, route, values, call, body)
        if request_id is None or self._request_ids is None:
            # What changes something goes on without its client, as far as it gets.
            waits = route.is_held and not route.is_deduplicated
            return await (while_there(receive, work) if waits else work())
        content = b"%d %b %b" % (len(body), body, scope["query_string"])
        once = partial(self._request_ids.once, (principal.id, route.method, scope["path"], request_id), content, work)
        # That leaves the wait alone: what is carried out once has a task of its own.
        return await (while_there(receive, once) if route.is_held else once())

    async def _carry_out(self, route: Route, values: list[str], call: Call, body: bytes) -> AnyAnswer:
        """Calls the handler. The answer to what fails is an answer too."""
        try:
            arguments: dict[str, object] = dict(zip(route.path_parameters, values, strict=True))
            if route.query is not None:
                arguments["query"] = read_query(route.query, call.request.scope["query_string"])
            if route.body is not None:
                arguments["body"] = parse_body(route.body, body)
            result = await route.handler(call, **arguments)
            return _as_answer(route, result, arguments)
        except ApiError as error:
            return failed(error)
        except Exception as error:  # noqa: BLE001  what nobody foresaw becomes a 500, told in the log
            return unexpected(route.operation_id, error)

    async def _document(self, _: Request) -> Response:
        if self._openapi is None:
            # Imported and made when somebody asks: it takes a good part of a second.
            self._openapi = await to_thread.run_sync(self._made_document)
        return self._openapi

    def _made_document(self) -> Response:
        from runloop_mcp.rest.openapi.document import openapi_document  # noqa: PLC0415

        document = openapi_document(self._declared, needs_key=self._needs_key)
        return Response(json.dumps(document, ensure_ascii=False), media_type="application/json")


class _Below(BaseRoute):
    """Everything below a path, without Starlette's redirects and prefixes.

    Args:
        path: Such as `/v1`.
        app: What answers it.
    """

    def __init__(self, path: str, app: ASGIApp) -> None:
        self._path = path
        self._below = f"{path}/"
        self._app = app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request is for this."""
        path = scope.get("path", "")
        is_below = scope["type"] == "http" and (path == self._path or path.startswith(self._below))
        return (Match.FULL if is_below else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers it."""
        await self._app(scope, receive, send)


def rest_app(backend: Backend) -> Starlette:
    """The REST API as an application of its own, its lifespan included."""
    face = RestFace(backend)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with face.running():
            yield

    return Starlette(routes=face.routes, lifespan=lifespan)


def _as_answer(route: Route, result: BaseModel | Response, arguments: dict[str, object]) -> AnyAnswer:
    if isinstance(result, Response):
        return result
    if isinstance(result, Page) and route.items is not None and route.answer is not None:
        is_first = getattr(arguments.get("query"), "starting_after", None) is None
        result = wire_page(route.answer, route.items, result, is_first=is_first)
    return json_answer(result)


def _principal(route: Route, scope: Scope) -> Principal:
    """Who calls.

    Raises:
        Forbidden: It is the agent under test: this face shows everything.
    """
    principal: Principal = scope.get("state", {}).get(PRINCIPAL, LOCAL_OPERATOR)
    if principal.role is not Role.OPERATOR and not route.is_keyless:
        raise Forbidden("This key is a solver's, and the REST API is for operators.", hint="Use the tools over MCP.")
    return principal


def _request_id(scope: Scope) -> str | None:
    """The id of the request, which its retries share.

    Raises:
        InvalidRequest: It is too long.
    """
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            if len(value) > LONGEST_ID:
                raise InvalidRequest(f"The x-request-id is longer than {LONGEST_ID} characters.")
            return value.decode("latin-1") or None
    return None
