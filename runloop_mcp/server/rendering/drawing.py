"""Plots in pixels, where the library that draws them is installed."""

from collections.abc import Sequence
from typing import Final

from anyio import to_thread

from runloop_mcp.api.errors import Unavailable
from runloop_mcp.api.models.run import ScenarioRunView
from runloop_mcp.server.rendering.plot import plot_of

_FUNCTIONS: Final = 20
"""Scoring functions that a picture has room for."""


async def drawn(name: str, runs: Sequence[ScenarioRunView]) -> bytes:
    """The scores of runs of one scenario as PNG, as `plot_of` lays them out.

    Raises:
        Unavailable: The library that draws it is not installed.
    """
    try:
        from runloop_mcp.server.rendering.plot_png import png  # noqa: PLC0415 - an extra brings what it needs
    except ImportError:
        raise Unavailable(
            "Plots in pixels need a library that is not installed on the server: pip install 'runloop-mcp[plots]'.",
            hint="The resource that ends in scores.svg is the same plot, and needs none.",
        ) from None
    return await to_thread.run_sync(png, plot_of(name, runs, most_functions=_FUNCTIONS))
