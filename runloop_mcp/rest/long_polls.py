"""Waits that a request holds: they block, and where the wait is over first, they answer 408, never early."""

from typing import Final

from runloop_mcp.api.errors import ApiError

DEFAULT_HOLD_SECONDS: Final = 25.0
"""How long a request is held that does not say: clients read for 30 seconds."""

_SOON_SECONDS: Final = 0.05


class StillWaiting(ApiError):
    """What was waited for has not happened yet; the same request waits on."""

    status = 408
    code = "timeout"
    retryable_by_default = True

    def __init__(self, message: str, *, hint: str = "Send the same request again to wait on.") -> None:
        # The wait was on our side, so the next one can begin at once.
        super().__init__(message, hint=hint, retry_after=_SOON_SECONDS)


def hold_seconds(asked: float | None, *, most: float) -> float:
    """How long a request is held.

    Args:
        asked: What it says, None where it does not.
        most: The longest that the wire knows for it; asking for longer means as long as that.
    """
    return min(DEFAULT_HOLD_SECONDS if asked is None else asked, most)
