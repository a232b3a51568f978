"""Writes the README's tables of tools and settings from the code, between their markers; --check only compares."""

import re
import sys
from pathlib import Path

from runloop_mcp.cli.settings import Settings, variable
from runloop_mcp.server.tools.catalogue import TOOLS

README = Path(__file__).parents[1] / "README.md"


def tools_table() -> str:
    """The tools, with the first sentence of what a model is told of each."""
    rows = [f"| `{tool.name}` | {_first_sentence(tool.description)} |" for tool in TOOLS]
    return "\n".join(["| tool | what it does |", "|---|---|", *rows])


def settings_table() -> str:
    """The settings, with the variable that sets each."""
    rows = [f"| `{variable(name)}` | {field.description} |" for name, field in Settings.model_fields.items()]
    return "\n".join(["| variable | what it sets |", "|---|---|", *rows])


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.;:])\s", text, maxsplit=1)[0].rstrip(".;:") + "."


def written(text: str) -> str:
    """The README with its tables as the code has them."""
    for name, table in (("tools", tools_table()), ("settings", settings_table())):
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text, count = pattern.subn(lambda match, table=table: f"{match[1]}{table}\n{match[2]}", text)
        if count != 1:
            sys.exit(f"README.md has {count} places for the table of {name}; it needs one.")
    return text


if __name__ == "__main__":
    before = README.read_text(encoding="utf-8")
    after = written(before)
    if "--check" in sys.argv:
        sys.exit("The README's tables are not as the code has them; run: make readme" if after != before else 0)
    README.write_text(after, encoding="utf-8")
