"""The OpenAPI document of the routes that are served."""

import inspect
from collections.abc import Iterable, Sequence
from typing import Any, Final

from runloop_mcp import __version__
from runloop_mcp.rest.failures import ErrorView
from runloop_mcp.rest.openapi.errors import ERRORS, error_responses
from runloop_mcp.rest.openapi.links import links_of
from runloop_mcp.rest.openapi.schemas import Mode, Schemas, query_schemas, schemas
from runloop_mcp.rest.path_parameters import PATH_PARAMETERS
from runloop_mcp.rest.route import Route

_ABOUT: Final = """\
The Runloop API, served by runloop-mcp from its embedded engine or whichever backend it has.

Every POST may carry an `x-request-id`. A request that comes again under the same one is not carried out again: it gets
the first one's answer. Every error is a JSON object with a `code` and a `message`, and says in `x-should-retry` whether
the same request can succeed later, and in `retry-after-ms` when. What is not documented here answers 404.
"""

_PREFIX: Final = "#/components/schemas/"


def openapi_document(routes: Sequence[Route], *, needs_key: bool) -> dict[str, Any]:
    """The document.

    Args:
        routes: What is served.
        needs_key: Whether requests need a key.
    """
    listed = [route for route in routes if route.is_listed]
    found, components = schemas(_models(listed))
    paths: dict[str, dict[str, Any]] = {}
    for route in listed:
        operation = _operation(route, found, needs_key=needs_key)
        if links := links_of(route, listed):
            operation["responses"]["200"]["links"] = links
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "Runloop API of runloop-mcp", "version": __version__, "description": _ABOUT},
        "tags": [{"name": tag} for tag in dict.fromkeys(route.tag for route in listed)],
        "paths": paths,
        "components": {"schemas": components, "responses": error_responses(found[ErrorView, "serialization"])},
    }
    if needs_key:
        document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"key": []}]
    return document


def _models(routes: Iterable[Route]) -> Iterable[tuple[Any, Mode]]:
    yield ErrorView, "serialization"
    for route in routes:
        if route.body is not None:
            yield route.body, "validation"
        if route.answer is not None:
            yield route.answer, "serialization"


def _operation(route: Route, found: Schemas, *, needs_key: bool) -> dict[str, Any]:
    summary, _, description = inspect.cleandoc(route.handler.__doc__ or "").partition("\n\n")
    operation: dict[str, Any] = {
        "operationId": route.operation_id,
        "tags": [route.tag],
        "summary": " ".join(summary.split()).rstrip("."),
    }
    if description:
        operation["description"] = " ".join(description.split())
    if parameters := [*_in_path(route), *_in_query(route)]:
        operation["parameters"] = parameters
    if body := _body(route, found):
        operation["requestBody"] = body
    operation["responses"] = {"200": _answer(route, found), **_errors(route, needs_key=needs_key)}
    return operation


def _in_path(route: Route) -> Iterable[dict[str, Any]]:
    for name in route.path_parameters:
        parameter = PATH_PARAMETERS[name]
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "description": parameter.description,
            "schema": {"type": "string", "pattern": parameter.pattern},
        }


def _in_query(route: Route) -> Iterable[dict[str, Any]]:
    if route.query is None:
        return
    for name, schema in query_schemas(route.query).items():
        field = next(each for key, each in route.query.model_fields.items() if name in (key, each.alias))
        parameter: dict[str, Any] = {"name": name, "in": "query", "required": field.is_required(), "schema": schema}
        if "description" in schema:
            parameter["description"] = schema.pop("description")
        is_text = schema.get("type") in {"string", "array"} and "enum" not in schema
        if schema.get("type") == "object":
            # `metadata[key]=v`; lists of values are `metadata[key][in]=a,b`, which no schema can say.
            parameter |= {"style": "deepObject", "explode": True}
            parameter["schema"] = {"type": "object", "additionalProperties": {"type": "string"}}
        elif not field.is_required() and not is_text:
            # Clients send null as nothing: `limit=` is as good as no limit.
            parameter["schema"] = {"anyOf": [schema, {"const": ""}]}
        yield parameter


def _body(route: Route, found: Schemas) -> dict[str, Any] | None:
    if route.form is not None:
        return {"required": True, "content": {kind: {"schema": schema} for kind, schema in route.form.items()}}
    if route.body is None:
        return None
    is_required = any(field.is_required() for field in route.body.model_fields.values())
    content: dict[str, Any] = {"schema": found[route.body, "validation"]}
    if route.example is not None:
        content["example"] = route.example
    return {"required": is_required, "content": {"application/json": content}}


def _answer(route: Route, found: Schemas) -> dict[str, Any]:
    if route.answer is not None:
        content: dict[str, Any] = {"application/json": {"schema": found[route.answer, "serialization"]}}
    else:
        content = {kind: {"schema": schema} for kind, schema in (route.content or {}).items()}
    return {"description": "It was carried out.", "content": content}


def _errors(route: Route, *, needs_key: bool) -> dict[str, Any]:
    """Every status that the route can fail with, with its own reasons where it has some."""
    general = {400, 429, 500, 503}
    if needs_key:
        general |= {401, 403}
    if route.method != "GET":
        general |= {409}
    if route.body is not None or route.form is not None:
        general |= {404, 413}  # what a body names may not be there
    answers: dict[str, Any] = {}
    for status in sorted(general | set(route.errors)):
        reason = route.errors.get(status)
        answer: dict[str, Any] = {"$ref": f"#/components/responses/{ERRORS[status].name}"}
        if reason is not None:
            answer["description"] = reason
        answers[str(status)] = answer
    return answers
