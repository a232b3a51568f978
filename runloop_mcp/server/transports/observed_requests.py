"""Requests over HTTP as they end; each has an id, by which its lines are found in the log."""

import logging
import re
import secrets
import time
from collections import Counter
from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING, Final

from runloop_mcp.server.observation.context import REQUEST_ID, RUN_ID, shown_id

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from runloop_mcp.server.observation.calls import Observer

_log = logging.getLogger(__name__)

ROUTES: Final = frozenset({"mcp", "sse", "messages", "v1", "healthz", "readyz", "metrics", "openapi.json"})
"""The first parts of all paths that are served."""

_RUN: Final = re.compile(r"/(scr_\w{1,64})(?:/|$)")

_ABORTED: Final = 499
"""What stands for the status of a request that had no answer."""


class ObservedRequests:
    """ASGI middleware that names requests and observes their end.

    The name is the client's own `x-request-id` where it sends a plain one; the answer carries it.

    Args:
        app: The application behind it.
        observers: Who is told.
        in_progress: Where requests in progress are counted, by what they belong to.
    """

    def __init__(
        self, app: "ASGIApp", observers: Sequence["Observer"] = (), in_progress: "Counter[str] | None" = None
    ) -> None:
        self._app = app
        self._in_progress = Counter() if in_progress is None else in_progress
        self._observers = observers
        self._names = count(1)
        self._process = secrets.token_hex(4)

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = _name_in(scope) or f"{self._process}-{next(self._names)}"
        status = _ABORTED

        async def note(message: "Message") -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), (b"x-request-id", name.encode())]}
            await send(message)

        route = route_class(scope["path"])
        self._in_progress[route] += 1
        began = time.perf_counter()
        request = REQUEST_ID.set(name)
        run = RUN_ID.set(_run_in(scope["path"]))
        try:
            await self._app(scope, receive, note)
        finally:
            self._in_progress[route] -= 1
            self._tell(scope, route, status, time.perf_counter() - began)
            RUN_ID.reset(run)
            REQUEST_ID.reset(request)

    def _tell(self, scope: "Scope", route: str, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        for observer in self._observers:
            observer.request_ended(route, method, status, seconds)
        _log.info("%s %s: %d after %.0f ms", method, route, status, seconds * 1000)


_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def route_class(path: str) -> str:
    """What a path belongs to: the first part of one that is served, else `other`. Paths can hold tokens."""
    first = path.split("/", 2)[1] if path.startswith("/") else ""
    return f"/{first}" if first in ROUTES else "other"


def _name_in(scope: "Scope") -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return shown_id(value.decode("latin-1"))
    return None


def _run_in(path: str) -> str | None:
    found = _RUN.search(path)
    return found.group(1) if found else None
