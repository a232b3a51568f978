"""Pages of things as text: what there is, each in a line, and how to read on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from runloop_mcp.server.rendering.quantities import amount

if TYPE_CHECKING:
    from runloop_mcp.api.models.base import Page  # pydantic would make a model of what is only written here


class _HasId(Protocol):
    id: str


_Item = TypeVar("_Item", bound=_HasId)


def next_cursor(page: "Page[_Item]") -> str | None:
    """Where the next page begins; None where this is the last."""
    return page.items[-1].id if page.has_more and page.items else None


def page_text(tool: str, noun: str, lines: Sequence[str], total: int, cursor: str | None, *, none: str) -> str:
    """One page as text.

    Args:
        tool: The tool that lists them.
        noun: What they are, in the singular.
        lines: One for each.
        total: How many there are in all.
        cursor: Where the next page begins, if there is one.
        none: What to say where there are none.
    """
    if not lines:
        return none
    text = [f"{amount(total, noun)}, newest first:", *(f"- {line}" for line in lines)]
    if cursor:
        text.append(f'More: {tool}(cursor="{cursor}", …)')
    return "\n".join(text)


def facts(first: str, *rest: str | None) -> str:
    """A line: what it is called, then what is known of it."""
    known = [each for each in rest if each]
    return first + (f": {', '.join(known)}" if known else "")
