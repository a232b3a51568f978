"""A request that is sent again happens once: every retry carries the id of the first one.

The first is carried out in a task of its own, which goes on when its client goes away; every retry gets its answer.
Answers that are no success are forgotten at once: what failed changed nothing, and may succeed when it is tried again.
"""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

import anyio
from anyio.abc import TaskGroup

from runloop_mcp.api.errors import InvalidRequest, Unavailable
from runloop_mcp.rest.answers import Answer, AnyAnswer

KEEP_SECONDS: Final = 900.0
"""How long an answer is kept. Clients try five times more, half a minute apart, and for ten minutes at most."""

MOST_BYTES: Final = 64 * 1024 * 1024
MOST_ANSWERS: Final = 50_000
LONGEST_ID: Final = 256

Scope = tuple[str, str, str, str]
"""Principal, method, path and request id."""

Work = Callable[[], Awaitable[AnyAnswer]]


@dataclass(slots=True, eq=False)
class _Entry:
    fingerprint: bytes
    done: anyio.Event = field(default_factory=anyio.Event)
    answer: AnyAnswer | None = None
    expires: float = 0.0


class RequestIds:
    """The answers to requests that can come again. Bounded: what is kept longest is forgotten first.

    Args:
        tasks: Where requests are carried out.
        keep_seconds: How long an answer is kept.
        most_bytes: How much all answers may take; those under way don't count.
    """

    def __init__(self, tasks: TaskGroup, *, keep_seconds: float = KEEP_SECONDS, most_bytes: int = MOST_BYTES) -> None:
        self._tasks = tasks
        self._keep_seconds = keep_seconds
        self._most_bytes = most_bytes
        self._under_way: dict[Scope, _Entry] = {}
        self._answered: OrderedDict[Scope, _Entry] = OrderedDict()
        self._bytes = 0

    async def once(self, scope: Scope, content: bytes, work: Work) -> AnyAnswer:
        """The answer to a request, carried out now, or before.

        Args:
            scope: What the id is unique in, and the id.
            content: What has to be the same in a retry.
            work: Carries the request out; raises nothing.

        Raises:
            InvalidRequest: The id came with other content before.
            Unavailable: The server ends.
        """
        fingerprint = sha256(content).digest()
        self._forget_old()
        entry = self._under_way.get(scope) or self._answered.get(scope)
        if entry is None:
            entry = self._under_way[scope] = _Entry(fingerprint)
            self._tasks.start_soon(self._carry_out, scope, entry, work)
        elif entry.fingerprint != fingerprint:
            raise InvalidRequest(
                "This x-request-id came before, with another body or query.",
                hint="Send a new id with each new request; the same one only to repeat the very same request.",
            )
        await entry.done.wait()
        if entry.answer is None:
            raise Unavailable("The server is ending.", hint="Try again when it is back.", retryable=True)
        return entry.answer

    async def _carry_out(self, scope: Scope, entry: _Entry, work: Work) -> None:
        try:
            entry.answer = await work()
        finally:
            del self._under_way[scope]
            entry.done.set()
        if isinstance(entry.answer, Answer) and entry.answer.is_success:
            entry.expires = time.monotonic() + self._keep_seconds
            self._answered[scope] = entry
            self._bytes += len(entry.answer.body)

    def _forget_old(self) -> None:
        now = time.monotonic()
        while self._answered:
            scope, entry = next(iter(self._answered.items()))
            if entry.expires > now and self._bytes <= self._most_bytes and len(self._answered) <= MOST_ANSWERS:
                return
            del self._answered[scope]
            self._bytes -= len(entry.answer.body) if isinstance(entry.answer, Answer) else 0
