"""Blueprints, as the wire has them."""

from runloop_mcp.api.models.base import WireModel


class BlueprintPreview(WireModel):
    """What would be built."""

    dockerfile: str
    """The steps of the build, as a Dockerfile."""
