"""Pages of lists, as the wire has them: the items under a name of their own, and two counts."""

from functools import cache
from typing import Any, Protocol

from pydantic import BaseModel, Field, create_model

from runloop_mcp.api.models.base import Page, WireModel


class _PageModel(Protocol):
    def model_construct(self, **values: Any) -> BaseModel: ...


@cache
def page_model(page: type[Page[Any]], items: str) -> type[BaseModel]:
    """The model of a page whose items the wire calls `items`.

    Args:
        page: Such as `Page[ScenarioView]`.
        items: Such as `scenarios`.
    """
    item = page.__pydantic_generic_metadata__["args"][0]
    model: type[BaseModel] = create_model(
        f"{item.__name__.removesuffix('View')}ListView",
        __base__=WireModel,
        __doc__="One page of a list, newest first.",
        **{items: (list[item], Field())},  # type: ignore[call-overload, valid-type]  # made from what the route says
        has_more=(bool, Field(description="Whether there is a next page.")),
        total_count=(int, Field(ge=0, description="How many items match in all.")),
        remaining_count=(int, Field(ge=0, description="How many of them come after this page.")),
    )
    return model


def wire_page(model: _PageModel, items: str, page: Page[Any], *, is_first: bool) -> BaseModel:
    """A page of the ports as the wire has it."""
    remaining = _remaining(page, is_first=is_first)
    counts = {"total_count": page.total_count, "remaining_count": remaining}
    return model.model_construct(**{items: page.items}, has_more=page.has_more, **counts)


def _remaining(page: Page[Any], *, is_first: bool) -> int:
    if not page.has_more:
        return 0
    known: int | None = getattr(page, "remaining_count", None)
    if known is not None:
        return known
    # Without it, only of the first page is it known how many came before.
    return max(1, page.total_count - len(page.items)) if is_first else 1
