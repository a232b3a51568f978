"""The page of the score card: one document with all that it needs, which asks no address for anything."""

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any, Final

from mcp.server.apps import APP_MIME_TYPE
from mcp_types import Tool

URI: Final = "ui://runloop/score-card"
MIME_TYPE: Final = APP_MIME_TYPE
META: Final[dict[str, Any]] = {
    "ui": {"csp": {"connectDomains": [], "resourceDomains": [], "frameDomains": []}, "prefersBorder": True}
}
"""What the host may let the page do, which is nothing beyond showing itself."""
_SHOWN_OF: Final = frozenset({"score_run", "get_score"})


@cache
def score_card_page() -> str:
    """The page: its markup with its styles and its script in their places."""
    folder = files(__package__)
    page = (folder / "page.html").read_text(encoding="utf-8")
    for mark, name in (("/*style*/", "style.css"), ("/*script*/", "script.js")):
        page = page.replace(mark, (folder / name).read_text(encoding="utf-8").strip())
    return page


def linked(tools: Iterable[Tool]) -> list[Tool]:
    """The tools, as a client reads them that shows apps: those that give a score name the page."""
    return [_linked(tool) if tool.name in _SHOWN_OF else tool for tool in tools]


def _linked(tool: Tool) -> Tool:
    return tool.model_copy(update={"meta": {**(tool.meta or {}), "ui": {"resourceUri": URI}}})
