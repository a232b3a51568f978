"""What is told of a devbox that is not there."""

from runloop_mcp.api.errors import NotFound


def gone(devbox_id: str, why: str = "") -> NotFound:
    """The error for one whose disk is gone; `why` is the API's word for it."""
    told = f": Runloop has shut it down ({why})" if why else ""
    return NotFound(f"The disk of the devbox {devbox_id} is gone{told}.", hint="Make a new devbox.")
