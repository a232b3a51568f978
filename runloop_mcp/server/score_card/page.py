"""The page of the score card: one document with all that it needs, which asks no address for anything."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final

from mcp_types import ClientCapabilities, Tool

from runloop_mcp.server.score_card import APPS

URI: Final = "ui://runloop/score-card"
MIME_TYPE: Final = "text/html;profile=mcp-app"
META: Final[dict[str, Any]] = {
    "ui": {"csp": {"connectDomains": [], "resourceDomains": [], "frameDomains": []}, "prefersBorder": True}
}
"""What the host may let the page do, which is nothing beyond showing itself."""
_SHOWN_OF: Final = frozenset({"score_run", "get_score"})


@cache
def score_card_page() -> str:
    """The page: its markup with its styles and its script in their places."""
    folder = Path(__file__).parent
    page = (folder / "page.html").read_text(encoding="utf-8")
    for mark, name in (("/*style*/", "style.css"), ("/*script*/", "script.js")):
        page = page.replace(mark, (folder / name).read_text(encoding="utf-8").strip())
    return page


def shows_pages(client: ClientCapabilities | None) -> bool:
    """Whether a client says that it shows pages of this kind."""
    settings = ((client and client.extensions) or {}).get(APPS)
    return settings is not None and MIME_TYPE in (settings.get("mimeTypes") or ())


def linked(tools: Iterable[Tool]) -> list[Tool]:
    """The tools, as a client reads them that shows apps: those that give a score name the page."""
    return [_linked(tool) if tool.name in _SHOWN_OF else tool for tool in tools]


def _linked(tool: Tool) -> Tool:
    return tool.model_copy(update={"meta": {**(tool.meta or {}), "ui": {"resourceUri": URI}}})
