"""What all groups of calls share."""

from collections.abc import Mapping
from typing import Any, TypeVar

from runloop_mcp.api.models.base import Page, WireModel
from runloop_mcp.client.ask import Ask
from runloop_mcp.client.bodies import page_of, view_of
from runloop_mcp.client.wire import Wire

Model = TypeVar("Model", bound=WireModel)


class Calls:
    """A group of calls. Every call raises the errors of the api as the statuses of its answers say."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def _get(self, model: type[Model], path: str, query: Mapping[str, Any] | None = None) -> Model:
        ask = Ask("GET", path, query=query or {})
        return view_of(model, (await self._wire.send(ask)).content, ask.about)

    async def _post(
        self, model: type[Model], path: str, body: Mapping[str, Any] | None = None, **options: Any
    ) -> Model:
        ask = Ask("POST", path, body or {}, **options)
        return view_of(model, (await self._wire.send(ask)).content, ask.about)

    async def _page(self, model: type[Model], path: str, field: str, query: Mapping[str, Any]) -> Page[Model]:
        ask = Ask("GET", path, query=query)
        return page_of(model, (await self._wire.send(ask)).content, field, ask.about)
