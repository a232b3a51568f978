"""The answer of operations that have nothing to say."""

from runloop_mcp.api.models.base import WireModel


class Nothing(WireModel):
    """An empty object: it is done."""
