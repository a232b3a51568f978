"""Tokens of runs end with their runs: a while after, in which the solver can read its score."""

import time
from collections import OrderedDict
from typing import Final

from runloop_mcp.api.access import Access, Principal
from runloop_mcp.api.errors import NotFound, Unauthorized
from runloop_mcp.api.groups.runs import Runs
from runloop_mcp.api.models.run import RunState

GRACE_SECONDS: Final = 900.0
"""For how long a token is good after its run has ended."""

FRESH_SECONDS: Final = 60.0
"""For how long it is believed that a run goes on, at most. A stream is asked every second, and where runs are in the
cloud each look is a request; as it is less than the grace, no access goes on for longer than that."""

_GOING_ON: Final = frozenset({RunState.RUNNING, RunState.SCORING, RunState.SCORED})
_REMEMBERED: Final = 10_000
_OVER: Final = "The run of this token has ended, and with it the token."


class EndingWithRuns(Access):
    """Access in which whoever is bound to a run has none when that has ended.

    Args:
        access: Knows the keys and tokens.
        runs: All runs.
        grace_seconds: How long access goes on after the end.
    """

    def __init__(self, access: Access, runs: Runs, *, grace_seconds: float = GRACE_SECONDS) -> None:
        self._access = access
        self._runs = runs
        self._grace_seconds = grace_seconds
        self._good_until: OrderedDict[str, float] = OrderedDict()
        """By run: when to look again, on the monotonic clock."""

    async def authenticate(self, token: str) -> Principal:
        """The principal that a key or token stands for.

        Raises:
            Unauthorized: It is not known, was revoked or expired, or the run that it is for is over.
        """
        principal = await self._access.authenticate(token)
        if principal.run_id is not None and self._good_until.get(principal.run_id, 0.0) <= time.monotonic():
            await self._look(principal.run_id)
        return principal

    async def _look(self, run_id: str) -> None:
        try:
            run = await self._runs.retrieve(run_id)
        except NotFound:
            raise Unauthorized(_OVER) from None
        left = min(FRESH_SECONDS, self._grace_seconds)
        if run.state not in _GOING_ON:
            ended_ms = (run.x_runloop_mcp and run.x_runloop_mcp.end_time_ms) or (run.start_time_ms or 0) + (
                run.duration_ms or 0
            )
            left = min(FRESH_SECONDS, ended_ms / 1000 + self._grace_seconds - time.time())
            if left <= 0:
                raise Unauthorized(_OVER, hint="Whoever gave it to you can see the run.")
        self._good_until[run_id] = time.monotonic() + left
        if len(self._good_until) > _REMEMBERED:
            self._good_until.popitem(last=False)

    def sign(self, purpose: str, *, seconds: float) -> str:
        """See `Access.sign`."""
        return self._access.sign(purpose, seconds=seconds)

    def verify(self, purpose: str, token: str) -> None:
        """See `Access.verify`."""
        self._access.verify(purpose, token)
