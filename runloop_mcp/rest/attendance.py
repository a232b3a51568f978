"""Work for an answer that goes on only as long as somebody waits for it."""

from collections.abc import Awaitable, Callable

import anyio
from starlette.types import Receive

from runloop_mcp.api.errors import ApiError
from runloop_mcp.rest.answers import AnyAnswer
from runloop_mcp.rest.bodies import ClientLeft
from runloop_mcp.rest.failures import failed


async def while_there(receive: Receive, work: Callable[[], Awaitable[AnyAnswer]]) -> AnyAnswer:
    """The answer that `work` gives; `work` is cancelled when the client leaves, so that its connection is free at once.

    Args:
        receive: Tells that the client has left; its request is whole.
        work: Gives the answer.

    Raises:
        ClientLeft: The client has left.
    """
    answer: AnyAnswer | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(cancel_when_gone, receive, tasks.cancel_scope)
        try:
            answer = await work()
        except ApiError as error:
            answer = failed(error)
        tasks.cancel_scope.cancel()
    if answer is None:
        raise ClientLeft("The client went away.")
    return answer


async def cancel_when_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    """Waits until the client of a request that is whole has left, and cancels what is done for it."""
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
