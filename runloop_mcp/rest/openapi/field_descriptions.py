"""What fields of models mean, as it stands below them in the source: the document tells it to clients.

Pydantic can read it as well, whenever a model is defined; that would make every start of a server slower.
"""

import ast
import inspect
from functools import cache

from pydantic import BaseModel


def field_descriptions(model: type[BaseModel]) -> dict[str, str]:
    """Name on the wire → what the field means, of the fields that are sent and say so."""
    texts: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            texts |= _texts(base)
    fields = {name: field for name, field in model.model_fields.items() if not field.exclude}
    return {fields[name].alias or name: text for name, text in texts.items() if name in fields}


@cache
def _texts(model: type[BaseModel]) -> dict[str, str]:
    """Likewise, of the fields that a class itself declares."""
    try:
        definition = ast.parse(inspect.getsource(model)).body[0]
    except OSError:  # a model that was made while the program runs, such as a page
        return {}
    if not isinstance(definition, ast.ClassDef):
        return {}
    texts: dict[str, str] = {}
    for declared, text in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(declared, ast.AnnAssign) and isinstance(declared.target, ast.Name) and (said := _said(text)):
            texts[declared.target.id] = said
    return texts


def _said(statement: ast.stmt) -> str | None:
    value = statement.value if isinstance(statement, ast.Expr) else None
    text = value.value if isinstance(value, ast.Constant) else None
    return " ".join(text.split()) if isinstance(text, str) else None
