"""Whether a server is ready: whether what is behind it could carry out what clients ask for."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import anyio
from anyio.abc import TaskGroup
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from runloop_mcp.api.errors import ApiError
from runloop_mcp.server.transports.exposure import is_loopback

FRESH_SECONDS: Final = 2.0
"""How long an answer holds, so that nobody makes the server look all the time."""

_WAIT_SECONDS: Final = 0.8
"""How long who asks waits; those who probe servers wait a second."""

_LOOK_SECONDS: Final = 60.0

_FORWARDING: Final = frozenset({"x-forwarded-for", "x-real-ip", "forwarded", "via"})

_log = logging.getLogger(__name__)

Check = Callable[[], Awaitable[None]]
"""Returns where all is well, and raises an `ApiError` that says what is not."""


class Readiness:
    """Answers at `/readyz`, while `running` is entered: 200 where all is well, else 503 with the reason.

    Args:
        check: Looks at what is behind the server.
    """

    def __init__(self, check: Check) -> None:
        self._check = check
        self._tasks: TaskGroup | None = None
        self._looked_at = -FRESH_SECONDS
        self._looking: anyio.Event | None = None
        self._missing: str | None = "It is still being looked at whether the server is ready."

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Holds the task that looks."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            try:
                yield
            finally:
                self._tasks = None
                tasks.cancel_scope.cancel()

    async def answer(self, request: Request) -> Response:
        """The answer of the route; the reason, which can name files, is told to this machine, and in the log."""
        if self._tasks is not None and self._looking is None and anyio.current_time() - self._looked_at > FRESH_SECONDS:
            self._looking = anyio.Event()
            self._tasks.start_soon(self._look, self._looking)
        if self._looking is not None:
            with anyio.move_on_after(_WAIT_SECONDS):
                await self._looking.wait()
        if self._missing is None:
            return JSONResponse({"status": "ready"})
        headers = {"retry-after": "2", "cache-control": "no-store"}
        message = self._missing if _is_near(request) else "The server is not ready; its log tells why."
        return JSONResponse({"code": "unavailable", "message": message}, 503, headers)

    async def _look(self, done: anyio.Event) -> None:
        before = self._missing
        try:
            with anyio.fail_after(_LOOK_SECONDS):
                await self._check()
            self._missing = None
        except ApiError as error:
            self._missing = str(error)
        except TimeoutError:
            self._missing = f"What is behind the server has not answered within {_LOOK_SECONDS:g} s."
        except Exception:  # noqa: BLE001  whoever asks is to learn that, and the log why
            _log.exception("Looking whether the server is ready failed.")
            self._missing = "The server met an error that it did not expect; its log tells more."
        finally:
            self._looked_at = anyio.current_time()
            self._looking = None
            done.set()
        if self._missing is not None and self._missing != before:
            _log.warning("The server is not ready: %s", self._missing)


def _is_near(request: Request) -> bool:
    """Whether who asks is on this machine, and no proxy speaks for somebody else."""
    client = request.client.host if request.client is not None else ""
    return is_loopback(client) and _FORWARDING.isdisjoint(request.headers)
