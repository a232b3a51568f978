"""Waiting for what happens elsewhere: the server holds the answer back until it has, or for as long as it holds one."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, TypeVar

import anyio
import httpx

from runloop_mcp.api.errors import ApiError
from runloop_mcp.client.ask import Ask
from runloop_mcp.client.bodies import view_of
from runloop_mcp.client.retries import may_retry
from runloop_mcp.client.wire import Wire

View = TypeVar("View")

_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 20.0


async def poll(
    wire: Wire,
    ask: Callable[[float], Ask],
    model: type[View],
    *,
    wanted: Callable[[View], bool],
    seconds: float,
    longest: float,
) -> View | None:
    """What was waited for; None where that did not come in time.

    A server that answers early, and not with what is waited for, is asked less and less often.

    Args:
        wire: Where to ask.
        ask: Makes the request that is held for so many seconds.
        model: What its answer is.
        wanted: Whether it is what is waited for.
        seconds: How long to wait in all.
        longest: How long the server holds one request at most.

    Raises:
        ApiError: It was refused, or no answer came however often it was asked.
    """
    end = anyio.current_time() + seconds
    pause = _Pause(end)
    failures = 0
    while (left := end - anyio.current_time()) > 0:
        held = min(left, longest)
        began = anyio.current_time()
        request = replace(ask(held), read_seconds=held + wire.deadlines.read / 2)
        try:
            response = await _answer(wire, request)
        except ApiError as error:
            failures += 1
            if not error.retryable or failures >= wire.policy.most_attempts:
                raise
            await anyio.sleep(wire.policy.wait(failures) if error.retry_after is None else error.retry_after)
            continue
        failures = 0
        if response is not None:
            view = view_of(model, response.content, request.about)
            if wanted(view):
                return view
        if anyio.current_time() - began < held / 2:
            await pause.longer()
    return None


async def _answer(wire: Wire, ask: Ask) -> httpx.Response | None:
    """The answer, or None where the time of this one request ran out."""
    response = await wire.send_once(ask)
    if response.is_success:
        return response
    if response.status_code == httpx.codes.REQUEST_TIMEOUT:
        return None
    error = wire.error_of(response, ask)
    error.retryable = may_retry(response.status_code, response.headers)
    raise error


async def looked_at(look: Callable[[], Awaitable[View]], *, wanted: Callable[[View], bool], seconds: float) -> View:
    """What was waited for, or what is there when the time is over, where the wire has no way to wait.

    Looks less and less often, and once at the end.
    """
    end = anyio.current_time() + seconds
    pause = _Pause(end)
    while True:
        view = await look()
        if wanted(view) or anyio.current_time() >= end:
            return view
        await pause.longer()


class _Pause:
    """Pauses that get longer, and end with the wait that they are part of."""

    def __init__(self, end: float) -> None:
        self._end = end
        self._seconds = _FIRST_PAUSE

    async def longer(self) -> None:
        """Waits, twice as long as the last time."""
        await anyio.sleep(max(min(self._seconds, self._end - anyio.current_time()), 0))
        self._seconds = min(self._seconds * 2, _LONGEST_PAUSE)
