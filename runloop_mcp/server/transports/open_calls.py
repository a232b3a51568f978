"""The calls in progress whose answers leave on a stream of their session, which has to stay open for them."""

from collections.abc import Iterator
from contextlib import contextmanager

import anyio


class StreamedCalls:
    """Counts calls that came over SSE: there a call is answered on the client's stream, not on its own request."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = anyio.Event()

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """One call is in progress within the block."""
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1
            self._changed.set()

    async def none_left(self) -> None:
        """Returns when no call is in progress."""
        while self._count:
            self._changed = anyio.Event()
            await self._changed.wait()
