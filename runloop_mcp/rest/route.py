"""A route, declared once: where it is, who answers it, and all that the OpenAPI document says of it.

The signature of the handler is part of the declaration:

    async def update(call: Call, scenario_id: str, body: ScenarioUpdateParams) -> ScenarioView:

    call      the request (always first)
    query     what the query holds: a model, validated
    body      what the JSON body holds: a model, validated
    others    parameters of the path, of the same name, each described in `path_parameters`
    returns   a model, sent as JSON; a `Page`, sent under the name in `items`; or a Starlette response, sent as it is

Its docstring is the summary, then the description.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_type_hints

from pydantic import BaseModel
from starlette.responses import Response

from runloop_mcp.api.models.base import Page
from runloop_mcp.rest.pages import page_model
from runloop_mcp.rest.path_parameters import PATH_PARAMETERS

Handler = Callable[..., Awaitable[BaseModel | Response]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Route:
    """One operation of the API.

    Args:
        method: `GET`, `POST` or `PUT`.
        path: Its template, such as `/v1/scenarios/{scenario_id}`.
        tag: The group it belongs to.
        handler: What answers it.
        items: The name of the list on the wire, where the handler gives a `Page`.
        errors: What else it can answer beside the errors of every route: status and when.
        content: Media type → schema of the answer, where the handler gives a response of its own.
        example: A body that is good, where its schema can't say all that makes it so.
        form: JSON schema of a body that is no JSON, by media type; the handler reads it from `call.request`.
        is_deduplicated: Whether a retry gets the first one's answer. Not for what only reads, or is as good done twice.
        is_held: Whether the answer may be held for long: nobody waits on for a client that has left.
        is_keyless: Whether it is served without a key, because the handler checks a signature in the address.
            Its path begins with `/v1/signed/`.
    """

    method: str
    path: str
    tag: str
    handler: Handler
    items: str | None = None
    errors: Mapping[int, str] = field(default_factory=dict)
    content: Mapping[str, Mapping[str, Any]] | None = None
    example: Mapping[str, Any] | None = None
    form: Mapping[str, Mapping[str, Any]] | None = None
    is_deduplicated: bool = True
    is_held: bool = False
    is_keyless: bool = False
    path_parameters: tuple[str, ...] = field(init=False)
    query: type[BaseModel] | None = field(init=False)
    body: type[BaseModel] | None = field(init=False)
    answer: type[BaseModel] | None = field(init=False)
    """The model of the JSON answer; None where the handler gives a response of its own."""

    def __post_init__(self) -> None:
        """Reads the rest of the declaration from the handler's signature.

        Raises:
            TypeError: The signature does not fit the path.
        """
        hints = get_type_hints(self.handler)
        answer = hints.pop("return")
        names = list(inspect.signature(self.handler).parameters)[1:]
        in_path = tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))
        if set(names) - {"query", "body"} != set(in_path):
            raise TypeError(f"{self.path}: the parameters of {self.handler.__qualname__} are not those of the path.")
        if unknown := set(in_path) - set(PATH_PARAMETERS):
            raise TypeError(f"{self.path}: describe {unknown} in path_parameters.")
        if self.is_keyless and not self.path.startswith("/v1/signed/"):
            raise TypeError(f"{self.path}: what is served without a key is below /v1/signed/.")
        if inspect.isclass(answer) and issubclass(answer, Page):
            if self.items is None:
                raise TypeError(f"{self.path}: name the field of the list.")
            answer = page_model(answer, self.items)
        self._set("path_parameters", in_path)
        self._set("query", hints.get("query"))
        self._set("body", hints.get("body"))
        self._set("answer", answer if issubclass(answer, BaseModel) else None)
        # A response of the handler's own, such as a stream, can't be sent twice.
        self._set("is_deduplicated", self.is_deduplicated and self.answer is not None)

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    @property
    def operation_id(self) -> str:
        """Names the operation, such as `scenarios_start_run`."""
        return f"{self.tag}_{self.handler.__name__.rstrip('_')}"

    @property
    def is_listed(self) -> bool:
        """Whether clients are told of it: not of addresses that they get from other answers."""
        return not self.is_keyless


def get(path: str, tag: str, handler: Handler, **declared: Any) -> Route:
    """A route that reads."""
    return Route(method="GET", path=path, tag=tag, handler=handler, is_deduplicated=False, **declared)


def post(path: str, tag: str, handler: Handler, **declared: Any) -> Route:
    """A route that changes something."""
    return Route(method="POST", path=path, tag=tag, handler=handler, **declared)
