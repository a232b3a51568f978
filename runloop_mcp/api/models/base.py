"""What all models of the wire share."""

from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field


class WireModel(BaseModel):
    """A value of the wire: unknown fields are kept, and field names are the wire's.

    Schemas are built at first use, not at import: a server must answer `initialize` before it needs any of them.
    """

    model_config = ConfigDict(extra="allow", defer_build=True, validate_by_name=True, validate_by_alias=True)


NOT_BLANK: Final[dict[str, Any]] = {"pattern": r"\S"}
"""What JSON schemas say of a text that can't be blank; whoever keeps it refuses one that is, in words of its own."""

ANSWERED: Final = "answered"
"""The context in which values are validated that another server answered with: its types may be newer than ours."""

T = TypeVar("T")


class Page(WireModel, Generic[T]):
    """One page of a list, newest first."""

    items: list[T]
    has_more: bool
    """Whether there is a next page: pass the last item's id as `starting_after`."""
    total_count: int
    """How many items match in all."""


class PageParams(WireModel):
    """Which page of a list."""

    limit: int = Field(default=20, ge=1, le=5000)
    starting_after: str | None = None
    """The id of the last item of the page before."""
    include_total_count: bool = True
    """Of the wire, where counting can be slow; here both counts are always there."""

    def __hash__(self) -> int:
        """Goes with equality, which compares all values: answers are remembered by what was asked."""
        return hash((self.limit, self.starting_after))
