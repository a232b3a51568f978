"""How a call of a tool becomes a task: whoever answers it says so here, where the extension that wraps it looks."""

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from runloop_mcp.server.tasks.handle import TaskHandle

DEFER_SECONDS: Final = 2.0
"""How long a call is waited for that may become a task: what takes less is answered, which saves its client polls."""


class Deferral:
    """The leave to answer a call with a task, and the task, once there is one.

    Args:
        seconds: How long the call is waited for before.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.task: TaskHandle | None = None


DEFERRAL: ContextVar[Deferral | None] = ContextVar("deferral", default=None)
"""Set around a call whose client takes tasks."""
