"""JSON schemas of the wire's models: what requests may hold, and what answers do hold."""

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from runloop_mcp.rest.openapi.field_descriptions import field_descriptions

Mode = Literal["validation", "serialization"]

Schemas = dict[tuple[type[BaseModel], Mode], dict[str, Any]]
"""The schema of each model: mostly a reference into the components."""


def schemas(models: Iterable[tuple[type[BaseModel], Mode]]) -> tuple[Schemas, dict[str, Any]]:
    """The schemas of models, and the components that they refer to.

    Args:
        models: Models with `validation` for requests, `serialization` for answers.
    """
    wanted = sorted(set(models), key=lambda each: (each[0].__name__, each[1]))
    for model, _ in wanted:
        model.model_rebuild()
    generator = _WireSchema(by_alias=True, ref_template="#/components/schemas/{model}")
    found, components = generator.generate_definitions(
        [(model, mode, model.__pydantic_core_schema__) for model, mode in wanted]
    )
    return found, dict(components.items())


def query_schemas(model: type[BaseModel]) -> dict[str, dict[str, Any]]:
    """The schema of each parameter of a query, with nothing to refer to."""
    model.model_rebuild()
    schema = _QuerySchema(by_alias=True).generate(model.__pydantic_core_schema__)
    components = schema.get("$defs", {})
    return {name: _inlined(each, components) for name, each in schema["properties"].items()}


class _WireSchema(GenerateJsonSchema):
    """As the wire is: answers leave out what is None, and in requests a null is as good as an absent field."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """With what its fields mean."""
        json_schema = super().model_schema(schema)
        for name, text in field_descriptions(schema["cls"]).items():
            json_schema["properties"][name].setdefault("description", text)
        return json_schema

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Answers hold no nulls."""
        return (
            self.generate_inner(schema["schema"]) if self.mode == "serialization" else super().nullable_schema(schema)
        )

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """What may be absent may be null."""
        json_schema = super().default_schema(schema)
        if json_schema.get("default", 0) is None:
            del json_schema["default"]
        if self.mode == "serialization":
            json_schema.pop("default", None)
            return json_schema
        if schema["schema"]["type"] in {"nullable", "any"}:
            return json_schema
        default = {"default": json_schema.pop("default")} if "default" in json_schema else {}
        return {"anyOf": [json_schema, {"type": "null"}], **default}

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """Likewise what stands under a name of the client's own."""
        json_schema = super().dict_schema(schema)
        values = json_schema.get("additionalProperties")
        if self.mode == "validation" and isinstance(values, dict):
            json_schema["additionalProperties"] = {"anyOf": [values, {"type": "null"}]}
        return json_schema

    def field_is_required(
        self,
        field: core_schema.ModelField | core_schema.DataclassField | core_schema.TypedDictField,
        total: bool,
    ) -> bool:
        """Answers hold every field that can't be None."""
        if self.mode == "validation":
            return super().field_is_required(field, total)
        inner: Any = field["schema"]
        while inner["type"] == "default":
            inner = inner["schema"]
        return inner["type"] not in {"nullable", "any"}

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002  the framework's
        """Titles that repeat names say nothing."""
        return False


class _QuerySchema(_WireSchema):
    """As queries are: they have no nulls."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """A parameter that may be None may be absent."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Likewise one with a default."""
        json_schema = GenerateJsonSchema.default_schema(self, schema)
        if json_schema.get("default", 0) is None:
            del json_schema["default"]
        return json_schema


def _inlined(schema: Any, components: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_inlined(each, components) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return {**components[name], **{key: value for key, value in schema.items() if key != "$ref"}}
    return {key: _inlined(value, components) for key, value in schema.items()}
