"""The JSON schema of `scenario.yaml`, made from the format's models, for editors.

A test holds the file beside this module against it; `python -m runloop_mcp.engine.scenarios.schema` writes it anew.
"""

import json
from pathlib import Path
from typing import Any

from runloop_mcp.engine.scenarios.folder_format import ScenarioDocument

SCHEMA_FILE = Path(__file__).with_name("scenario.schema.json")


def schema_text() -> str:
    """The schema as it stands in the file."""
    schema = ScenarioDocument.model_json_schema()
    _simplify(schema)
    # Read from unquoted YAML, it is a number there, whereas the loader sees the text that was written.
    schema["properties"]["format"] = {"const": 1, "description": "The version of this format."}
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A scenario of runloop-mcp"}
    return json.dumps({**head, **schema}, indent=2, ensure_ascii=False) + "\n"


def _simplify(value: Any) -> None:
    """Takes out what an author has no use for: titles made from names, and null as a way to say absent."""
    if isinstance(value, list):
        for item in value:
            _simplify(item)
    if not isinstance(value, dict):
        return
    if isinstance(value.get("title"), str):
        del value["title"]
    if value.get("default", 0) is None:
        del value["default"]
    choices = value.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices and len(choices) == 2:
        (choice,) = (choice for choice in choices if choice != {"type": "null"})
        del value["anyOf"]
        value.update({**choice, **value})
    for item in list(value.values()):
        _simplify(item)


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
