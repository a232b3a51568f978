"""What is told where an engine does not do what was asked of it."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from runloop_mcp.api.errors import Conflict, Unavailable
from runloop_mcp.devbox.sandbox.launch import Refused as BootRefused

from .engine import Refused

P = ParamSpec("P")
R = TypeVar("R")

BOOT_SECONDS = 60.0
"""How long a container may take from its start to its agent's first word."""

_NO_PYTHON = ("executable file not found", "no such file or directory")


def taken(devbox_id: str) -> Conflict:
    """What is told of an id that there is a devbox with."""
    return Conflict(f"There is a devbox {devbox_id} already.", hint="Resume it, or choose another id.", retryable=False)


def connect_failure(error: BaseException) -> BaseException:
    """What is told where an engine can't be spoken to."""
    if isinstance(error, Refused):
        return Unavailable(f"The container engine refuses to be used: {error.message}", hint="Look at its log.")
    if isinstance(error, OSError):
        return Unavailable(
            f"The state folder cannot be used: {error.strerror} ({error.filename}).",
            hint="Choose a folder that the server can write: --state-dir.",
        )
    return error


def create_failure(error: BaseException) -> BaseException:
    """What is told of a container that was not made."""
    if isinstance(error, Refused):
        return Unavailable(f"The container cannot be made: {error.message}", hint="Look at the engine's log.")
    return error


def boot_failure(error: BaseException, said: bytes) -> BaseException:
    """What is told of a boot that failed."""
    text = said.decode(errors="replace").strip()[-500:]
    if isinstance(error, Refused):
        if any(words in error.message for words in _NO_PYTHON) and "python3" in error.message:
            return Unavailable(
                "The image has no python3 on its PATH, which devboxes need.",
                hint="Install Python 3.9 or newer in it, or name another image: --docker-image.",
            )
        return Unavailable(f"The container cannot be started: {error.message}", hint="Look at the engine's log.")
    if isinstance(error, BootRefused):
        return Unavailable(f"The devbox cannot be booted: {text or error}.", hint="Look into its image.")
    if isinstance(error, TimeoutError):
        return Unavailable(f"The devbox did not boot within {BOOT_SECONDS:.0f} s. {text}".strip(), retryable=True)
    return error


def speaks_to_engine(method: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """Has a method raise `Unavailable` for what an engine refuses and nothing else has explained."""

    @wraps(method)
    async def speaking(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await method(*args, **kwargs)
        except Refused as refused:
            full = "no space" in refused.message
            hint = "Free some space on the engine's disk." if full else "Look at the engine's log."
            raise Unavailable(f"The container engine refused a request: {refused.message}", hint=hint) from refused

    return speaking
