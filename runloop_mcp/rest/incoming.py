"""The body of a request, as it comes in."""

from typing import Final

import anyio
from starlette.types import Message, Receive

_MOST_UNREAD_BYTES: Final = 64 * 2**20
_UNREAD_SECONDS: Final = 10.0


class Incoming:
    """Receives for the application, and knows whether all has come.

    Args:
        receive: From the server below.
    """

    __slots__ = ("_receive", "is_whole")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.is_whole = False

    async def receive(self) -> Message:
        """The next part of the request, or that the client went away."""
        message = await self._receive()
        if not message.get("more_body", False):
            self.is_whole = True
        return message

    async def read_away(self) -> None:
        """Takes what nobody wants of the body, within bounds.

        A client that is still sending reads no answer: closing its connection on it would lose the answer.
        """
        size = 0
        with anyio.move_on_after(_UNREAD_SECONDS):
            while not self.is_whole and size <= _MOST_UNREAD_BYTES:
                size += len((await self.receive()).get("body", b""))
