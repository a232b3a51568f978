"""Values of the api as bodies and queries of the wire, and back."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.models.base import ANSWERED, Page, PageParams, WireModel
from runloop_mcp.client.failures import not_understood

View = TypeVar("View")
Model = TypeVar("Model", bound=WireModel)

Query = Mapping[str, str | int | float | bool | None]


def body_of(params: BaseModel, **more: object) -> dict[str, Any]:
    """Parameters as a body: absent where they are None, under the names of the wire."""
    body: dict[str, Any] = params.model_dump(by_alias=True, exclude_none=True)
    return body | {name: value for name, value in more.items() if value is not None}


def encoded(body: Mapping[str, Any]) -> bytes:
    """A body as JSON. This is where secrets that are sent on purpose are laid open."""
    text = json.dumps(body, default=_open, ensure_ascii=False, allow_nan=False)
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Half a character, which no server takes for JSON.
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _open(value: object) -> object:
    if isinstance(value, SecretStr):
        return _whole(value.get_secret_value())
    if isinstance(value, BaseModel):
        return body_of(value)
    raise TypeError(f"no JSON: {type(value).__name__}")


def _whole(secret: str) -> str:
    """A secret that can be sent as it is.

    Raises:
        InvalidRequest: It can't.
    """
    try:
        secret.encode()
    except UnicodeEncodeError:
        raise InvalidRequest(
            "A secret value holds half a character, which can't be sent.", hint="Give a value that is valid text."
        ) from None
    return secret


def query_of(params: PageParams, *, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Parameters of a list as a query: what is None is left out, filters by metadata are spelt as the wire has them."""
    query: dict[str, Any] = {}
    for name, value in params.model_dump(exclude_none=True, exclude=set(without)).items():
        if name == "metadata":
            query |= {f"metadata[{key}][in]": ",".join(values) for key, values in value.items()}
        else:
            query[name] = value
    return query


def view_of(model: type[View], content: bytes, about: str) -> View:
    """An answer as a value; nulls are as good as absent, and unknown fields are kept.

    Raises:
        Unavailable: It is none.
    """
    try:
        value = json.loads(content)
    except ValueError:
        raise not_understood(about, "no JSON") from None
    return value_of(model, value, about)


def value_of(model: type[View], value: object, about: str) -> View:
    """Likewise, where it is read already.

    Raises:
        Unavailable: It is none.
    """
    if isinstance(value, dict):
        value = {name: held for name, held in value.items() if held is not None}
    hashable: Any = model
    try:
        validated: View = _adapter(hashable).validate_python(value, context=ANSWERED)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"])) or "the answer"
        raise not_understood(about, f"{place}: {first['msg']}") from None
    return validated


def page_of(model: type[Model], content: bytes, field: str, about: str) -> Page[Model]:
    """A page of a list.

    Raises:
        Unavailable: It is none.
    """
    answer = view_of(dict[str, Any], content, about)
    listed = answer.get(field)
    if not isinstance(listed, list):
        raise not_understood(about, f"there is no list of {field}")
    items = [value_of(model, item, about) for item in listed]
    total = answer.get("total_count")
    return Page[model](  # type: ignore[valid-type]  # a class at run time
        items=items,
        has_more=bool(answer.get("has_more")),
        total_count=total if isinstance(total, int) else len(items),
    )


@cache
def _adapter(model: Any) -> TypeAdapter[Any]:
    return TypeAdapter(model)
