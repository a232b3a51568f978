"""What is asked of the Runloop API: one request, and its place there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from runloop_mcp.api.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Ask:
    """One request."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    query: Mapping[str, Any] = field(default_factory=dict)
    request_id: str | None = None
    """What the server knows repeated requests by; one is made up where a request that changes something has none, and
    none is sent where this is empty, as the body names the request."""
    read_seconds: float | None = None
    """Until the answer has come; None: as usual."""
    long: bool = False
    """Whether it may take minutes."""
    upload: Callable[[], Any] | None = None
    """Makes the files of a form anew for each attempt, as `httpx` takes them; `body` then holds its other fields."""

    @property
    def about(self) -> str:
        """What errors call it."""
        return f"{self.method} {self.path}"

    @property
    def params(self) -> dict[str, Any] | None:
        """The query; None where there is none, as httpx takes an empty one for the wish to have none in the address."""
        query = {
            name: str(value).lower() if isinstance(value, bool) else value
            for name, value in self.query.items()
            if value is not None
        }
        return query or None


def place(template: str, *ids: str) -> str:
    """A path with ids in it, which may hold anything: `place("/v1/devboxes/{}", devbox_id)`.

    Raises:
        InvalidRequest: An id is blank, or is no name of anything.
    """
    for each in ids:
        if not each or each in {".", ".."} or not each.isprintable():
            raise InvalidRequest("An id is empty, or holds characters that no id has.", hint="Take it from a list.")
    return template.format(*(quote(each, safe="") for each in ids))
